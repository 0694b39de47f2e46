// Leaves out, for one request, the allow rules that name another caller, tool or method: the engine has no rule index,
// and with 1,000 rules it would walk through all of them.
//
// A rule is left out only if its body demands `input.caller_spiffe_id == "…"` (or tool, or method) at its top level and
// the request has another value: then the body can't hold, whatever else it says. Everything else is kept as it is.
import { constantString, list, member, refPath } from './ast.js';
import type { ParsedModule, ParsedRule } from './ast.js';
import type { Variant } from './evaluator.js';
import type { PolicyFacts, PolicySource } from './types.js';

/** Below this the whole set is evaluated faster than a variant is built. */
const GUARDED_RULES_MIN = 16;
// Keeps `allow` declared in a file all of whose rules are left out.
const PLACEHOLDER = 'allow if false';

// In this order: callers divide a set best.
const GUARD_NAMES = ['caller', 'tool', 'method'] as const;
type GuardName = (typeof GUARD_NAMES)[number];
const GUARDS: ReadonlyMap<string, GuardName> = new Map([
  ['caller_spiffe_id', 'caller'], ['spiffe_id', 'caller'], ['tool_name', 'tool'], ['tool', 'tool'], ['method', 'method'],
]);

/** An allow rule that can be left out, and where it stands: byte offsets into the source of that number. */
export interface GuardedRule {
  readonly id: number;
  readonly source: number;
  readonly start: number;
  readonly end: number;
  readonly guards: readonly { readonly name: GuardName; readonly value: string }[];
}

export interface RuleIndex {
  /** The part of the set that can answer this request. */
  select(facts: PolicyFacts): Variant;
  /** The set without the guarded rules. */
  bare(): readonly PolicySource[];
}

/** `rules` as findGuardedRules found them in these very sources. */
export function createRuleIndex(sources: readonly PolicySource[], rules: readonly GuardedRule[]): RuleIndex {
  const texts = sources.map((source) => Buffer.from(source.text));
  const buckets = fillBuckets(rules);
  const cut = (kept: ReadonlySet<number>): PolicySource[] => sources.map((source, i) => ({ file: source.file, text: cutText(texts[i] ?? Buffer.alloc(0), rules.filter((rule) => rule.source === i && !kept.has(rule.id))) }));
  return {
    bare: () => cut(new Set()),
    select: (facts) => {
      const values: Record<GuardName, string> = { caller: facts.callerSpiffeId, tool: facts.toolName, method: facts.method };
      const kept = new Set<number>();
      for (const name of GUARD_NAMES) {
        for (const rule of buckets[name].get(values[name]) ?? []) {
          if (rule.guards.every((guard) => values[guard.name] === guard.value)) kept.add(rule.id);
        }
      }
      // Never empty: the empty key is the whole set's.
      return { key: `rules:${[...kept].join(',')}`, sources: () => cut(kept) };
    },
  };
}

/** Empty where an index would not pay or could not be sound. */
export function findGuardedRules(modules: readonly ParsedModule[], usesWith: boolean): readonly GuardedRule[] {
  // Under `with`, a rule may be asked about another input than the request's.
  if (usesWith) return [];
  const rules = modules.flatMap((module, source) => (module.packageName === 'precinct.authz' ? module.rules : []).flatMap((rule) => {
    const guards = guardsOf(rule);
    return guards.length === 0 ? [] : [{ source, start: rule.span.start, end: rule.span.end, guards }];
  }));
  return rules.length < GUARDED_RULES_MIN ? [] : rules.map((rule, id) => ({ id, ...rule }));
}

/** How many rules the bare set must declare, if every cut falls exactly between two rules. */
export function countBareRules(modules: readonly ParsedModule[], rules: readonly GuardedRule[]): number {
  const declared = modules.reduce((sum, module) => sum + module.rules.length, 0);
  return declared - rules.length + new Set(rules.map((rule) => rule.source)).size;
}

function guardsOf(rule: ParsedRule): GuardedRule['guards'] {
  if (rule.kind !== 'complete' || rule.isDefault || rule.dynamic || rule.name !== 'allow') return [];
  const bodies = list(rule.node['bodies']);
  // Several bodies are alternatives (or else-branches): then one guard doesn't stop the others.
  if (bodies.length !== 1) return [];
  return list(member(member(bodies[0], 'query'), 'stmts')).flatMap((statement) => {
    const comparison = member(member(member(member(statement, 'literal'), 'Expr'), 'expr'), 'BoolExpr');
    if (member(comparison, 'op') !== 'Eq') return [];
    return guardOf(member(comparison, 'lhs'), member(comparison, 'rhs')) ?? guardOf(member(comparison, 'rhs'), member(comparison, 'lhs')) ?? [];
  });
}

function guardOf(reference: unknown, constant: unknown): GuardedRule['guards'] | undefined {
  const path = refPath(reference);
  const value = constantString(constant);
  if (path === undefined || value === undefined || path.root !== 'input' || path.dynamic || path.parts.length !== 1) return undefined;
  const name = GUARDS.get(path.parts[0] ?? '');
  return name === undefined ? undefined : [{ name, value }];
}

function fillBuckets(rules: readonly GuardedRule[]): Record<GuardName, Map<string, GuardedRule[]>> {
  const buckets = { caller: new Map<string, GuardedRule[]>(), tool: new Map<string, GuardedRule[]>(), method: new Map<string, GuardedRule[]>() };
  for (const rule of rules) {
    const first = GUARD_NAMES.map((name) => rule.guards.find((guard) => guard.name === name)).find((guard) => guard !== undefined);
    if (first === undefined) continue;
    const bucket = buckets[first.name].get(first.value);
    if (bucket === undefined) buckets[first.name].set(first.value, [rule]);
    else bucket.push(rule);
  }
  return buckets;
}

// Line feeds stay, so that an error still names the operator's own line.
function cutText(text: Buffer, left: readonly GuardedRule[]): string {
  const parts: string[] = [];
  let from = 0;
  for (const rule of left) {
    const lines = text.subarray(rule.start, rule.end).toString('utf8').replace(/[^\n]/g, '');
    parts.push(text.subarray(from, rule.start).toString('utf8'), from === 0 ? PLACEHOLDER : '', lines);
    from = rule.end;
  }
  return parts.join('') + text.subarray(from).toString('utf8');
}
