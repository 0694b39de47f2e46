// Slips of the hand that load without a fault: inputs that are never there, and rules of the deciding package that nothing reads.
import { proposal } from '../../base/config/nearest.js';
import { isNode, list, member, refPath, referenceStart } from './ast.js';
import type { ParsedModule, ParsedRule, RefPath } from './ast.js';
import { INPUT_NAMES } from './input.js';
import type { PolicyWarning } from './types.js';

const DECIDING = 'precinct.authz';
const DECIDES = 'allow';

interface Reference {
  readonly path: RefPath;
  readonly line: number;
}

/** `modules` are those that decide, or are read by one that does. */
export function findSlips(modules: readonly ParsedModule[]): PolicyWarning[] {
  const walked = modules.map((module) => ({ module, ...walk(module) }));
  const references = walked.map(({ module, found }) => ({ module, found }));
  // `with` may put anything below input.
  const inputs = walked.some(({ usesWith }) => usesWith) ? [] : references.flatMap(({ module, found }) => inputSlips(module, found));
  return [...inputs, ...unreadRules(modules, references)];
}

function inputSlips(module: ParsedModule, references: readonly Reference[]): PolicyWarning[] {
  const warned = new Map<string, PolicyWarning>();
  for (const { path, line } of references) {
    const [first, second] = path.root === 'input' ? path.parts : [];
    if (first === undefined) continue;
    const inner = INPUT_NAMES.get(first);
    if (!INPUT_NAMES.has(first)) note(warned, module, line, '', first, [...INPUT_NAMES.keys()]);
    else if (second !== undefined && inner?.includes(second) === false) note(warned, module, line, `${first}.`, second, inner);
  }
  return [...warned.values()];
}

/** Once per name and file. */
function note(warned: Map<string, PolicyWarning>, module: ParsedModule, line: number, before: string, name: string, known: readonly string[]): void {
  const written = `input.${before}${name}`;
  if (warned.has(written)) return;
  const meant = proposal(name, known)?.replace('Did you mean ', `Did you mean input.${before}`);
  warned.set(written, { file: module.file, line, message: `${written} is never defined: a policy sees no such input.${meant === undefined ? '' : ` ${meant}`}` });
}

/** A rule that has a value beside true may be kept for later; one that says yes or collects was meant to decide. */
function unreadRules(modules: readonly ParsedModule[], references: readonly { readonly module: ParsedModule; readonly found: readonly Reference[] }[]): PolicyWarning[] {
  const read = readNames(modules, references);
  if (read === 'all') return [];
  const warned = new Map<string, PolicyWarning>();
  for (const module of modules) {
    for (const rule of module.rules) {
      const name = below(`${module.packageName}.${rule.name}`);
      if (name === undefined || name === DECIDES || read.has(name) || warned.has(name) || rule.kind === 'function') continue;
      const meant = proposal(name, [DECIDES]);
      if (meant === undefined && rule.kind === 'complete' && hasValue(rule)) continue;
      warned.set(name, { file: module.file, line: rule.span.line, message: `nothing reads ${DECIDING}.${name}: it decides nothing, ${DECIDING}.${DECIDES} alone does.${meant === undefined ? '' : ` ${meant}`}` });
    }
  }
  return [...warned.values()];
}

function hasValue(rule: ParsedRule): boolean {
  const value = member(member(member(member(rule.node, 'head'), 'Compr'), 'assign'), 'value') ?? member(rule.node, 'value');
  return value !== undefined && member(member(value, 'Bool'), 'value') !== true;
}

/** The names below the deciding package that anything reads; `all` where it is read as a whole. */
function readNames(modules: readonly ParsedModule[], references: readonly { readonly module: ParsedModule; readonly found: readonly Reference[] }[]): ReadonlySet<string> | 'all' {
  const imported = modules.flatMap(({ imports }) => imports.filter(({ path }) => path.root === 'data').map(({ path }) => path.parts.join('.')));
  const inPlace = references.flatMap(({ module, found }) => found.map(({ path }) => (path.root === 'data' ? path.parts.join('.') : [module.packageName, path.root, ...path.parts].join('.'))));
  const names = new Set<string>();
  for (const path of [...imported, ...inPlace]) {
    if (path === '' || path === DECIDING || DECIDING.startsWith(`${path}.`)) return 'all';
    const name = below(path);
    if (name !== undefined) names.add(name);
  }
  return names;
}

/** `allow` of `precinct.authz.allow.x`; undefined for what is not below the deciding package. */
function below(path: string): string | undefined {
  return path.startsWith(`${DECIDING}.`) ? path.slice(DECIDING.length + 1).split(/[.[]/, 1)[0] : undefined;
}

/** Every reference of a module but the heads' own names, which are no reading. */
function walk(module: ParsedModule): { readonly found: readonly Reference[]; readonly usesWith: boolean } {
  const found: Reference[] = module.imports.filter(({ path }) => path.root === 'input').map(({ path, span }) => ({ path, line: span.line }));
  let usesWith = false;
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (!isNode(node)) return;
    const path = 'RefDot' in node || 'RefBrack' in node || 'Var' in node ? refPath(node) : undefined;
    if (path !== undefined) {
      found.push({ path, line: referenceStart(node).line });
      return [...path.indexes, path.rootNode].forEach(visit);
    }
    usesWith ||= list(member(node, 'with_mods')).length > 0;
    Object.values(node).forEach(visit);
  };
  for (const { node } of module.rules) visitRule(node, visit);
  return { found, usesWith };
}

function visitRule(node: unknown, visit: (node: unknown) => void): void {
  const head = member(node, 'head');
  const own = isNode(head) ? Object.values(head)[0] : node;
  const { refr, ...rest } = isNode(own) ? own : { refr: undefined };
  visit(refPath(refr)?.indexes ?? []);
  visit(rest);
  if (isNode(head)) visit(member(node, 'bodies'));
}
