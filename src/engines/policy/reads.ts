// Finds what a policy set can read: which members of the input, and whether anything beside the input can change its answer.
// Every loaded module counts, reachable or not: reading too much costs cache hits, reading too little would be a hole.
import { constantString, dotted, list, member, isNode, refPath } from './ast.js';
import type { ParsedModule, RefPath } from './ast.js';
import type { FunctionTable } from './declarations.js';

export interface PolicyReads {
  /** Dotted paths below `input`, sorted; `*` = all of it. */
  readonly inputs: readonly string[];
  /** Whether any module replaces parts of the input or functions while it evaluates. */
  readonly usesWith: boolean;
  readonly cacheable: boolean;
  readonly because: string;
}

// Answers that depend on more than the arguments (or may one day): time, randomness, network, the machine, output.
const IMPURE_CALL = /^(?:time|rand|uuid|http|opa|rego|io\.jwt|net\.lookup_\w+|providers)(?:\.|$)|^(?:print|trace)$/;

const WITH_OBSTACLE = 'it uses `with`';

/** What the names of functions mean in one module. */
interface Calls {
  readonly isKnown: (name: string) => boolean;
  /** And nothing in the set is put in the place of a function. */
  readonly isBuiltin: (name: string) => boolean;
}

interface Findings {
  readonly paths: Set<string>;
  readonly obstacles: Set<string>;
}

export function findReads(modules: readonly ParsedModule[], functions: FunctionTable): PolicyReads {
  const findings: Findings = { paths: new Set(), obstacles: new Set() };
  const anotherGet = modules.some(({ rules }) => rules.some(({ node }) => replacesFunction(node)));
  for (const module of modules) {
    for (const imported of module.imports) readImport(imported, findings);
    const calls: Calls = { isKnown: (name) => functions.isKnown(module, name), isBuiltin: (name) => !anotherGet && functions.builtinArity(module, name) !== undefined };
    for (const rule of module.rules) visit(rule.node, findings, calls);
  }
  const inputs = [...findings.paths].sort();
  if (inputs.some((path) => path === 'time' || path.startsWith('time.'))) findings.obstacles.add('it reads input.time');
  const [because] = findings.obstacles;
  return {
    inputs,
    usesWith: findings.obstacles.has(WITH_OBSTACLE),
    cacheable: because === undefined,
    because: because ?? 'its answer depends on these inputs alone',
  };
}

/** Whether a `with` anywhere below puts something in the place of a function, for whatever rule it then asks. */
function replacesFunction(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(replacesFunction);
  if (!isNode(node)) return false;
  const targets = list(member(node, 'with_mods')).map((one) => refPath(member(one, 'refr'))?.root);
  return targets.some((root) => root !== 'input' && root !== 'data') || Object.values(node).some(replacesFunction);
}

// `import input.session as s`: whatever is read through the name lies below the path.
function readImport(imported: ParsedModule['imports'][number], findings: Findings): void {
  if (imported.path.root !== 'input') return;
  // A plain `import input` means nothing; under another name it is a way to all of it.
  if (imported.path.parts.length > 0 || imported.alias !== undefined) readInput(imported.path, findings);
}

function visit(node: unknown, findings: Findings, calls: Calls): void {
  if (Array.isArray(node)) {
    for (const item of node) visit(item, findings, calls);
    return;
  }
  if (!isNode(node)) return;
  const call = member(node, 'Call');
  if (isNode(call)) {
    readCall(call, findings, calls);
    visit(readByGet(call, findings, calls) ? list(member(call, 'params')).slice(1) : member(call, 'params'), findings, calls);
    return;
  }
  const path = 'RefDot' in node || 'RefBrack' in node || 'Var' in node ? refPath(node) : undefined;
  if (path !== undefined) {
    if (path.root === 'input') readInput(path, findings);
    visit(path.indexes, findings, calls);
    visit(path.rootNode, findings, calls);
    return;
  }
  if (list(member(node, 'with_mods')).length > 0) findings.obstacles.add(WITH_OBSTACLE);
  for (const child of Object.values(node)) visit(child, findings, calls);
}

function readInput(path: RefPath, findings: Findings): void {
  if (path.parts.length > 0) {
    findings.paths.add(path.parts.join('.'));
    return;
  }
  findings.paths.add('*');
  findings.obstacles.add(path.dynamic ? 'it reads input by a computed name' : 'it uses the input as a whole');
}

/** `object.get(input.arguments, "path", "")`, also with a row of names, reads what it names: true, and its object is read. A set's own function of that name does not. */
function readByGet(call: unknown, findings: Findings, { isBuiltin }: Calls): boolean {
  const name = dotted(refPath(member(call, 'fcn')));
  if (name !== 'object.get' || !isBuiltin(name)) return false;
  const [object, key] = list(member(call, 'params'));
  const path = refPath(object);
  const row = member(member(key, 'Array'), 'items');
  const names = (row === undefined ? [key] : list(row)).map(constantString);
  if (path?.root !== 'input' || path.dynamic || names.length === 0 || !names.every((one) => one !== undefined)) return false;
  readInput({ ...path, parts: [...path.parts, ...names] }, findings);
  return true;
}

function readCall(call: unknown, findings: Findings, { isKnown }: Calls): void {
  const path = refPath(member(call, 'fcn'));
  const name = dotted(path);
  if (path === undefined || path.dynamic || path.rootNode !== undefined) findings.obstacles.add('it calls a function by a computed name');
  else if (IMPURE_CALL.test(name)) findings.obstacles.add(`it calls ${name}`);
  else if (!isKnown(name)) findings.obstacles.add(`it calls ${name}, which the engine doesn't know`);
}
