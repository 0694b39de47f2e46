// Leaves out, for one request, the allow rules that name another caller, tool or method: the engine has no rule index,
// and with 1,000 rules it would walk through all of them.
//
// A rule is left out only if its body demands `input.caller_spiffe_id == "…"` (or tool, or method) at its top level and
// the request has another value: then the body can't hold, whatever else it says. Everything else is kept as it is.
import { constantString, list, member, refPath } from './ast.js';
import type { ParsedModule, ParsedRule } from './ast.js';
import type { Variant } from './evaluator.js';
import type { PolicyReads } from './reads.js';
import type { PolicyFacts, PolicySource } from './types.js';

/** Below this the whole set is evaluated faster than a variant is built. */
const GUARDED_RULES_MIN = 16;
// Keeps `allow` declared in a file all of whose rules are left out.
const PLACEHOLDER = 'allow if false';

type GuardName = 'caller' | 'tool' | 'method';
const GUARDS: ReadonlyMap<string, GuardName> = new Map([
  ['caller_spiffe_id', 'caller'], ['spiffe_id', 'caller'], ['tool_name', 'tool'], ['tool', 'tool'], ['method', 'method'],
]);

interface GuardedRule {
  readonly id: number;
  readonly module: number;
  readonly start: number;
  readonly end: number;
  readonly guards: readonly { readonly name: GuardName; readonly value: string }[];
}

export interface RuleIndex {
  /** The set without any guarded rule, and how many rules that text must declare: a check that the cuts fall between rules. */
  readonly bare: { readonly sources: readonly PolicySource[]; readonly rules: number };
  /** The part of the set that can answer this request. */
  select(facts: PolicyFacts): Variant;
}

/** Undefined where an index would not pay or could not be sound. */
export function createRuleIndex(modules: readonly ParsedModule[], reads: PolicyReads): RuleIndex | undefined {
  // Under `with`, a rule may be asked about another input than the request's.
  if (reads.usesWith) return undefined;
  const rules = findGuardedRules(modules);
  if (rules.length < GUARDED_RULES_MIN) return undefined;
  const texts = modules.map((module) => Buffer.from(module.text));
  const buckets = fillBuckets(rules);
  const cut = (kept: ReadonlySet<number>): PolicySource[] => modules.map((module, i) => cutSource(module, i, texts[i] ?? Buffer.alloc(0), rules, kept));
  const declared = modules.reduce((sum, module) => sum + module.rules.length, 0);
  return {
    bare: { sources: cut(new Set()), rules: declared - rules.length + new Set(rules.map((rule) => rule.module)).size },
    select: (facts) => {
      const values: Record<GuardName, string> = { caller: facts.callerSpiffeId, tool: facts.toolName, method: facts.method };
      const kept = new Set<number>();
      for (const name of ['caller', 'tool', 'method'] as const) {
        for (const rule of buckets[name].get(values[name]) ?? []) {
          if (rule.guards.every((guard) => values[guard.name] === guard.value)) kept.add(rule.id);
        }
      }
      // Never empty: the empty key is the whole set's.
      const key = `rules:${[...kept].join(',')}`;
      return { key, sources: () => cut(kept) };
    },
  };
}

function findGuardedRules(modules: readonly ParsedModule[]): GuardedRule[] {
  const rules: GuardedRule[] = [];
  modules.forEach((module, at) => {
    if (module.packageName !== 'precinct.authz') return;
    for (const rule of module.rules) {
      const guards = guardsOf(rule);
      if (guards.length > 0) rules.push({ id: rules.length, module: at, start: rule.span.start, end: rule.span.end, guards });
    }
  });
  return rules;
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
    // The first of caller, tool, method: callers divide a set best.
    const first = (['caller', 'tool', 'method'] as const).map((name) => rule.guards.find((guard) => guard.name === name)).find((guard) => guard !== undefined);
    if (first === undefined) continue;
    const bucket = buckets[first.name].get(first.value);
    if (bucket === undefined) buckets[first.name].set(first.value, [rule]);
    else bucket.push(rule);
  }
  return buckets;
}

// Line feeds stay, so that an error still names the operator's own line.
function cutSource(module: ParsedModule, at: number, text: Buffer, rules: readonly GuardedRule[], kept: ReadonlySet<number>): PolicySource {
  const parts: string[] = [];
  let from = 0;
  let placeholder = PLACEHOLDER;
  for (const rule of rules) {
    if (rule.module !== at || kept.has(rule.id)) continue;
    parts.push(text.subarray(from, rule.start).toString('utf8'), placeholder, text.subarray(rule.start, rule.end).toString('utf8').replace(/[^\n]/g, ''));
    placeholder = '';
    from = rule.end;
  }
  return { file: module.file, text: parts.join('') + text.subarray(from).toString('utf8') };
}
