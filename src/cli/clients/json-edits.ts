// What is to be changed in a JSON text with comments so that one property is set or gone: by places in the text, so that every other character stays.
import { createScanner, type JSONScanner, type Node } from 'jsonc-parser';
import { TextFault } from './text-fault.js';
import type { TextPlace } from './types.js';

export interface Property {
  readonly key: string;
  readonly whole: Node;
  readonly value: Node;
}

export interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

export function propertiesOf(body: string, object: Node): Property[] {
  const seen = new Set<string>();
  return (object.children ?? []).map((whole) => {
    const [name, value] = whole.children ?? [];
    if (name === undefined || value === undefined) throw new TextFault('a value is expected here.', placeAt(body, whole.offset));
    const key = String(name.value);
    if (seen.has(key)) throw new TextFault(`${JSON.stringify(key)} is there twice.`, placeAt(body, whole.offset));
    seen.add(key);
    return { key, whole, value };
  });
}

/** `root` undefined: the text has no value yet. */
export function setEdits(body: string, root: Node | undefined, at: readonly string[], name: string, entry: unknown): Edit[] {
  const style = styleOf(body);
  if (root === undefined) {
    const text = JSON.stringify(nested(at, { [name]: entry }), undefined, style.unit).replaceAll('\n', style.eol);
    return [{ from: body.length, to: body.length, text: `${body === '' || body.endsWith('\n') ? '' : style.eol}${text}${style.eol}` }];
  }
  let node = root;
  for (const [depth, key] of at.entries()) {
    const next = propertiesOf(body, node).find((property) => property.key === key)?.value;
    if (next === undefined) return insertEdits(body, node, key, nested(at.slice(depth + 1), { [name]: entry }), style);
    node = next;
  }
  const known = propertiesOf(body, node).find((property) => property.key === name);
  if (known === undefined) return insertEdits(body, node, name, entry, style);
  return [{ from: known.value.offset, to: known.value.offset + known.value.length, text: written(entry, indentAt(body, known.whole.offset), style) }];
}

function nested(keys: readonly string[], value: unknown): unknown {
  return keys.reduceRight((inner, key) => ({ [key]: inner }), value);
}

interface Style {
  readonly unit: string;
  readonly eol: string;
}

function styleOf(body: string): Style {
  return { unit: /\n([ \t]+)\S/.exec(body)?.[1] ?? '  ', eol: /\r?\n/.exec(body)?.[0] ?? '\n' };
}

function written(value: unknown, indent: string, { unit, eol }: Style): string {
  return JSON.stringify(value, undefined, unit).replaceAll('\n', eol + indent);
}

function insertEdits(body: string, object: Node, key: string, value: unknown, style: Style): Edit[] {
  const outer = indentAt(body, object.offset);
  const last = object.children?.at(-1);
  const close = object.offset + object.length - 1;
  const indent = last !== undefined && startsLine(body, last.offset) ? indentAt(body, last.offset) : outer + style.unit;
  const property = `${JSON.stringify(key)}: ${written(value, indent, style)}`;
  if (last === undefined) {
    const inside = body.slice(object.offset + 1, close).trimEnd();
    return [{ from: object.offset + 1 + inside.length, to: close, text: `${style.eol}${indent}${property}${style.eol}${outer}` }];
  }
  const end = last.offset + last.length;
  const comma = commaAfter(body, end, close);
  const at = afterLine(body, comma === undefined ? end : comma + 1, close);
  return [...(comma === undefined ? [{ from: end, to: end, text: ',' }] : []), { from: at, to: at, text: `${style.eol}${indent}${property}${lineGoesOn(body, at, close) ? `${style.eol}${outer}` : ''}` }];
}

export function removeEdits(body: string, object: Node, name: string): Edit[] {
  const properties = object.children ?? [];
  const index = properties.findIndex((property) => property.children?.[0]?.value === name);
  const node = properties[index];
  if (node === undefined) return [];
  const close = object.offset + object.length - 1;
  const end = node.offset + node.length;
  const comma = commaAfter(body, end, close);
  const others = body.slice(object.offset + 1, node.offset) + body.slice(end, close);
  if (properties.length === 1 && /^[\s,]*$/.test(others)) return [{ from: object.offset + 1, to: close, text: '' }];
  const to = comma === undefined ? end : comma + 1;
  const from = startsLine(body, node.offset) && !lineGoesOn(body, to, close) ? body.lastIndexOf('\n', node.offset) : node.offset;
  const start = from > 0 && body[from] === '\n' && body[from - 1] === '\r' ? from - 1 : from;
  const previous = properties[index - 1];
  const orphan = previous !== undefined && index === properties.length - 1 && comma === undefined ? commaAfter(body, previous.offset + previous.length, node.offset) : undefined;
  const blanks = /^[ \t]*/.exec(body.slice(to))?.[0].length ?? 0;
  return [...(orphan === undefined ? [] : [{ from: orphan, to: orphan + 1, text: '' }]), { from: start, to: to + blanks, text: '' }];
}

/** Where the comma behind a property is; comments may stand before it. */
function commaAfter(body: string, from: number, to: number): number | undefined {
  const scanner = createScanner(body.slice(0, to), true);
  scanner.setPosition(from);
  scanner.scan();
  return tokenOf(scanner, body) === ',' ? scanner.getTokenOffset() : undefined;
}

/** Behind the comments that follow on the same line: they belong to what stands before them. */
function afterLine(body: string, from: number, to: number): number {
  const scanner = createScanner(body.slice(0, to), false);
  scanner.setPosition(from);
  let at = from;
  for (;;) {
    scanner.scan();
    const token = tokenOf(scanner, body);
    if (/^[ \t]+$/.test(token)) continue;
    if (!/^\/[/*]/.test(token)) return at;
    at = scanner.getTokenOffset() + scanner.getTokenLength();
  }
}

function tokenOf(scanner: JSONScanner, body: string): string {
  return body.slice(scanner.getTokenOffset(), scanner.getTokenOffset() + scanner.getTokenLength());
}

/** Whether the object closes, or goes on, on the same line. */
function lineGoesOn(body: string, from: number, close: number): boolean {
  return /^[ \t]*[^\s]/.test(body.slice(from, close + 1));
}

function startsLine(body: string, offset: number): boolean {
  return body.slice(body.lastIndexOf('\n', offset - 1) + 1, offset).trim() === '';
}

function indentAt(body: string, offset: number): string {
  return /^[ \t]*/.exec(body.slice(body.lastIndexOf('\n', offset - 1) + 1))?.[0] ?? '';
}

/** In the text's order; of two at one place the first stands first. */
export function applied(body: string, edits: readonly Edit[]): string {
  let at = 0;
  const parts = [...edits].sort((one, other) => one.from - other.from).map(({ from, to, text }) => {
    const part = body.slice(at, from) + text;
    at = to;
    return part;
  });
  return parts.join('') + body.slice(at);
}

export function placeAt(body: string, offset: number): TextPlace {
  const before = body.slice(0, offset);
  return { line: before.split('\n').length, column: offset - (before.lastIndexOf('\n') + 1) + 1 };
}
