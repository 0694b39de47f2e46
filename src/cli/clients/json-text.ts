// Servers in a JSON text with comments: read, set and removed so that every other character stays: comments, order, line ends.
import { getNodeValue, parseTree, printParseErrorCode, type Node, type ParseError } from 'jsonc-parser';
import { isDeepStrictEqual } from 'node:util';
import { recordOf } from '../reading.js';
import { applied, placeAt, propertiesOf, removeEdits, setEdits, type Edit } from './json-edits.js';
import { TextFault } from './text-fault.js';
import type { FileServer, ServersText } from './types.js';

/** `at`: the keys that lead to the servers. Throws TextFault. */
export function readJsonServers(body: string, at: readonly string[]): ServersText {
  const root = parse(body);
  const holder = holderOf(body, root, at);
  const servers = holder === undefined ? [] : propertiesOf(body, holder).map(({ key, value, whole }): FileServer => ({ name: key, value: valueOf(value), line: placeAt(body, whole.offset).line }));
  const before: unknown = root === undefined ? {} : valueOf(root);
  const checked = (edits: readonly Edit[], wanted: unknown): string => {
    const edited = applied(body, edits);
    const again = parse(edited);
    if (again === undefined || !isDeepStrictEqual(valueOf(again), wanted)) throw new TextFault('this text cannot be changed without changing something else.', { line: 1, column: 1 });
    return edited;
  };
  return {
    servers,
    set: (name, entry) => {
      const known = servers.find((server) => server.name === name);
      if (known !== undefined && isDeepStrictEqual(known.value, entry)) return body;
      return checked(setEdits(body, root, at, name, entry), withServer(before, at, name, entry));
    },
    remove: (name) => {
      if (holder === undefined || !servers.some((server) => server.name === name)) return body;
      return checked(removeEdits(body, holder, name), withServer(before, at, name, undefined));
    },
  };
}

/** With ordinary objects, as all other values here have. */
function valueOf(node: Node): unknown {
  return JSON.parse(JSON.stringify(getNodeValue(node))) as unknown;
}

function parse(body: string): Node | undefined {
  const errors: ParseError[] = [];
  const root = parseTree(body, errors, { allowTrailingComma: true, allowEmptyContent: true });
  const [first] = errors;
  if (first !== undefined) throw new TextFault(`${wordsOf(first)}.`, placeAt(body, first.offset));
  if (root !== undefined && root.type !== 'object') throw new TextFault('an object is expected here.', placeAt(body, root.offset));
  return root;
}

/** `PropertyNameExpected` as words. */
function wordsOf({ error }: ParseError): string {
  return printParseErrorCode(error).replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
}

/** The object of the servers; undefined where it is not there. What is written twice is read by nobody alike. */
function holderOf(body: string, root: Node | undefined, at: readonly string[]): Node | undefined {
  let node = root;
  for (const key of at) {
    if (node === undefined) return undefined;
    node = propertiesOf(body, node).find((property) => property.key === key)?.value;
    if (node !== undefined && node.type !== 'object') throw new TextFault(`${key} is no object.`, placeAt(body, node.offset));
  }
  if (node !== undefined) propertiesOf(body, node);
  return node;
}

/** The value with one server set, or taken out. */
function withServer(value: unknown, [key, ...rest]: readonly string[], name: string, entry: unknown): unknown {
  const record = recordOf(value);
  if (key === undefined) return Object.fromEntries([...Object.entries(record).filter(([known]) => known !== name || entry !== undefined), ...(entry === undefined ? [] : [[name, entry] as const])]);
  return { ...record, [key]: withServer(record[key], rest, name, entry) };
}
