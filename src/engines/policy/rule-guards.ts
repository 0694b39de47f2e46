// Finds what an allow rule demands of caller, tool or method at the top level of its body: `input.tool == "…"`, one of a set,
// a prefix. A request with another value can't make the body hold, whatever else it says.
import { constantString, list, member, refPath, variableName } from './ast.js';
import type { ParsedModule, ParsedRule } from './ast.js';
import type { Guard, GuardedRule, GuardName } from './types.js';

/** Below this the whole set is evaluated faster than a part of it is made. */
const GUARDED_RULES_MIN = 16;
/** Every part of the set holds all other rules: above this many bytes of them a part takes longer to make (16 ms) than the whole set to evaluate. */
const OTHER_RULES_BYTES_MAX = 32 << 10;
const STARTSWITH = 'startswith';

const GUARDS: ReadonlyMap<string, GuardName> = new Map([
  ['caller_spiffe_id', 'caller'], ['spiffe_id', 'caller'], ['tool_name', 'tool'], ['tool', 'tool'], ['method', 'method'],
]);

export function holds(guard: Guard, value: string): boolean {
  return 'values' in guard ? guard.values.includes(value) : value.startsWith(guard.prefix);
}

/** Empty where an index would not pay or could not be sound. */
export function findGuardedRules(modules: readonly ParsedModule[], usesWith: boolean): readonly GuardedRule[] {
  // Under `with`, a rule may be asked about another input than the request's.
  if (usesWith) return [];
  const isOwn = modules.some((module) => module.rules.some((rule) => rule.name === STARTSWITH) || module.imports.some((one) => (one.alias ?? one.path.parts.at(-1)) === STARTSWITH));
  const rules = modules.flatMap((module, source) => (module.packageName === 'precinct.authz' ? module.rules : []).flatMap((rule) => {
    const guards = guardsOf(rule, isOwn);
    return guards.length === 0 ? [] : [{ source, start: rule.span.start, end: rule.span.end, guards }];
  }));
  const others = bytesOf(modules.flatMap((module) => module.rules.map(({ span }) => span))) - bytesOf(rules);
  return rules.length < GUARDED_RULES_MIN || others > OTHER_RULES_BYTES_MAX ? [] : rules.map((rule, id) => ({ id, ...rule }));
}

function bytesOf(spans: readonly { readonly start: number; readonly end: number }[]): number {
  return spans.reduce((sum, { start, end }) => sum + end - start, 0);
}

/** `startsWithIsOwn`: the policies have something of that name, which need not be the built-in. */
function guardsOf(rule: ParsedRule, startsWithIsOwn: boolean): GuardedRule['guards'] {
  if (rule.kind !== 'complete' || rule.isDefault || rule.dynamic || rule.name !== 'allow') return [];
  const bodies = list(rule.node['bodies']);
  // Several bodies are alternatives (or else-branches): then one guard doesn't stop the others.
  if (bodies.length !== 1) return [];
  return list(member(member(bodies[0], 'query'), 'stmts')).flatMap((statement) => {
    const expression = member(member(member(statement, 'literal'), 'Expr'), 'expr');
    return [equality(member(expression, 'BoolExpr')), membership(member(expression, 'Membership')), startsWithIsOwn ? undefined : prefix(member(expression, 'Call'))].flatMap((guard) => guard ?? []);
  });
}

/** `input.tool == "…"`, either way round. */
function equality(comparison: unknown): Guard | undefined {
  if (member(comparison, 'op') !== 'Eq') return undefined;
  for (const [one, other] of [['lhs', 'rhs'], ['rhs', 'lhs']] as const) {
    const name = guardName(member(comparison, one));
    const value = constantString(member(comparison, other));
    if (name !== undefined && value !== undefined) return { name, values: [value] };
  }
  return undefined;
}

/** `input.tool in {"…", "…"}`, or in an array. */
function membership(node: unknown): Guard | undefined {
  const name = guardName(member(node, 'value'));
  const collection = member(node, 'collection');
  const items = member(member(collection, 'Set') ?? member(collection, 'Array'), 'items');
  if (name === undefined || !Array.isArray(items) || (member(node, 'key') ?? null) !== null) return undefined;
  const values = items.map(constantString);
  return values.every((value) => value !== undefined) ? { name, values } : undefined;
}

/** `startswith(input.tool, "…")`. */
function prefix(call: unknown): Guard | undefined {
  const [text, start, ...more] = list(member(call, 'params'));
  const name = guardName(text);
  const value = constantString(start);
  if (variableName(member(call, 'fcn')) !== STARTSWITH || name === undefined || value === undefined || more.length > 0) return undefined;
  return { name, prefix: value };
}

function guardName(reference: unknown): GuardName | undefined {
  const path = refPath(reference);
  return path?.root !== 'input' || path.dynamic || path.parts.length !== 1 ? undefined : GUARDS.get(path.parts[0] ?? '');
}
