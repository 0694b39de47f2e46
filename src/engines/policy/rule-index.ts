// Leaves out, for one request, the allow rules whose guards it does not meet: the engine has no rule index, and with 1,000
// rules it would walk through all of them. Everything else is kept as it is.
import type { ParsedModule } from './ast.js';
import type { Variant } from './evaluator.js';
import { holds } from './rule-guards.js';
import type { Guard, GuardedRule, GuardName, PolicyFacts, PolicySource } from './types.js';

// Keeps `allow` declared in a file all of whose rules are left out.
const PLACEHOLDER = 'allow if false';
const SAYS_NOTHING = /^\s*((package|import)\s+[\w.]+(\s+as\s+\w+)?\s*)?(#.*)?$/;

// In this order: callers divide a set best.
const GUARD_NAMES: readonly GuardName[] = ['caller', 'tool', 'method'];

export interface RuleIndex {
  /** The part of the set that can answer this request. */
  select(facts: PolicyFacts): Variant;
  /** The set without the guarded rules. */
  bare(): readonly PolicySource[];
}

/** `rules` as findGuardedRules found them in these very sources. */
export function createRuleIndex(sources: readonly PolicySource[], rules: readonly GuardedRule[]): RuleIndex {
  const all = groupBySource(rules);
  const emptied = sources.map((source, i) => new EmptiedSource(source, all.get(i) ?? []));
  const buckets = fillBuckets(rules);
  // One of them has to declare `allow`; the others say nothing while none of their rules is kept.
  const declaring = emptied.findIndex((source) => source.isHollow);
  const part = (kept: readonly GuardedRule[]): PolicySource[] => {
    const bySource = groupBySource(kept);
    return emptied.flatMap((source, i) => (source.isHollow && i !== declaring && !bySource.has(i) ? [] : [source.with(bySource.get(i) ?? [])]));
  };
  return {
    bare: () => emptied.map((source) => source.with([])),
    select: (facts) => {
      const values: Record<GuardName, string> = { caller: facts.callerSpiffeId, tool: facts.toolName, method: facts.method };
      const kept = new Map<number, GuardedRule>();
      for (const name of GUARD_NAMES) {
        for (const rule of buckets[name].find(values[name])) {
          if (rule.guards.every((guard) => holds(guard, values[guard.name]))) kept.set(rule.id, rule);
        }
      }
      // Never empty: the empty key is the whole set's.
      return { key: `rules:${[...kept.keys()].join(',')}`, sources: () => part([...kept.values()]) };
    },
  };
}

/** How many rules the bare set must declare, if every cut falls exactly between two rules. */
export function countBareRules(modules: readonly ParsedModule[], rules: readonly GuardedRule[]): number {
  const declared = modules.reduce((sum, module) => sum + module.rules.length, 0);
  return declared - rules.length + new Set(rules.map((rule) => rule.source)).size;
}

/** Each rule under one of its guards. */
class Bucket {
  readonly #exact = new Map<string, GuardedRule[]>();
  /** By the prefix's length, then by the prefix: a value is looked up once for each length. */
  readonly #prefixes = new Map<number, Map<string, GuardedRule[]>>();

  add(guard: Guard, rule: GuardedRule): void {
    if ('values' in guard) {
      for (const value of new Set(guard.values)) append(this.#exact, value, rule);
      return;
    }
    const sameLength = this.#prefixes.get(guard.prefix.length) ?? new Map<string, GuardedRule[]>();
    this.#prefixes.set(guard.prefix.length, sameLength);
    append(sameLength, guard.prefix, rule);
  }

  find(value: string): readonly GuardedRule[] {
    const exact = this.#exact.get(value) ?? [];
    if (this.#prefixes.size === 0) return exact;
    return [...exact, ...[...this.#prefixes].flatMap(([length, rules]) => rules.get(value.slice(0, length)) ?? [])];
  }
}

function groupBySource(rules: readonly GuardedRule[]): ReadonlyMap<number, readonly GuardedRule[]> {
  const groups = new Map<number, GuardedRule[]>();
  for (const rule of rules) append(groups, rule.source, rule);
  return groups;
}

function append<Key>(map: Map<Key, GuardedRule[]>, key: Key, rule: GuardedRule): void {
  const rules = map.get(key);
  if (rules === undefined) map.set(key, [rule]);
  else rules.push(rule);
}

function fillBuckets(rules: readonly GuardedRule[]): Record<GuardName, Bucket> {
  const buckets = { caller: new Bucket(), tool: new Bucket(), method: new Bucket() };
  for (const rule of rules) {
    // Values divide a set better than prefixes, and one guard is enough to find a rule by.
    const byValue = (values: boolean): Guard | undefined => GUARD_NAMES.map((name) => rule.guards.find((guard) => guard.name === name && 'values' in guard === values)).find((guard) => guard !== undefined);
    const first = byValue(true) ?? byValue(false);
    if (first !== undefined) buckets[first.name].add(first, rule);
  }
  return buckets;
}

/** A source without its guarded rules, made once: putting a few back must not cost what all of them cost. */
class EmptiedSource {
  /** Nothing stands in it but its package, imports and comments. */
  readonly isHollow: boolean;
  readonly #file: string;
  readonly #text: string;
  readonly #whole: string;
  /** By rule id: where it stands in the whole text, and what stands in its place, in UTF-16 units. */
  readonly #gaps = new Map<number, { readonly start: number; readonly end: number; readonly at: number; readonly length: number }>();

  /** `rules`: those of this source, in its order. */
  constructor({ file, text }: PolicySource, rules: readonly GuardedRule[]) {
    this.#file = file;
    this.#whole = text;
    const unitsTo = createUnitCounter(text);
    let bare = '';
    let from = 0;
    for (const { id, start: startByte, end: endByte } of rules) {
      const start = unitsTo(startByte);
      const end = unitsTo(endByte);
      bare += text.slice(from, start);
      // Line feeds stay, so that an error still names the operator's own line.
      const blank = (this.#gaps.size === 0 ? PLACEHOLDER : '') + '\n'.repeat(linesIn(text, start, end));
      this.#gaps.set(id, { start, end, at: bare.length, length: blank.length });
      bare += blank;
      from = end;
    }
    this.#text = bare + text.slice(from);
    this.isHollow = rules.length > 0 && this.#text.replace(PLACEHOLDER, '').split('\n').every((line) => SAYS_NOTHING.test(line));
  }

  with(kept: readonly GuardedRule[]): PolicySource {
    const gaps = kept.flatMap(({ id }) => this.#gaps.get(id) ?? []).sort((one, other) => one.at - other.at);
    const parts: string[] = [];
    let from = 0;
    for (const { start, end, at, length } of gaps) {
      parts.push(this.#text.slice(from, at), this.#whole.slice(start, end));
      from = at + length;
    }
    return { file: this.#file, text: parts.join('') + this.#text.slice(from) };
  }
}

/** From offsets in bytes, asked in their order, to offsets in UTF-16 units. */
function createUnitCounter(text: string): (byte: number) => number {
  const bytes = Buffer.from(text);
  if (bytes.length === text.length) return (byte) => byte;
  let [doneBytes, doneUnits] = [0, 0];
  return (byte) => {
    doneUnits += bytes.toString('utf8', doneBytes, byte).length;
    doneBytes = byte;
    return doneUnits;
  };
}

function linesIn(text: string, start: number, end: number): number {
  let count = 0;
  for (let at = text.indexOf('\n', start); at !== -1 && at < end; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}
