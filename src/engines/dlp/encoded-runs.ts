// Finds long runs of base64 and hex characters in a text, hex in groups (spaced-hex.ts) too, and reads what they stand for. All readable pieces go into one text, so that they cost one scan.
import { isUtf8 } from 'node:buffer';
import { forEachSpacedHex } from './spaced-hex.js';
import type { Range } from './transforms.js';
import { hexDigit, toBuffer } from './transforms.js';

/** Which runs are decoded, and what is kept of them. */
export interface RunLimits {
  /** Characters. */
  readonly runMin: number;
  /** Bytes: what is decoded is kept where so many readable ones stand together: binary data around a secret doesn't hide it, noise drops out. */
  readonly readableMin: number;
}

/**
 * Eleven bytes, such as a social security number with its dashes; the names of members are shorter, most of them, and each that is not would be decoded
 * for nothing. The text survey looks for no shorter ones.
 */
export const RULE_RUNS: RunLimits = Object.freeze({ runMin: 15, readableMin: 8 });
/** From here on Node's own decoder is faster, string and all. */
const NATIVE_RUN_MIN = 512;
const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

const BASE64 = 1;
const HEX = 2;
const PRINTABLE = 4;
const HIGH = 8;

const KINDS = new Uint8Array(256);
const SEXTETS = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  const sextet = sextetOf(byte);
  if (sextet >= 0) SEXTETS[byte] = sextet;
  KINDS[byte] = (sextet >= 0 ? BASE64 : 0) | (hexDigit(byte) >= 0 ? HEX : 0) | ((byte >= 0x20 && byte < 0x7f) || byte === 9 || byte === 10 || byte === 13 ? PRINTABLE : 0) | (byte > 0x7f ? HIGH : 0);
}

/** Standard and URL-safe alphabet in one. */
function sextetOf(byte: number): number {
  if (byte >= 0x41 && byte <= 0x5a) return byte - 0x41;
  if (byte >= 0x61 && byte <= 0x7a) return byte - 0x61 + 26;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30 + 52;
  if (byte === 0x2b || byte === 0x2d) return 62;
  return byte === 0x2f || byte === 0x5f ? 63 : -1;
}

interface Piece {
  readonly outFrom: number;
  readonly run: Range;
  readonly kind: 'base64' | 'hex';
}

/** The readable pieces of all runs, one after another, and from which run each came. */
export interface DecodedRuns {
  readonly bytes: Uint8Array;
  kindAt(outAt: number): 'base64' | 'hex';
  runAt(outAt: number): Range;
}

/** Undefined when no run of `bytes` decodes to anything readable. */
export function decodeRuns(bytes: Uint8Array, { runMin, readableMin }: RunLimits = RULE_RUNS): DecodedRuns | undefined {
  const pieces: Piece[] = [];
  const parts: Uint8Array[] = [];
  const hexMin = Math.max(runMin, 2 * readableMin); // a timestamp is no text
  let size = 0;
  const keep = (decoded: Uint8Array, kind: Piece['kind'], runOf: (from: number, to: number) => Range): void => {
    const add = (part: Uint8Array, from = 0, to = decoded.length): void => {
      pieces.push({ outFrom: size, run: runOf(from, to), kind });
      parts.push(part);
      size += part.length + 1;
    };
    const mask = PRINTABLE | (isUtf8(decoded) ? HIGH : 0);
    forEachRun(decoded, 0, decoded.length, mask, readableMin, (from, to) => {
      add(decoded.slice(from, to), from, to);
      return to;
    });
    forEachWideRun(decoded, readableMin, (letters) => add(letters));
  };
  forEachRun(bytes, 0, bytes.length, BASE64, runMin, (from, firstEnd) => {
    const to = endOfLines(bytes, firstEnd);
    const run: Range = [from, to];
    let decodeAt: ((shift: number) => Uint8Array) | undefined;
    // What stands before the encoded text may be of the same alphabet (`path/`, `key-`): any of four alignments may be the right one.
    for (let shift = 0; shift < 4; shift++) {
      if (!mayBeReadable(bytes, from, to, shift, readableMin)) continue;
      decodeAt ??= base64Decoder(bytes, from, to);
      keep(decodeAt(shift), 'base64', () => run);
    }
    forEachRun(bytes, from, to, HEX, hexMin, (hexFrom, hexTo) => {
      for (let shift = 0; shift < 2; shift++) keep(fromHex(bytes, hexFrom + shift, hexTo), 'hex', () => [hexFrom, hexTo]);
      return hexTo;
    });
    return to;
  });
  forEachSpacedHex(bytes, readableMin, (digits) => {
    for (const shift of [0, 1] as const) keep(digits.decode(shift), 'hex', (from, to) => digits.rangeOf(shift, from, to));
  });
  return size === 0 ? undefined : join(pieces, parts, size);
}

/**
 * Calls `found` for each longest run of bytes of one kind that has at least `min`, and goes on where that says. Looks at a window of `min` bytes from its
 * end: what is of another kind there ends every run before it, so that most bytes are never looked at.
 */
function forEachRun(bytes: Uint8Array, first: number, last: number, mask: number, min: number, found: (from: number, to: number) => number): void {
  let from = first;
  while (from + min <= last) {
    let at = from + min - 1;
    while (at >= from && ((KINDS[bytes[at] ?? 0] ?? 0) & mask) !== 0) at--;
    if (at >= from) {
      from = at + 1;
      continue;
    }
    let to = from + min;
    while (to < last && ((KINDS[bytes[to] ?? 0] ?? 0) & mask) !== 0) to++;
    from = found(from, to);
  }
}

/**
 * Calls `found` with the letters of each run of at least `min` (three or more) of ASCII that is written with two bytes a letter (UTF-16; what PowerShell encodes), in either byte order.
 * Goes from zero to zero, which are rare in what is none.
 */
function forEachWideRun(bytes: Uint8Array, min: number, found: (letters: Uint8Array) => void): void {
  const isLetter = (at: number): boolean => ((KINDS[bytes[at] ?? 0] ?? 0) & PRINTABLE) !== 0;
  let first = 0;
  for (let zero = bytes.indexOf(0); zero >= 0; zero = bytes.indexOf(0, zero + 1)) {
    if (bytes[zero + 2] !== 0 || !isLetter(zero + 1)) continue;
    const from = zero > first && isLetter(zero - 1) ? zero - 1 : zero + 1;
    let to = from;
    while (to < bytes.length && isLetter(to) && (to + 1 === bytes.length || bytes[to + 1] === 0)) to += 2;
    // In the other byte order the last letter has its zero before it.
    const letters = (to - from) / 2 + (to < bytes.length && isLetter(to) ? 1 : 0);
    if (letters >= min) found(Uint8Array.from({ length: letters }, (_, n) => bytes[from + 2 * n] ?? 0));
    first = to;
    zero = to - 1;
  }
}

/**
 * Whether the run could hold `readableMin` readable bytes together, or every other one with zeros between, without keeping what it decodes to: long names and paths are of base64's
 * alphabet too, and nearly every message has one. Says yes too often (what looks like UTF-8 so far counts as readable), never no too often.
 */
function mayBeReadable(bytes: Uint8Array, from: number, to: number, shift: number, readableMin: number): boolean {
  if (to - from >= NATIVE_RUN_MIN) return true;
  let bits = 0;
  let bitCount = 0;
  let skipped = 0;
  let ascii = 0;
  let wide = 0;
  let last = 0;
  let together = 0;
  let longest = 0;
  let pending = 0;
  let utf8 = true;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === NEWLINE || byte === CARRIAGE_RETURN) continue;
    if (skipped < shift) {
      skipped++;
      continue;
    }
    bits = ((bits << 6) | (SEXTETS[byte] ?? 0)) & 0xffff;
    bitCount += 6;
    if (bitCount < 8) continue;
    bitCount -= 8;
    const decoded = (bits >> bitCount) & 0xff;
    const kind = KINDS[decoded] ?? 0;
    ascii = (kind & PRINTABLE) === 0 ? 0 : ascii + 1;
    if (decoded !== 0) wide = (kind & PRINTABLE) === 0 ? 0 : last === 0 ? wide + 1 : 1;
    else if (last === 0) wide = 0;
    last = decoded;
    if (ascii >= readableMin || wide >= readableMin) return true;
    if (!utf8) continue;
    pending = continuationsAfter(decoded, pending);
    if (pending < 0) {
      utf8 = false;
      continue;
    }
    together = (kind & (PRINTABLE | HIGH)) === 0 ? 0 : together + 1;
    if (together > longest) longest = together;
  }
  return utf8 && longest >= readableMin;
}

/** How many continuation bytes must follow `byte`, when `pending` had to follow what came before it; −1 = no UTF-8 (RFC 3629 section 4, leniently). */
function continuationsAfter(byte: number, pending: number): number {
  if (pending > 0) return byte >> 6 === 0b10 ? pending - 1 : -1;
  if (byte < 0x80) return 0;
  if (byte >= 0xc2 && byte < 0xe0) return 1;
  if (byte >= 0xe0 && byte < 0xf0) return 2;
  return byte >= 0xf0 && byte < 0xf5 ? 3 : -1;
}

/** Base64 is often wrapped: goes on over single line breaks. */
function endOfLines(bytes: Uint8Array, end: number): number {
  let to = end;
  for (;;) {
    let next = to;
    if (bytes[next] === CARRIAGE_RETURN) next++;
    if (bytes[next] !== NEWLINE) return to;
    next++;
    const start = next;
    while (next < bytes.length && ((KINDS[bytes[next] ?? 0] ?? 0) & BASE64) !== 0) next++;
    if (next === start) return to;
    to = next;
  }
}

/** Decodes the run without its first `shift` characters. Short runs are cheaper here than through a string. */
function base64Decoder(bytes: Uint8Array, from: number, to: number): (shift: number) => Uint8Array {
  if (to - from < NATIVE_RUN_MIN) {
    const sextets = sextetsOf(bytes, from, to);
    return (shift) => fromSextets(sextets, shift);
  }
  const text = toBuffer(bytes).toString('latin1', from, to);
  return (shift) => Buffer.from(text.slice(shift), 'base64');
}

function sextetsOf(bytes: Uint8Array, from: number, to: number): Uint8Array {
  const out = new Uint8Array(to - from);
  let size = 0;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] ?? 0;
    if (byte !== NEWLINE && byte !== CARRIAGE_RETURN) out[size++] = SEXTETS[byte] ?? 0;
  }
  return out.subarray(0, size);
}

function fromSextets(sextets: Uint8Array, shift: number): Uint8Array {
  const length = sextets.length - shift;
  const out = new Uint8Array(Math.floor((length * 3) / 4));
  let size = 0;
  let at = shift;
  for (; at + 4 <= sextets.length; at += 4) {
    const word = ((sextets[at] ?? 0) << 18) | ((sextets[at + 1] ?? 0) << 12) | ((sextets[at + 2] ?? 0) << 6) | (sextets[at + 3] ?? 0);
    out[size++] = word >> 16;
    out[size++] = word >> 8;
    out[size++] = word;
  }
  if (sextets.length - at >= 2) out[size++] = ((sextets[at] ?? 0) << 2) | ((sextets[at + 1] ?? 0) >> 4);
  if (sextets.length - at === 3) out[size++] = ((sextets[at + 1] ?? 0) << 4) | ((sextets[at + 2] ?? 0) >> 2);
  return out.subarray(0, size);
}

function fromHex(bytes: Uint8Array, from: number, to: number): Uint8Array {
  const out = new Uint8Array((to - from) >> 1);
  for (let i = 0; i < out.length; i++) out[i] = (hexDigit(bytes[from + 2 * i] ?? 0) << 4) | hexDigit(bytes[from + 2 * i + 1] ?? 0);
  return out;
}

/** One line break between pieces, so that no rule reads two of them as one word. */
function join(pieces: readonly Piece[], parts: readonly Uint8Array[], size: number): DecodedRuns {
  const bytes = new Uint8Array(size).fill(NEWLINE);
  pieces.forEach((piece, index) => bytes.set(parts[index] ?? new Uint8Array(0), piece.outFrom));
  const pieceAt = (outAt: number): Piece | undefined => pieces.findLast((piece) => piece.outFrom <= outAt);
  return {
    bytes,
    kindAt: (outAt) => pieceAt(outAt)?.kind ?? 'base64',
    runAt: (outAt) => pieceAt(outAt)?.run ?? [0, 0],
  };
}
