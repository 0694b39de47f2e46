// Turns what a zod schema found wrong into faults with file, line, what is allowed and the nearest key.
import * as z from 'zod';
import { ConfigFault } from './fault.js';
import { proposal } from './nearest.js';
import type { KeyPath, YamlFile } from './yaml-lines.js';

/** All faults of a file as one ConfigFault (the first; the rest in `others`). */
export function faultOfSchema(yaml: YamlFile, schema: z.ZodType, error: z.ZodError): ConfigFault {
  const faults = error.issues.flatMap((issue) => faultsOfIssue(yaml, schema, issue));
  return joinFaults(faults.toSorted((a, b) => a.line - b.line || a.column - b.column));
}

/** One fault that carries the others. The list must not be empty. */
export function joinFaults(faults: readonly ConfigFault[]): ConfigFault {
  const [first, ...others] = faults;
  if (first === undefined) throw new RangeError('joinFaults needs a fault');
  return new ConfigFault(first.message, first, others);
}

type Issue = z.core.$ZodIssue;

function faultsOfIssue(yaml: YamlFile, schema: z.ZodType, issue: Issue): ConfigFault[] {
  const path = issue.path.filter((step): step is string | number => typeof step !== 'symbol');
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(yaml, schema, path, key));
  // Of a record: what is wrong is the key, and what is said of it stands one deeper.
  if (issue.code === 'invalid_key') return issue.issues.map(({ message }) => new ConfigFault(`${showPath(path)}: the name ${lowerFirst(message)}.`, { file: yaml.file, ...yaml.placeOfKey(path), remedy: allowedAt(schema, path.slice(0, -1)) }));
  const remedy = allowedAt(schema, path);
  return [new ConfigFault(`${showPath(path)}: ${wordsOf(issue)}.`, { file: yaml.file, ...yaml.placeOf(path), remedy })];
}

const KINDS: Readonly<Record<string, string>> = { object: 'a group of keys', record: 'a group of keys', array: 'a list', string: 'a text', number: 'a number', int: 'a whole number', boolean: 'true or false', null: 'nothing' };

/** Of a wrong type what a person wrote and should write, in place of zod's words; what the schema says itself stays. */
function wordsOf(issue: Issue): string {
  if (issue.code !== 'invalid_type' || !issue.message.startsWith('Invalid input: ')) return lowerFirst(issue.message);
  const received = /received (\w+)$/.exec(issue.message)?.[1] ?? 'undefined';
  const expected = `expected ${KINDS[issue.expected] ?? issue.expected}`;
  return received === 'undefined' ? `missing, ${expected}` : `${expected}, found ${KINDS[received] ?? received}`;
}

function unknownKey(yaml: YamlFile, schema: z.ZodType, path: KeyPath, key: string): ConfigFault {
  const known = keysAt(schema, path);
  const remedy = proposal(key, known) ?? elsewhere(schema, key) ?? `Allowed here: ${known.join(', ')}.`;
  return new ConfigFault(`${showPath([...path, key])}: unknown key.`, { file: yaml.file, ...yaml.placeOfKey([...path, key]), remedy });
}

/** The key exists, but in another section. */
function elsewhere(schema: z.ZodType, key: string): string | undefined {
  const home = keysAt(schema, []).find((section) => keysAt(schema, [section]).includes(key));
  return home === undefined ? undefined : `Did you mean ${home}.${key}?`;
}

function showPath(path: KeyPath): string {
  return path.length === 0 ? 'the file' : path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('').replace(/^\./, '');
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function keysAt(schema: z.ZodType, path: KeyPath): string[] {
  const found = schemaAt(schema, path);
  return found instanceof z.ZodObject ? Object.keys(found.shape) : [];
}

/** What the schema says of a key: its reason, and what is allowed. */
function allowedAt(schema: z.ZodType, path: KeyPath): string | undefined {
  const found = schemaAt(schema, path, true);
  return found?.description === undefined ? undefined : `(${found.description})`;
}

function schemaAt(schema: z.ZodType, path: KeyPath, wrapped = false): z.ZodType | undefined {
  let node: z.core.$ZodType | undefined = schema;
  for (const step of path) {
    const inner: z.core.$ZodType | undefined = unwrap(node);
    if (inner instanceof z.ZodObject) node = (inner.shape as Record<string, z.core.$ZodType>)[String(step)];
    else if (inner instanceof z.ZodArray) node = inner.element;
    else return undefined;
  }
  return (wrapped ? node : unwrap(node)) as z.ZodType | undefined;
}

/** The schema itself, without its defaults. */
export function unwrap(schema: z.core.$ZodType | undefined): z.core.$ZodType | undefined {
  let node = schema;
  while (node instanceof z.ZodDefault || node instanceof z.ZodPrefault || node instanceof z.ZodOptional || node instanceof z.ZodNullable) node = node.def.innerType;
  return node;
}
