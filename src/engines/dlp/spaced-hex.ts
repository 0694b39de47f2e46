// Hex that is written in groups: `41 4b 49`, `41:4b:49`, `0x41, 0x4b`, in lines as a dump has them.
import { hexDigit, type Range } from './transforms.js';

/** A byte in two digits, and what divides it from the next. */
const WRITTEN_BYTE = 3;
/** Bytes from one decimal digit to the next at most: each byte that stands for ASCII begins with one. The survey looks for them. */
const DECIMAL_EVERY = 8;
const DIGIT = 1;
const DIVIDER = 2;
const X = 0x58;
const CASE = 0x20;

const KINDS = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) if (hexDigit(byte) >= 0) KINDS[byte] = DIGIT;
for (const byte of Buffer.from(' \t\r\n,:;-|xX')) KINDS[byte] = DIVIDER;

/** The digits of one run, without what stands between them. */
export interface SpacedDigits {
  /** The byte's value from its digit `first` and the next. */
  decode(shift: 0 | 1): Uint8Array;
  /** Where a range of what `decode` gave is written. */
  rangeOf(shift: 0 | 1, from: number, to: number): Range;
}

/**
 * Calls `found` for each run with digits for `readableMin` bytes that something divides. One without any letter or `0x` is a list of numbers.
 * The text survey looks for the same.
 */
export function forEachSpacedHex(bytes: Uint8Array, readableMin: number, found: (digits: SpacedDigits) => void): void {
  const min = WRITTEN_BYTE * readableMin - 1;
  for (let from = 0; from + min <= bytes.length; ) {
    // From the end of the least run: what is of no kind there ends every run before it.
    let at = from + min - 1;
    while (at >= from && KINDS[bytes[at] ?? 0] !== 0) at--;
    if (at >= from) {
      from = at + 1;
      continue;
    }
    let to = from + min;
    while (to < bytes.length && KINDS[bytes[to] ?? 0] !== 0) to++;
    const count = hasDecimals(bytes, from, to, min) ? countDigits(bytes, from, to) : 0;
    if (count >= 2 * readableMin) found(readDigits(bytes, from, to, count));
    from = to;
  }
}

/** Whether decimal digits stand close to each other for so long. */
function hasDecimals(bytes: Uint8Array, from: number, to: number, min: number): boolean {
  let first = from;
  let last = from - DECIMAL_EVERY - 1;
  for (let at = from; at < to; at++) {
    if (!isDecimal(bytes[at] ?? 0)) continue;
    if (at - last > DECIMAL_EVERY) first = at;
    last = at;
    if (at - first + 2 >= min) return true; // the second digit may be a letter
  }
  return false;
}

function isDecimal(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** 0 = nothing divides them, or they are all decimal. */
function countDigits(bytes: Uint8Array, from: number, to: number): number {
  let count = 0;
  let hasLetter = false;
  let isDivided = false;
  let afterDigit = false;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] ?? 0;
    if (KINDS[byte] === DIGIT) {
      isDivided ||= count > 0 && !afterDigit;
      hasLetter ||= byte > 0x39;
      count++;
    } else if (isPrefix(bytes, at, from)) {
      hasLetter = true;
      count--;
    }
    afterDigit = KINDS[byte] === DIGIT;
  }
  return isDivided && hasLetter ? count : 0;
}

/** The letter of `0x`. */
function isPrefix(bytes: Uint8Array, at: number, from: number): boolean {
  return ((bytes[at] ?? 0) & ~CASE) === X && at > from && bytes[at - 1] === 0x30;
}

function readDigits(bytes: Uint8Array, from: number, to: number, count: number): SpacedDigits {
  const digits = new Uint8Array(count + 1); // a prefix at the very end has room for its zero
  const places = new Uint32Array(count + 1);
  let size = 0;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] ?? 0;
    if (KINDS[byte] === DIGIT) {
      digits[size] = hexDigit(byte);
      places[size++] = at;
    } else if (isPrefix(bytes, at, from)) size--;
  }
  return {
    decode: (shift) => Uint8Array.from({ length: (count - shift) >> 1 }, (_, n) => ((digits[shift + 2 * n] ?? 0) << 4) | (digits[shift + 2 * n + 1] ?? 0)),
    rangeOf: (shift, first, end) => [places[shift + 2 * first] ?? from, (places[shift + 2 * end - 1] ?? to - 1) + 1],
  };
}
