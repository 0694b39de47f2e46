// Canonical JSON: RFC 8785 (JCS) for parsed values, and the form of arguments that keeps number literals as they were written.
import { decodeString, skipSpace, skipString, skipWord } from './spans.js';

/** Deeper than any message the guard lets pass; also ends a cyclic value. */
const DEPTH_MAX = 1024;
const LONE_SURROGATE = /\p{Surrogate}/u;

function canonicalString(text: string): string {
  // RFC 8785 section 3.2.2.2: an error, not an escape.
  if (LONE_SURROGATE.test(text)) throw new TypeError('lone surrogate in a string');
  return JSON.stringify(text);
}

/** By UTF-16 code units: RFC 8785 section 3.2.3. */
function compareCodeUnits(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** RFC 8785 text of a parsed JSON value. Throws TypeError on what JSON can't say (NaN, bigint, functions, lone surrogates), RangeError beyond 1024 levels. */
export function canonicalJcs(value: unknown): string {
  return canonicalAt(value, 0);
}

function canonicalAt(value: unknown, depth: number): string {
  if (typeof value === 'string') return canonicalString(value);
  if (typeof value === 'boolean' || value === null) return String(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError('a number that JSON can\'t say');
    return JSON.stringify(value);
  }
  if (typeof value !== 'object') throw new TypeError(`a ${typeof value} is no JSON value`);
  if (depth >= DEPTH_MAX) throw new RangeError(`more than ${DEPTH_MAX} levels`);
  if (Array.isArray(value)) return `[${value.map((element) => canonicalAt(element, depth + 1)).join(',')}]`;
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => compareCodeUnits(a, b))
    .map(([key, member]) => `${canonicalString(key)}:${canonicalAt(member, depth + 1)}`);
  return `{${members.join(',')}}`;
}

interface Member {
  readonly key: string;
  readonly text: string;
}

/** An open object or array and what is complete of it. */
interface Frame {
  readonly isObject: boolean;
  readonly members: Member[];
  key: string;
}

function closeFrame(frame: Frame): string {
  if (frame.isObject) frame.members.sort((a, b) => compareCodeUnits(a.key, b.key));
  // Concatenation links the pieces; joining would copy every level's text once more.
  let text = '';
  for (const member of frame.members) {
    if (text !== '') text += ',';
    text += frame.isObject ? `${JSON.stringify(member.key)}:` : '';
    text += member.text;
  }
  return frame.isObject ? `{${text}}` : `[${text}]`;
}

/**
 * The canonical form of the arguments in bytes[from, to), already validated: no white space, keys sorted, escapes decoded, number literals byte for byte.
 * The digest of an approved call and of the audit record are made of it. An empty span (no arguments) gives the empty string.
 */
export function canonicalArguments(bytes: Uint8Array, from: number, to: number): string {
  const frames: Frame[] = [];
  let whole = '';
  for (let at = skipSpace(bytes, from); at < to; at = skipSpace(bytes, at)) {
    const byte = bytes[at];
    const frame = frames.at(-1);
    let text: string | undefined;
    if (byte === 0x22) {
      const end = skipString(bytes, at);
      const decoded = decodeString(bytes, at, end);
      at = skipSpace(bytes, end);
      if (bytes[at] === 0x3a && frame !== undefined) {
        frame.key = decoded;
        at += 1;
      } else {
        text = JSON.stringify(decoded);
      }
    } else if (byte === 0x7b || byte === 0x5b) {
      frames.push({ isObject: byte === 0x7b, members: [], key: '' });
      at += 1;
    } else if (byte === 0x7d || byte === 0x5d) {
      const closed = frames.pop();
      text = closed === undefined ? undefined : closeFrame(closed);
      at += 1;
    } else if (byte === 0x2c) {
      at += 1;
    } else {
      const end = skipWord(bytes, at);
      if (end === at) throw new SyntaxError(`not JSON at byte ${at}`);
      text = Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at).toString('latin1');
      at = end;
    }
    if (text === undefined) continue;
    const holder = frames.at(-1);
    if (holder === undefined) whole = text;
    else holder.members.push({ key: holder.key, text });
  }
  return whole;
}
