// Mcp-Param-*: arguments that a tool's schema marks with x-mcp-header travel in a header as well, and both must say the same (2026-07-28, basic/transports).
import { memberFinder, stringAt, textAt } from '../base/json/members.js';
import type { MemberSpan, ValueSpan } from '../base/json/spans.js';
import { decodeMirroredHeader, encodeMirroredHeader } from './header-mirror.js';

/** One marked property. */
export interface ParamMark {
  /** Lower case, with its prefix. */
  readonly header: string;
  /** From the arguments' root. */
  readonly path: readonly string[];
}

const MARK = 'x-mcp-header';
const PREFIX = 'mcp-param-';
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/; // RFC 9110, section 5.1; the bound is ours
const MARKS_MAX = 64; // of one tool: each is a header
const DEPTH_MAX = 16;
const PRIMITIVES: ReadonlySet<unknown> = new Set(['string', 'integer', 'boolean']);
const NULL_TEXT = 'null';
/** As JSON writes one: `007` and `-0x1` are none. */
const NUMBER = /^-?(?:0|[1-9]\d{0,16})(?:\.0+)?$/;

/** The marks of one tool's inputSchema; undefined = it has none, or they break the rules, and no client mirrors any. */
export function readParamMarks(inputSchema: unknown): readonly ParamMark[] | undefined {
  const marks: ParamMark[] = [];
  const seen = countMarks(inputSchema, 0);
  if (seen === 0 || !walk(inputSchema, [], marks)) return undefined;
  const distinct = new Set(marks.map(({ header }) => header)).size === marks.length;
  // A mark that was seen and not reached stands where none may: behind items, a composition or a $ref.
  return distinct && marks.length === seen && marks.length <= MARKS_MAX ? marks : undefined;
}

function countMarks(schema: unknown, depth: number): number {
  if (typeof schema !== 'object' || schema === null || depth > DEPTH_MAX * 2) return 0;
  const own = MARK in schema ? 1 : 0;
  return own + Object.values(schema).reduce((sum: number, value) => sum + countMarks(value, depth + 1), 0);
}

function walk(schema: unknown, path: readonly string[], marks: ParamMark[]): boolean {
  if (path.length > DEPTH_MAX || !isObject(schema)) return path.length <= DEPTH_MAX;
  const { properties } = schema;
  if (!isObject(properties)) return true;
  for (const [name, property] of Object.entries(properties)) {
    if (!isObject(property)) continue;
    const here = [...path, name];
    const mark = property[MARK];
    if (mark !== undefined) {
      if (typeof mark !== 'string' || !TOKEN.test(mark) || !PRIMITIVES.has(property['type'])) return false;
      marks.push({ header: PREFIX + mark.toLowerCase(), path: here });
    }
    if (!walk(property, here, marks)) return false;
  }
  return true;
}

interface Expected {
  readonly text: string;
  readonly isNumber: boolean;
}

/** What a header must say for this argument: undefined = it must be absent. */
function expected(bytes: Uint8Array, at: MemberSpan | undefined): Expected | undefined {
  if (at === undefined) return undefined;
  const string = stringAt(bytes, at);
  if (string !== undefined) return { text: string, isNumber: false };
  const text = textAt(bytes, at);
  // What is no primitive has no header; the server judges it by its schema.
  return text === NULL_TEXT || text.startsWith('{') || text.startsWith('[') ? undefined : { text, isNumber: NUMBER.test(text) };
}

/**
 * The first header that is not what the arguments say; undefined = all are. `required`: one whose argument is there must be there
 * (2026-07-28); a client with a handshake need not send any, but what it sends must be true.
 */
export function findParamMismatch(marks: readonly ParamMark[], headers: readonly (readonly [string, string])[], bytes: Uint8Array, args: ValueSpan, required: boolean): string | undefined {
  const find = memberFinder(bytes, args);
  for (const mark of marks) {
    const sent = headers.filter(([name]) => name === mark.header).map(([, value]) => value);
    const right = expected(bytes, find(mark.path));
    if (sent.length === 0 && (right === undefined || !required)) continue;
    const [only] = sent;
    if (only === undefined || sent.length > 1 || right === undefined || !isSame(decodeMirroredHeader(only), right)) return shownName(mark.header);
  }
  return undefined;
}

/** Integers are compared by their value: `42.0` is 42. */
function isSame(sent: string | undefined, { text, isNumber }: Expected): boolean {
  if (sent === undefined) return false;
  return sent === text || (isNumber && NUMBER.test(sent) && Number.isSafeInteger(Number(text)) && Number(sent) === Number(text));
}

/** The headers that a client of 2026-07-28 sends with these arguments. */
export function makeParamHeaders(marks: readonly ParamMark[], bytes: Uint8Array, args: ValueSpan): Record<string, string> {
  const headers: Record<string, string> = {};
  const find = memberFinder(bytes, args);
  for (const mark of marks) {
    const value = expected(bytes, find(mark.path));
    if (value !== undefined) headers[mark.header] = encodeMirroredHeader(value.text);
  }
  return headers;
}

function shownName(header: string): string {
  return `Mcp-Param-${header.slice(PREFIX.length)}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
