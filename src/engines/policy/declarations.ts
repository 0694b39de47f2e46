// What the modules of a set declare, and the mistakes in it that the engine itself would only tell at the first request.
import { dotted, isNode, list, member, refPath, referenceStart } from './ast.js';
import type { AstSpan, ParsedModule } from './ast.js';
import { PolicyError } from './types.js';
import type { PolicySet } from './types.js';

/** Resolves the functions a call may mean: the engine's builtins and the set's own. */
export interface FunctionTable {
  isKnown(module: ParsedModule, name: string): boolean;
  /** Undefined for the set's own functions. */
  builtinArity(module: ParsedModule, name: string): number | undefined;
}

export function describePackages(modules: readonly ParsedModule[]): PolicySet['packages'] {
  return modules.map((module) => ({
    name: module.packageName,
    file: module.file,
    rules: module.rules.map((rule) => ({ name: rule.name, line: rule.span.line })),
  }));
}

export function collectFunctions(modules: readonly ParsedModule[], builtins: ReadonlyMap<string, number>): FunctionTable {
  const own = new Set<string>();
  for (const module of modules) {
    for (const rule of module.rules) if (rule.kind === 'function') own.add(`data.${module.packageName}.${rule.name}`);
  }
  const isOwn = (module: ParsedModule, name: string): boolean =>
    own.has(name) || own.has(`data.${module.packageName}.${name}`) || own.has(throughImports(module, name));
  return {
    isKnown: (module, name) => name === 'print' || builtins.has(name) || isOwn(module, name),
    builtinArity: (module, name) => (isOwn(module, name) ? undefined : builtins.get(name)),
  };
}

function throughImports(module: ParsedModule, name: string): string {
  const [first = '', ...rest] = name.split('.');
  for (const imported of module.imports) {
    const alias = imported.alias ?? imported.path.parts.at(-1);
    if (alias === first) return [dotted(imported.path), ...rest].join('.');
  }
  return '';
}

/** Throws for the first mistake found. */
export function checkDeclarations(modules: readonly ParsedModule[], functions: FunctionTable): void {
  checkDefaults(modules);
  for (const module of modules) {
    for (const rule of module.rules) checkCalls(rule.node, module, functions);
  }
}

// The engine silently takes one of two defaults; which one would decide between allow and deny.
function checkDefaults(modules: readonly ParsedModule[]): void {
  const first = new Map<string, { file: string; span: AstSpan }>();
  for (const module of modules) {
    for (const rule of module.rules) {
      if (!rule.isDefault) continue;
      const path = `data.${module.packageName}.${rule.name}`;
      const earlier = first.get(path);
      if (earlier !== undefined) {
        throw fault(`a second default for ${path}: the first is at ${earlier.file}:${earlier.span.line}; keep one of them`, module, rule.span);
      }
      first.set(path, { file: module.file, span: rule.span });
    }
  }
}

function checkCalls(node: unknown, module: ParsedModule, functions: FunctionTable): void {
  if (Array.isArray(node)) {
    for (const item of node) checkCalls(item, module, functions);
    return;
  }
  if (!isNode(node)) return;
  const call = member(node, 'Call');
  if (isNode(call)) checkCall(call, module, functions);
  for (const child of Object.values(node)) checkCalls(child, module, functions);
}

function checkCall(call: unknown, module: ParsedModule, functions: FunctionTable): void {
  const name = dotted(refPath(member(call, 'fcn')));
  if (!functions.isKnown(module, name)) throw fault(`no function ${name}: neither a builtin of this engine nor declared in the set`, module, referenceStart(member(call, 'fcn')));
  const arity = functions.builtinArity(module, name);
  const given = list(member(call, 'params')).length;
  // One more than the arity: the last one takes the result.
  if (arity !== undefined && given !== arity && given !== arity + 1) {
    throw fault(`${name} takes ${arity} argument${arity === 1 ? '' : 's'}, ${given} given`, module, referenceStart(member(call, 'fcn')));
  }
}

function fault(message: string, module: ParsedModule, span: AstSpan): PolicyError {
  return new PolicyError(message, module.file, span.line, span.col);
}
