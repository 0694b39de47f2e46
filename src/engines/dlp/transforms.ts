// Readings of a whole text that keep its context: escapes, percent-encoding and HTML's character references resolved (look-alikes: fold.ts).
// Each can say afterwards where a place in its output came from; that walk is repeated only for findings.
import { isUtf8 } from 'node:buffer';

export type Range = readonly [from: number, to: number];

export interface Reading {
  readonly bytes: Uint8Array;
  /** The smallest range of the input that holds this range of the output. */
  toInput(from: number, to: number): Range;
}

const BACKSLASH = 0x5c;
const PERCENT = 0x25;
const AMPERSAND = 0x26;
const HASH = 0x23;
const SEMICOLON = 0x3b;
const QUESTION_MARK = 0x3f;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/** Reads one encoded unit at `at`, writes what it stands for, and returns consumed × 8 + produced (at most 4, and fewer than are consumed). 0 = no such unit here. */
type ReadUnit = (bytes: Uint8Array, at: number, out: Uint8Array, outAt: number) => number;

/** JSON escapes, and those of programs: `\xHH`, `\u{H…}`, `\UHHHHHHHH` and octal `\OOO` of printable ASCII. Works on any text: a backslash that begins no escape stays. Undefined = nothing to resolve. */
export function unescapeText(bytes: Uint8Array): Reading | undefined {
  return bytes.includes(BACKSLASH) ? resolve(bytes, BACKSLASH, readEscape) : undefined;
}

/** Whether a text that is not known to be JSON holds escapes that hide something (a Windows path's `\n` does not count). */
export function hidesEscapes(bytes: Uint8Array): boolean {
  for (let at = bytes.indexOf(BACKSLASH); at >= 0; at = bytes.indexOf(BACKSLASH, at + 1)) {
    const next = bytes[at + 1];
    if (next === 0x22 || next === 0x2f) return true;
    if ((next === 0x75 && (hexValue(bytes, at + 2, 4) >= 0 || bracedLength(bytes, at + 2) > 0)) || (next === 0x78 && hexValue(bytes, at + 2, 2) >= 0)) return true;
    if ((next === 0x55 && hexValue(bytes, at + 2, 8) >= 0) || octalValue(bytes, at + 1) > 0) return true;
  }
  return false;
}

export function percentDecodeText(bytes: Uint8Array): Reading | undefined {
  let at = bytes.indexOf(PERCENT);
  while (at >= 0 && hexValue(bytes, at + 1, 2) < 0 && !isWidePercent(bytes, at)) at = bytes.indexOf(PERCENT, at + 1);
  if (at < 0) return undefined;
  const reading = resolve(bytes, PERCENT, readPercent);
  if (!isUtf8(reading.bytes)) repairUtf8(reading.bytes);
  return reading;
}

/** Character references: numbers, and the names of signs and of what can't be seen. Undefined = there is none. */
export function resolveReferences(bytes: Uint8Array): Reading | undefined {
  if (!bytes.includes(AMPERSAND)) return undefined;
  const reading = resolve(bytes, AMPERSAND, readReference);
  return reading.bytes.length < bytes.length ? reading : undefined;
}

/** The engines read UTF-8: bytes that are none become question marks, one for one, so that places stay. All else stays: one `%80` must not blind the rest. */
function repairUtf8(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes[at] ?? 0);
    if (length === 1 || (length > 1 && isUtf8(bytes.subarray(at, at + length)))) at += length;
    else bytes[at++] = QUESTION_MARK;
  }
}

/** 0 = no byte that begins a character. */
export function sequenceLength(byte: number): number {
  if (byte < 0x80) return 1;
  if (byte < 0xc2) return 0;
  return byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : byte < 0xf5 ? 4 : 0;
}

function resolve(bytes: Uint8Array, trigger: number, readUnit: ReadUnit): Reading {
  const { length } = bytes;
  const out = new Uint8Array(length);
  let outAt = 0;
  for (let at = 0; at < length; ) {
    let byte = bytes[at] ?? 0;
    // A loop of its own for what stays: nothing else in it, it takes a quarter of the time.
    while (byte !== trigger) {
      out[outAt++] = byte;
      if (++at === length) break;
      byte = bytes[at] ?? 0;
    }
    if (at === length) break;
    const unit = readUnit(bytes, at, out, outAt);
    if (unit === 0) out[outAt] = byte;
    at += unit === 0 ? 1 : unit >> 3;
    outAt += unit === 0 ? 1 : unit & 7;
  }
  return { bytes: out.subarray(0, outAt), toInput: (from, to) => retrace(bytes, trigger, readUnit, from, to) };
}

function retrace(bytes: Uint8Array, trigger: number, readUnit: ReadUnit, from: number, to: number): Range {
  const scratch = new Uint8Array(8);
  let outAt = 0;
  let inputFrom = 0;
  for (let at = 0; at < bytes.length; ) {
    const unit = bytes[at] === trigger ? readUnit(bytes, at, scratch, 0) : 0;
    const produced = unit === 0 ? 1 : unit & 7;
    const next = at + (unit === 0 ? 1 : unit >> 3);
    if (outAt <= from) inputFrom = at;
    if (outAt + produced >= to) return [inputFrom, next];
    outAt += produced;
    at = next;
  }
  return [inputFrom, bytes.length];
}

/** By its letter what a short escape stands for; 0 = it is none. */
const SHORT_ESCAPES = new Uint8Array(256);
for (const [letter = 0, byte = 0] of [[0x6e, 0x0a], [0x72, 0x0d], [0x74, 0x09], [0x62, 0x08], [0x66, 0x0c], [0x22, 0x22], [0x2f, 0x2f], [BACKSLASH, BACKSLASH]]) SHORT_ESCAPES[letter] = byte;
const REPLACEMENT = 0xfffd;

function readEscape(bytes: Uint8Array, at: number, out: Uint8Array, outAt: number): number {
  const letter = bytes[at + 1];
  if (letter === undefined) return 0;
  if (letter === 0x78) {
    const value = hexValue(bytes, at + 2, 2);
    return value < 0 ? 0 : (4 << 3) | writeUtf8(value, out, outAt);
  }
  if (letter === 0x75) return bytes[at + 2] === OPENING_BRACE ? readBracedEscape(bytes, at, out, outAt) : readUnicodeEscape(bytes, at, out, outAt);
  if (letter === 0x55) {
    const value = hexValue(bytes, at + 2, 8);
    return value < 0 ? 0 : (10 << 3) | writeUtf8(characterOf(value), out, outAt);
  }
  const octal = octalValue(bytes, at + 1);
  if (octal > 0) {
    out[outAt] = octal;
    return (4 << 3) | 1;
  }
  const short = SHORT_ESCAPES[letter] ?? 0;
  if (short === 0) return 0;
  out[outAt] = short;
  return (2 << 3) | 1;
}

/** `\u0041` or `%u0041`, and pairs of surrogates in the same spelling. */
function readUnicodeEscape(bytes: Uint8Array, at: number, out: Uint8Array, outAt: number): number {
  const value = hexValue(bytes, at + 2, 4);
  if (value < 0) return 0;
  if (value < 0xd800 || value > 0xdfff) return (6 << 3) | writeUtf8(value, out, outAt);
  const low = value < 0xdc00 && bytes[at + 6] === bytes[at] && bytes[at + 7] === bytes[at + 1] ? hexValue(bytes, at + 8, 4) : -1;
  if (low >= 0xdc00 && low <= 0xdfff) return (12 << 3) | writeUtf8(0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00), out, outAt);
  return (6 << 3) | writeUtf8(REPLACEMENT, out, outAt);
}

/** `\u{41}` (ECMAScript, 12.9.4; Rust, Swift, Ruby), of any number of zeros up to BRACED_DIGITS_MAX digits. */
function readBracedEscape(bytes: Uint8Array, at: number, out: Uint8Array, outAt: number): number {
  const length = bracedLength(bytes, at + 2);
  return length === 0 ? 0 : ((length + 2) << 3) | writeUtf8(characterOf(hexValue(bytes, at + 3, length - 2)), out, outAt);
}

const BRACED_DIGITS_MAX = 8;

/** With its braces; 0 = there are no digits in braces at `at`. */
function bracedLength(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== OPENING_BRACE) return 0;
  let digits = 0;
  while (digits < BRACED_DIGITS_MAX && hexDigit(bytes[at + 1 + digits] ?? 0) >= 0) digits++;
  return digits > 0 && bytes[at + 1 + digits] === CLOSING_BRACE ? digits + 2 : 0;
}

/** Of three octal digits, where that is printable ASCII; else 0: a folder may be called 2024, and a group `\1`. */
function octalValue(bytes: Uint8Array, at: number): number {
  const [first = 0, second = 0, third = 0] = [(bytes[at] ?? 0) - 0x30, (bytes[at + 1] ?? 0) - 0x30, (bytes[at + 2] ?? 0) - 0x30];
  if (first < 0 || first > 1 || second < 0 || second > 7 || third < 0 || third > 7) return 0;
  const value = first * 64 + second * 8 + third;
  return value >= 0x20 && value < 0x7f ? value : 0;
}

function characterOf(value: number): number {
  return value > 0 && value <= POINT_MAX && (value < 0xd800 || value > 0xdfff) ? value : REPLACEMENT;
}

/** `%u0041`: what `escape` of ECMAScript writes (annex B.2.1.1), and some servers still read. */
function isWidePercent(bytes: Uint8Array, at: number): boolean {
  return ((bytes[at + 1] ?? 0) | 0x20) === 0x75 && hexValue(bytes, at + 2, 4) >= 0;
}

function readPercent(bytes: Uint8Array, at: number, out: Uint8Array, outAt: number): number {
  if (isWidePercent(bytes, at)) return readUnicodeEscape(bytes, at, out, outAt);
  const value = hexValue(bytes, at + 1, 2);
  if (value < 0) return 0;
  out[outAt] = value;
  return (3 << 3) | 1;
}

/** What HTML has names for of ASCII's signs and of what can't be seen (HTML Standard, 13.5), dashes and hyphens among them; a name with its semicolon. */
const NAMES = new Map(Object.entries({
  amp: '&', lt: '<', gt: '>', quot: '"', apos: '\'', AMP: '&', LT: '<', GT: '>', QUOT: '"',
  excl: '!', num: '#', dollar: '$', percnt: '%', lpar: '(', rpar: ')', ast: '*', midast: '*', plus: '+', comma: ',', period: '.', sol: '/', colon: ':', semi: ';', equals: '=', quest: '?', commat: '@',
  lsqb: '[', lbrack: '[', bsol: '\\', rsqb: ']', rbrack: ']', Hat: '^', lowbar: '_', UnderBar: '_', grave: '`', DiacriticalGrave: '`', lcub: '{', lbrace: '{', verbar: '|', vert: '|', VerticalLine: '|', rcub: '}', rbrace: '}',
  Tab: '\t', NewLine: '\n', nbsp: '\u00a0', NonBreakingSpace: '\u00a0', shy: '\u00ad', hyphen: '\u2010', dash: '\u2010', ndash: '\u2013', mdash: '\u2014', horbar: '\u2015', minus: '\u2212', zwnj: '\u200c', zwj: '\u200d', lrm: '\u200e', rlm: '\u200f',
  ZeroWidthSpace: '\u200b', NegativeVeryThinSpace: '\u200b', NegativeThinSpace: '\u200b', NegativeMediumSpace: '\u200b', NegativeThickSpace: '\u200b', NoBreak: '\u2060', ApplyFunction: '\u2061', af: '\u2061', InvisibleTimes: '\u2062', it: '\u2062', InvisibleComma: '\u2063', ic: '\u2063',
}).map(([name, character]) => [name, character.charCodeAt(0)]));
const NAME_MAX = Math.max(...[...NAMES.keys()].map((name) => name.length));
const POINT_MAX = 0x10ffff;

/** Where its semicolon is; 0 = there is no name. */
function endOfName(bytes: Uint8Array, at: number): number {
  let end = at;
  while (end - at < NAME_MAX && isLetter(bytes[end] ?? 0)) end++;
  return end > at && bytes[end] === SEMICOLON ? end : 0;
}

function isLetter(byte: number): boolean {
  return (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
}

/** HTML Standard, 13.2.5.73 and after: any number of zeros before, and no semicolon needed behind a number. */
function readReference(bytes: Uint8Array, at: number, out: Uint8Array, outAt: number): number {
  if (bytes[at + 1] !== HASH) {
    const end = endOfName(bytes, at + 1);
    const point = end === 0 ? undefined : NAMES.get(String.fromCharCode(...bytes.subarray(at + 1, end)));
    return point === undefined ? 0 : ((end + 1 - at) << 3) | writeUtf8(point, out, outAt);
  }
  const isHex = ((bytes[at + 2] ?? 0) | 0x20) === 0x78;
  const first = at + (isHex ? 3 : 2);
  const base = isHex ? 16 : 10;
  let value = 0;
  let next = first;
  for (let digit = hexDigit(bytes[next] ?? 0); digit >= 0 && digit < base; digit = hexDigit(bytes[++next] ?? 0)) value = Math.min(value * base + digit, POINT_MAX + 1);
  if (next === first) return 0;
  if (bytes[next] === SEMICOLON) next++;
  return ((next - at) << 3) | writeUtf8(characterOf(value), out, outAt);
}

/** −1 when one of the characters is no hexadecimal digit. */
function hexValue(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let i = 0; i < length; i++) {
    const digit = hexDigit(bytes[at + i] ?? 0);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

export function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function writeUtf8(point: number, out: Uint8Array, at: number): number {
  if (point < 0x80) {
    out[at] = point;
    return 1;
  }
  const tails = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
  out[at] = ((0xff00 >> (tails + 1)) & 0xff) | (point >> (6 * tails)); // 110xxxxx, 1110xxxx, 11110xxx (RFC 3629, section 3)
  for (let tail = 1; tail <= tails; tail++) out[at + tail] = 0x80 | ((point >> (6 * (tails - tail))) & 0x3f);
  return tails + 1;
}

export function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
