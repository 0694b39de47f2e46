// YAML with places: what a file says, and the line and column of every key in it, so that a fault can point at its cause.
import { isMap, isPair, isScalar, isSeq, LineCounter, parseDocument, visit, type Document, type Node, type Pair, type YAMLError } from 'yaml';
import { ConfigFault, WHOLE_FILE, type FaultPlace } from './fault.js';

/** A file that is larger is not a configuration file; refusing it bounds memory. */
const TEXT_LENGTH_MAX = 64 * 1024 * 1024;

export type KeyPath = readonly (string | number)[];

export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface YamlFile {
  readonly file: string;
  readonly value: unknown;
  /** Where the value at `path` stands; the nearest parent that exists otherwise. */
  placeOf(path: KeyPath): Place;
  /** Where the key itself stands. */
  placeOfKey(path: KeyPath): Place;
}

/** Throws ConfigFault for what is not YAML, and for duplicate keys. `file` is only named, not read. */
export function parseYamlWithLines(text: string, file: string): YamlFile {
  if (text.length > TEXT_LENGTH_MAX) throw new ConfigFault('the file is larger than 64 MiB.', { file, ...WHOLE_FILE });
  refuseOtherText(text, file);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const doubled = document.errors.some((error) => error.code === 'DUPLICATE_KEY') ? doubledKeys(document, lines) : new Map<number, string>();
  const faults = document.errors.map((error) => {
    const place = { file, ...placeAt(lines, error.pos[0]) };
    const message = error.code === 'DUPLICATE_KEY' ? doubled.get(error.pos[0]) : undefined;
    return message === undefined ? notYaml(error, place) : new ConfigFault(message, { ...place, remedy: 'Keep one of them.' });
  });
  faults.push(...aliasesOfNothing(document).map(({ name, at }) => new ConfigFault(`there is no anchor &${name} before the alias *${name}.`, { file, ...placeAt(lines, at), remedy: 'A text that begins with * stands in quotes.' })));
  const [first, ...others] = faults;
  if (first !== undefined) throw new ConfigFault(first.message, first, others);
  return {
    file,
    value: toValue(document, file),
    placeOf: (path) => placeAt(lines, offsetOf(document, path, false)),
    placeOfKey: (path) => placeAt(lines, offsetOf(document, path, true)),
  };
}

/** Bytes that are no UTF-8 were read as U+FFFD: taken as they are, a rule or a name would silently be another one. */
function refuseOtherText(text: string, file: string): void {
  const offset = text.search(/[\0\uFFFD]/);
  if (offset < 0) return;
  if (text.startsWith('\uFFFD')) throw new ConfigFault('the file is not UTF-8 text.', { file, ...WHOLE_FILE, remedy: 'Save it as UTF-8.' });
  const before = text.slice(0, offset).split('\n');
  const place = { file, line: before.length, column: (before.at(-1) ?? '').length + 1 };
  throw text[offset] === '\0'
    ? new ConfigFault('a NUL character stands here.', { ...place, remedy: 'Remove it.' })
    : new ConfigFault('a byte stands here that is not UTF-8.', { ...place, remedy: 'Save the file as UTF-8.' });
}

/** The library's words for a person who never heard of it. */
function notYaml(error: YAMLError, place: FaultPlace): ConfigFault {
  if (error.code === 'TAB_AS_INDENT') return new ConfigFault('a tab stands where the line is indented.', { ...place, remedy: 'Indent with spaces.' });
  if (error.code === 'MULTIPLE_DOCS') return new ConfigFault('a second document begins here (---).', { ...place, remedy: 'A file is one document: remove the line, or what follows.' });
  const quote = /^Missing closing (.)quote/.exec(error.message)?.[1];
  if (quote !== undefined) return new ConfigFault(`the quote (${quote}) is not closed.`, { ...place, remedy: 'Close it where the text ends.' });
  return new ConfigFault(firstLine(error.message), place);
}

function aliasesOfNothing(document: Document): { readonly name: string; readonly at: number }[] {
  const found: { name: string; at: number }[] = [];
  if (document.errors.length > 0) return found;
  visit(document, { Alias: (_, alias) => void (alias.resolve(document) === undefined && found.push({ name: alias.source, at: startOf(alias) ?? 0 })) });
  return found;
}

/** What an entry of a list is called by, so that a person finds it in a long file. */
const NAME_KEYS = ['name', 'spiffe_id', 'id'] as const;

/** By the offset of each key that an earlier one of its map equals: what to say of it. One walk for all of them. */
function doubledKeys(document: Document, lines: LineCounter): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  visit(document, {
    Map(_, map, ancestors) {
      const seen = new Map<string, number>();
      for (const { key } of map.items) {
        const at = startOf(key);
        if (!isScalar(key) || at === undefined) continue;
        const text = JSON.stringify(key.value);
        const first = seen.get(text);
        if (first === undefined) seen.set(text, at);
        else found.set(at, `the key ${String(key.value)} stands twice${nameOf([map, ...ancestors.toReversed()])}, first on line ${placeAt(lines, first).line}.`);
      }
    },
  });
  return found;
}

/** ` in NAME`, of the nearest map around that has one; '' where none has. */
function nameOf(outwards: readonly unknown[]): string {
  const names = outwards.filter(isMap).flatMap((map) => NAME_KEYS.map((key) => map.get(key)));
  const name = names.find((value) => typeof value === 'string');
  return name === undefined ? '' : ` in ${name}`;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}

function placeAt(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

function toValue(document: Document, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 }) as unknown;
  } catch (error) {
    // The alias limit: a "billion laughs" file.
    throw new ConfigFault(error instanceof Error ? firstLine(error.message) : 'the file cannot be read.', { file, ...WHOLE_FILE });
  }
}

function offsetOf(document: Document, path: KeyPath, ofKey: boolean): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [depth, step] of path.entries()) {
    const next = childOf(node, step);
    if (next === undefined) break;
    const last = depth === path.length - 1;
    offset = (last && ofKey ? startOf(next.key) : undefined) ?? startOf(next.value) ?? startOf(next.key) ?? offset;
    node = next.value;
  }
  return offset;
}

function childOf(node: unknown, step: string | number): { key: unknown; value: unknown } | undefined {
  if (isMap(node)) {
    const pair = node.items.find((item: Pair) => isPair(item) && String(isScalar(item.key) ? item.key.value : item.key) === String(step));
    return pair === undefined ? undefined : { key: pair.key, value: pair.value };
  }
  if (isSeq(node) && typeof step === 'number') {
    const value: unknown = node.items[step];
    return value === undefined ? undefined : { key: undefined, value };
  }
  return undefined;
}

function startOf(node: unknown): number | undefined {
  const range = (node as Node | null | undefined)?.range;
  return range?.[0];
}
