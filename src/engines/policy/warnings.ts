// What of a policy set loads but deserves a person's eye: packages that decide nothing, slips in names, rules that can't both hold without a fault, and calls that may never end.
import { proposal } from '../../base/config/nearest.js';
import { constantString, isNode, list, member, refPath } from './ast.js';
import type { ParsedModule, ParsedRule } from './ast.js';
import { findSlips } from './slips.js';
import type { PolicyWarning } from './types.js';
import { findUnboundedCalls } from './unbounded-calls.js';

const DECIDING = 'precinct.authz';
const ALLOW = `${DECIDING}.allow`;
const PLACES_SHOWN = 3;
/** As `valueText` writes it. */
const TRUE = '{"Bool":{"value":true}}';
/** The engine's own marks on a node: they differ where the text is the same. */
const MARKS = new Set(['span', 'eidx', 'sidx', 'line', 'col', 'start', 'end']);

export function findWarnings(modules: readonly ParsedModule[]): PolicyWarning[] {
  const used = reachable(modules);
  const idle = modules.filter((module) => !used.has(module) && module.rules.length > 0).map(idleWarning);
  const deciding = modules.filter((module) => used.has(module));
  return [...idle, ...findSlips(deciding), ...deciding.flatMap(shapeWarnings), ...conflictWarnings(deciding), ...findUnboundedCalls(deciding)];
}

function idleWarning(module: ParsedModule): PolicyWarning {
  const meant = proposal(module.packageName, [DECIDING]);
  return {
    file: module.file, line: packageLine(module),
    message: `package ${module.packageName} defines no rule in ${DECIDING}, and nothing that decides imports it: its rules decide nothing.${meant === undefined ? '' : ` ${meant}`}`,
  };
}

/** 1 where the line can't be told. */
function packageLine(module: ParsedModule): number {
  return module.text.split('\n').findIndex((line) => /^\s*package\s/.test(line)) + 1 || 1;
}

/** The modules that add to data.precinct.authz, and those whose packages these read, and so on. */
function reachable(modules: readonly ParsedModule[]): ReadonlySet<ParsedModule> {
  const found = new Set(modules.filter(decides));
  for (const module of found) {
    const paths = dataPaths(module);
    for (const other of modules) if (!found.has(other) && paths.some((path) => overlap(path, other.packageName))) found.add(other);
  }
  return found;
}

function decides(module: ParsedModule): boolean {
  return within(module.packageName, DECIDING) || module.rules.some((rule) => within(`${module.packageName}.${rule.name}`, DECIDING));
}

function within(path: string, parent: string): boolean {
  return path === parent || path.startsWith(`${parent}.`);
}

/** A reference to the package, to something in it, or to something that holds it. */
function overlap(path: string, packageName: string): boolean {
  return path === '' || within(path, packageName) || within(packageName, path);
}

/** What a module reads below `data`, through imports or directly; '' = all of it. */
function dataPaths(module: ParsedModule): string[] {
  const imported = module.imports.filter(({ path }) => path.root === 'data').map(({ path }) => path.parts.join('.'));
  const paths = new Set(imported);
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (!isNode(node)) return;
    const path = 'RefDot' in node || 'RefBrack' in node || 'Var' in node ? refPath(node) : undefined;
    if (path?.root === 'data') paths.add(path.parts.join('.'));
    if (path !== undefined) return [...path.indexes, path.rootNode].forEach(visit);
    Object.values(node).forEach(visit);
  };
  module.rules.map(({ node }) => node).forEach(visit);
  return [...paths];
}

/** An `allow` that is neither a boolean nor {allow, reason} is a fault of every call for which it holds. */
function shapeWarnings(module: ParsedModule): PolicyWarning[] {
  return module.rules.filter((rule) => nameOf(module, rule) === ALLOW && (rule.kind !== 'complete' || isWrongValue(rule))).map((rule) => ({
    file: module.file, line: rule.span.line,
    message: `${ALLOW} must be a boolean or {"allow": boolean, "reason": string}: with this rule a call is refused with authz_evaluation_error.`,
  }));
}

function isWrongValue(rule: ParsedRule): boolean {
  const value = valueOf(rule);
  return ['String', 'RawString', 'Number', 'Null', 'Array', 'Set'].some((kind) => isNode(value) && kind in value);
}

/** Two definitions with different values: when both hold, the engine gives up. */
function conflictWarnings(modules: readonly ParsedModule[]): PolicyWarning[] {
  const byName = new Map<string, Definition[]>();
  for (const module of modules) {
    for (const rule of module.rules) {
      if (rule.kind !== 'complete' || rule.isDefault || rule.dynamic) continue;
      const name = nameOf(module, rule);
      byName.set(name, [...(byName.get(name) ?? []), { name, module, rule, value: valueText(rule), demands: demandsOf(rule) }]);
    }
  }
  return [...byName.values()].flatMap((definitions) => {
    const usual = definitions.find(({ value }) => value === TRUE)?.value ?? mostFrequent(definitions.map(({ value }) => value));
    return definitions.filter(({ value }) => value !== usual).flatMap((one) => conflictOf(one, definitions));
  });
}

interface Definition {
  readonly name: string;
  readonly module: ParsedModule;
  readonly rule: ParsedRule;
  readonly value: string;
  /** `input.x == "…"` at the top level of the body. */
  readonly demands: ReadonlyMap<string, string>;
}

function conflictOf(one: Definition, definitions: readonly Definition[]): PolicyWarning[] {
  const others = definitions.filter((other) => other.value !== one.value && !excludes(one, other));
  if (others.length === 0) return [];
  const places = others.slice(0, PLACES_SHOWN).map(({ module, rule }) => `${module.file}:${rule.span.line}`).join(', ');
  const more = others.length > PLACES_SHOWN ? ` and ${others.length - PLACES_SHOWN} more` : '';
  return [{
    file: one.module.file, line: one.rule.span.line,
    message: `${one.name} has another value at ${places}${more}: a call for which both hold is refused with authz_evaluation_error.`,
  }];
}

function excludes(one: Definition, other: Definition): boolean {
  return [...one.demands].some(([path, value]) => other.demands.has(path) && other.demands.get(path) !== value);
}

/** Of a rule with a single body; others could hold in more than one way. */
function demandsOf(rule: ParsedRule): Map<string, string> {
  const bodies = list(member(rule.node, 'bodies'));
  const demands = new Map<string, string>();
  if (bodies.length !== 1) return demands;
  for (const statement of list(member(member(bodies[0], 'query'), 'stmts'))) {
    const compared = member(member(member(member(statement, 'literal'), 'Expr'), 'expr'), 'BoolExpr');
    if (member(compared, 'op') !== 'Eq') continue;
    const [left, right] = [member(compared, 'lhs'), member(compared, 'rhs')];
    note(left, right, demands);
    note(right, left, demands);
  }
  return demands;
}

function note(reference: unknown, constant: unknown, demands: Map<string, string>): void {
  const path = refPath(reference);
  const value = constantString(constant);
  if (path?.root === 'input' && !path.dynamic && value !== undefined) demands.set(path.parts.join('.'), value);
}

function nameOf(module: ParsedModule, rule: ParsedRule): string {
  return `${module.packageName}.${rule.name}`;
}

/** Undefined = true, as of `allow if …`. */
function valueOf(rule: ParsedRule): unknown {
  return member(member(member(member(rule.node, 'head'), 'Compr'), 'assign'), 'value');
}

function valueText(rule: ParsedRule): string {
  const value = valueOf(rule);
  return value === undefined ? TRUE : JSON.stringify(value, (key, held: unknown) => (MARKS.has(key) ? undefined : withoutPlaces(held)));
}

/** Object fields come as [place, key, value]. */
function withoutPlaces(held: unknown): unknown {
  return Array.isArray(held) ? held.filter((item) => !(isNode(item) && 'line' in item && 'col' in item)) : held;
}

function mostFrequent(values: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce<readonly [string, number] | undefined>((best, entry) => (best === undefined || entry[1] > best[1] ? entry : best), undefined)?.[0];
}
