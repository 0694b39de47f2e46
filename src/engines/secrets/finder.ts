// Finds every place of many patterns in a text. What that costs must not grow with each secret that a server was given.
import type { Pattern } from './patterns.js';

/** So many searches for one pattern each take as long as one pass that looks every byte up: about six secrets. */
const SEARCHES_MAX = 64;
/** Bytes of a pattern by which it is looked up; they fill one word. */
const HEAD_BYTES = 4;
/** 2^32 by the golden ratio: spreads the heads over the marks. */
const SPREAD = 0x9e3779b1;
const MARK_BITS = 16;

/** Calls `found` with each place of each pattern, base64 characters that share its bits included. */
export type Finder = (text: Uint8Array, found: (from: number, to: number) => void) => void;

export function createFinder(patterns: readonly Pattern[]): Finder {
  if (patterns.length <= SEARCHES_MAX) return createSearches(patterns);
  const short = createSearches(patterns.filter(({ bytes }) => bytes.length < HEAD_BYTES));
  const long = createLookup(patterns.filter(({ bytes }) => bytes.length >= HEAD_BYTES));
  return (text, found) => {
    short(text, found);
    long(text, found);
  };
}

function createSearches(patterns: readonly Pattern[]): Finder {
  return (text, found) => {
    const whole = Buffer.from(text.buffer, text.byteOffset, text.byteLength);
    for (const pattern of patterns) for (let at = whole.indexOf(pattern.bytes); at !== -1; at = whole.indexOf(pattern.bytes, at + 1)) report(pattern, text, at, found);
  };
}

function createLookup(patterns: readonly Pattern[]): Finder {
  const marks = new Uint8Array(1 << MARK_BITS);
  const byHead = new Map<number, Pattern[]>();
  for (const pattern of patterns) {
    const head = pattern.bytes.readInt32BE(0);
    marks[Math.imul(head, SPREAD) >>> MARK_BITS] = 1;
    byHead.set(head, [...(byHead.get(head) ?? []), pattern]);
  }
  return (text, found) => {
    let head = 0;
    for (let at = 0; at < text.length; at++) {
      head = (head << 8) | (text[at] ?? 0);
      if (marks[Math.imul(head, SPREAD) >>> MARK_BITS] === 0 || at < HEAD_BYTES - 1) continue;
      const from = at - HEAD_BYTES + 1;
      for (const pattern of byHead.get(head) ?? []) if (stands(pattern, text, from)) report(pattern, text, from, found);
    }
  };
}

function stands({ bytes }: Pattern, text: Uint8Array, from: number): boolean {
  if (from + bytes.length > text.length) return false;
  for (let n = HEAD_BYTES; n < bytes.length; n++) if (text[from + n] !== bytes[n]) return false;
  return true;
}

function report(pattern: Pattern, text: Uint8Array, at: number, found: (from: number, to: number) => void): void {
  const end = at + pattern.bytes.length;
  found(pattern.before === 1 && isBase64(text[at - 1]) ? at - 1 : at, pattern.after === 1 && isBase64(text[end]) ? end + 1 : end);
}

function isBase64(byte: number | undefined): boolean {
  return byte !== undefined && /[A-Za-z0-9+/_-]/.test(String.fromCharCode(byte));
}
