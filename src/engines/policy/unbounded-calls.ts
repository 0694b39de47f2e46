// Built-ins that take as long as their argument wants: the engine looks at the clock between the steps of an evaluation, never within one.
import { dotted, isNode, list, member, refPath, referenceStart } from './ast.js';
import type { ParsedModule, ParsedRule } from './ast.js';
import type { PolicyWarning } from './types.js';

/** Measured with regorus 0.14.1: `units.parse_bytes("1e3000000")` 1.9 s, `net.cidr_expand("0.0.0.0/0")` 4 s, `graph.reachable_paths` over 25 nodes 12 s and more, `object.union_n` of 8,000 objects 2.9 s. */
const UNBOUNDED = new Set(['units.parse', 'units.parse_bytes', 'net.cidr_expand', 'graph.reachable_paths', 'object.union_n']);
/** What a rule proves its argument's form or size with. */
const PROOF = /^(?:regex\.match|glob\.match|count|net\.cidr_contains)$/;
const CONSTANTS = ['String', 'RawString', 'Number', 'Bool', 'Null'];

/** Once for each function and rule that hands it what is not written there, and has looked at nothing's form before. */
export function findUnboundedCalls(modules: readonly ParsedModule[]): PolicyWarning[] {
  return modules.flatMap((module) => module.rules.flatMap((rule) => warningsOf(module, rule)));
}

function warningsOf(module: ParsedModule, { node }: ParsedRule): PolicyWarning[] {
  const calls = callsIn(node);
  if (calls.some(({ name }) => PROOF.test(name))) return [];
  const warned = new Map(calls.filter(({ name, fixed }) => UNBOUNDED.has(name) && !fixed).map(({ name, line }) => [name, line]));
  return [...warned].map(([name, line]) => ({
    file: module.file, line,
    message: `${name} takes as long as its argument wants, whatever policy.timeout_ms is, and every call of the thread waits: look at the argument's form first (regex.match, count) where a caller writes it.`,
  }));
}

interface Call {
  readonly name: string;
  readonly line: number;
  /** All of its arguments are constants. */
  readonly fixed: boolean;
}

function callsIn(node: unknown): Call[] {
  if (Array.isArray(node)) return node.flatMap(callsIn);
  if (!isNode(node)) return [];
  const inner = Object.values(node).flatMap(callsIn);
  const call = member(node, 'Call');
  if (!isNode(call)) return inner;
  const fcn = member(call, 'fcn');
  const fixed = list(member(call, 'params')).every((param) => isNode(param) && CONSTANTS.some((kind) => kind in param));
  return [{ name: dotted(refPath(fcn)), line: referenceStart(fcn).line, fixed }, ...inner];
}
