// Headers that repeat what the body says (2026-07-28, basic/transports): Mcp-Name, and Mcp-Param-* for arguments that a tool's schema marks.
import { isObject } from './json.js';

/** One marked property. */
export interface ParamMark {
  readonly header: string;
  /** From the arguments' root. */
  readonly path: readonly string[];
}

const MARK = 'x-mcp-header';
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/; // RFC 9110, section 5.1; the bound is ours
const MARKS_MAX = 64; // of one tool: each is a header
const DEPTH_MAX = 16;
const PRIMITIVES: ReadonlySet<unknown> = new Set(['string', 'integer', 'boolean']);
const PLAIN = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
const SENTINEL = '=?base64?';

/** The form in which a value travels in a header: as it is if visible ASCII without outer blanks, else `=?base64?…?=`. */
export function headerValue(value: string): string {
  return PLAIN.test(value) && !value.startsWith(SENTINEL) ? value : `${SENTINEL}${Buffer.from(value, 'utf8').toString('base64')}?=`;
}

/** The marks of one tool's inputSchema; none where they break the rules: then no client mirrors any. */
export function marksOf(inputSchema: unknown): readonly ParamMark[] {
  const marks: ParamMark[] = [];
  if (!collect(inputSchema, [], marks)) return [];
  const distinct = new Set(marks.map(({ header }) => header)).size === marks.length;
  // A mark that was counted and not reached stands where none may: behind items, a composition or a $ref.
  return distinct && marks.length === count(inputSchema, 0) && marks.length <= MARKS_MAX ? marks : [];
}

function count(schema: unknown, depth: number): number {
  if (typeof schema !== 'object' || schema === null || depth > DEPTH_MAX * 2) return 0;
  return Object.values(schema).reduce((sum: number, value) => sum + count(value, depth + 1), MARK in schema ? 1 : 0);
}

function collect(schema: unknown, path: readonly string[], marks: ParamMark[]): boolean {
  if (path.length > DEPTH_MAX) return false;
  if (!isObject(schema) || !isObject(schema['properties'])) return true;
  for (const [name, property] of Object.entries(schema['properties'])) {
    if (!isObject(property)) continue;
    const here = [...path, name];
    const mark = property[MARK];
    if (mark !== undefined) {
      if (typeof mark !== 'string' || !TOKEN.test(mark) || !PRIMITIVES.has(property['type'])) return false;
      marks.push({ header: `mcp-param-${mark.toLowerCase()}`, path: here });
    }
    if (!collect(property, here, marks)) return false;
  }
  return true;
}

/** `args` as they are on the wire. What is no primitive has no header; the server judges it by its schema. */
export function paramHeaders(marks: readonly ParamMark[], args: unknown): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const { header, path } of marks) {
    const value = path.reduce((at: unknown, name) => (isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined), args);
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') headers[header] = headerValue(String(value));
  }
  return headers;
}
