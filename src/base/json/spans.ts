// Walks over JSON bytes the guard has already validated: members, elements, strings and their paths. Nothing here validates; nothing recurses.
import { skipRest } from './skip-rest.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
/** What is longer is left to the addon; a call into it costs as much as walking one to two hundred bytes. */
const WALKED_BYTES_MAX = 256;

export interface ValueSpan {
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

export interface MemberSpan extends ValueSpan {
  /** Decoded. */
  readonly key: string;
  /** With the quotes. */
  readonly keyFrom: number;
  readonly keyTo: number;
}

export function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  for (;;) {
    const byte = bytes[at];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    at += 1;
  }
}

/** `from`: the opening quote; the offset after the closing one. */
export function skipString(bytes: Uint8Array, from: number): number {
  let at = from + 1;
  const walkedTo = Math.min(bytes.length, at + WALKED_BYTES_MAX);
  while (at < walkedTo && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at < walkedTo || at >= bytes.length ? at + 1 : skipRest(bytes, at, 0, true);
}

/** `from`: the first byte of a number or of true, false, null; the offset after it. */
export function skipWord(bytes: Uint8Array, from: number): number {
  let at = from;
  for (; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte <= 0x20 || byte === COMMA || byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) break;
  }
  return at;
}

/** `from`: the first byte of a value; the offset after the value. */
export function skipValue(bytes: Uint8Array, from: number): number {
  const first = bytes[from];
  if (first === QUOTE) return skipString(bytes, from);
  if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) return skipWord(bytes, from);
  let depth = 0;
  let at = from;
  const walkedTo = from + WALKED_BYTES_MAX;
  while (at < bytes.length) {
    if (at > walkedTo) return skipRest(bytes, at, depth, false);
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = skipString(bytes, at);
      continue;
    }
    at += 1;
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth += 1;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) depth -= 1;
    if (depth === 0) break;
  }
  return at;
}

function textOf(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('utf8');
}

/** The text of a string whose span includes its quotes. */
export function decodeString(bytes: Uint8Array, from: number, to: number): string {
  const text = textOf(bytes, from + 1, to - 1);
  // The parse can only fail on bytes that were not validated; then its SyntaxError is right.
  return text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text;
}

/** Members of the object at bytes[from, to), in their order. Empty when the span holds no object. */
export function memberSpans(bytes: Uint8Array, from: number, to: number): MemberSpan[] {
  const members: MemberSpan[] = [];
  let at = skipSpace(bytes, from);
  if (at >= to || bytes[at] !== OPEN_OBJECT) return members;
  at = skipSpace(bytes, at + 1);
  while (at < to && bytes[at] === QUOTE) {
    const keyFrom = at;
    const keyTo = skipString(bytes, at);
    const valueFrom = skipSpace(bytes, skipSpace(bytes, keyTo) + 1);
    const valueTo = skipValue(bytes, valueFrom);
    members.push({ key: decodeString(bytes, keyFrom, keyTo), keyFrom, keyTo, from: valueFrom, to: valueTo });
    // Past the comma, or past the closing brace, where no quote can stand inside the span.
    at = skipSpace(bytes, skipSpace(bytes, valueTo) + 1);
  }
  return members;
}

/** The first elements of the array at bytes[from, to), `countMax` at most. Empty when the span holds no array. */
export function elementSpans(bytes: Uint8Array, from: number, to: number, countMax = Infinity): ValueSpan[] {
  const elements: ValueSpan[] = [];
  let at = skipSpace(bytes, from);
  if (at >= to || bytes[at] !== OPEN_ARRAY) return elements;
  at = skipSpace(bytes, at + 1);
  while (at < to && bytes[at] !== CLOSE_ARRAY && elements.length < countMax) {
    const valueTo = skipValue(bytes, at);
    elements.push({ from: at, to: valueTo });
    at = skipSpace(bytes, valueTo);
    if (bytes[at] !== COMMA) break;
    at = skipSpace(bytes, at + 1);
  }
  return elements;
}

/** An open container on the way to a string. */
interface PathFrame {
  readonly isObject: boolean;
  index: number;
  /** Span of the key being read, in an object. */
  keyFrom: number;
  keyTo: number;
}

const PLAIN_KEY = /^[A-Za-z_][\w-]*$/;
/** A path is for people and for the audit record: a longer key is cut. */
const PATH_KEY_LENGTH_MAX = 64;

function pathStep(bytes: Uint8Array, frame: PathFrame): string {
  if (!frame.isObject) return `[${frame.index}]`;
  const key = decodeString(bytes, frame.keyFrom, frame.keyTo);
  if (PLAIN_KEY.test(key) && key.length <= PATH_KEY_LENGTH_MAX) return `.${key}`;
  return `[${JSON.stringify(key.length > PATH_KEY_LENGTH_MAX ? `${key.slice(0, PATH_KEY_LENGTH_MAX)}\u2026` : key)}]`;
}

/**
 * Called for each string, keys too, in the order of the bytes; the span includes the quotes.
 * `path` gives `$.params.arguments.a[0]`: it is built on demand and only valid during the call. A key's path names the object that holds it, for the key itself may be the secret.
 */
export type StringVisitor = (path: () => string, from: number, to: number, isKey: boolean) => void;

/** Visits every string of the one value in bytes[from, to). */
export function forEachString(bytes: Uint8Array, from: number, to: number, visit: StringVisitor, root = '$'): void {
  const frames: PathFrame[] = [];
  const path = (): string => root + frames.map((frame) => pathStep(bytes, frame)).join('');
  const holderPath = (): string => root + frames.slice(0, -1).map((frame) => pathStep(bytes, frame)).join('');
  let atKey = false;
  for (let at = from; at < to; ) {
    const byte = bytes[at];
    const frame = frames.at(-1);
    if (byte === QUOTE) {
      const end = skipString(bytes, at);
      if (atKey && frame !== undefined) {
        frame.keyFrom = at;
        frame.keyTo = end;
      }
      visit(atKey ? holderPath : path, at, end, atKey);
      at = end;
      continue;
    }
    at += 1;
    if (byte === COMMA && frame !== undefined) {
      frame.index += 1;
      atKey = frame.isObject;
    } else if (byte === COLON) {
      atKey = false;
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      atKey = byte === OPEN_OBJECT;
      frames.push({ isObject: atKey, index: 0, keyFrom: 0, keyTo: 0 });
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      frames.pop();
      atKey = false;
    }
  }
}
