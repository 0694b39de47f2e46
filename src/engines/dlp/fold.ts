// The reading that folds Unicode look-alikes to ASCII, in one pass over the bytes: normalising a string of megabytes costs fifty times as much.
import { isAscii, isUtf8 } from 'node:buffer';
import { sequenceLength, toBuffer, type Range, type Reading } from './transforms.js';

const PAGE_BITS = 8;
const SHORT_BYTES_MAX = 3;
const CHARACTER_BYTES_MAX = 4;
const UNCHANGED = -1;
const LONG = -2;
const NOTHING = new Uint8Array(0);

/** Marks and invisible characters: format controls, variation selectors, Hangul fillers. */
const INVISIBLE = /[\p{M}\p{Cf}\u115f\u1160\u3164]/gu;
/** Tag characters spell ASCII that no person sees. */
const TAGS = /[\u{e0020}-\u{e007e}]/gu;
const LOOKALIKES = new Map(pairs(
  'аaеeоoрpсcуyхxіiјjѕsԁdһhкkмmтtвbнhґrАAВBЕEКKМMНHОOРPСCТTХXУYІIЈJЅSԛqԝw' +
  'αaοoνvρpτtυuιiκkεeΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧX' +
  'ıiɡgɑaɩiʏyᴀaᴄcᴇeᴏoᴛtꜱsɪiɴnʀrʟl' +
  '‐-‑-‒-–-—-―-−-‘\'’\'‚\'“"”"„"⁄/∕/∶:꞉:。.',
));
const LOOKALIKE = new RegExp(`[${[...LOOKALIKES.keys()].join('')}]`, 'gu');

function pairs(text: string): [string, string][] {
  const letters = [...text];
  return letters.flatMap((letter, place) => (place % 2 === 0 ? [[letter, letters[place + 1] ?? ''] as [string, string]] : []));
}

function fold(text: string): string {
  return text
    .replace(TAGS, (tag) => String.fromCharCode((tag.codePointAt(0) ?? 0) - 0xe0000))
    .normalize('NFKD')
    .replace(INVISIBLE, '')
    .replace(LOOKALIKE, (letter) => LOOKALIKES.get(letter) ?? letter);
}

/**
 * What each code point folds to, learnt when it is first met. Folding looks at one code point at a time, but for the order of marks, which are
 * dropped: so folding each alone folds the whole. Full, it holds four bytes for each code point: 4.4 MB a thread.
 */
class FoldTable {
  readonly #pages: (Int32Array | undefined)[] = [];
  readonly #long: Uint8Array[] = [];

  /** UNCHANGED, LONG − index, or (length + 1) << 24 with up to three bytes below it. */
  at(point: number): number {
    const page = (this.#pages[point >> PAGE_BITS] ??= new Int32Array(1 << PAGE_BITS));
    const place = point & ((1 << PAGE_BITS) - 1);
    return page[place] || (page[place] = this.#learn(String.fromCodePoint(point)));
  }

  long(packed: number): Uint8Array {
    return this.#long[LONG - packed] ?? NOTHING;
  }

  #learn(character: string): number {
    const folded = fold(character);
    if (folded === character) return UNCHANGED;
    const bytes = Buffer.from(folded, 'utf8');
    if (bytes.length > SHORT_BYTES_MAX) return LONG - (this.#long.push(bytes) - 1);
    return ((bytes.length + 1) << 24) | ((bytes[0] ?? 0) << 16) | ((bytes[1] ?? 0) << 8) | (bytes[2] ?? 0);
  }
}

/** Compatibility forms, marks, invisible characters and the commonest look-alikes. Undefined when that changes nothing. */
export function foldText(bytes: Uint8Array): Reading | undefined {
  if (isAscii(bytes)) return undefined;
  const text = isUtf8(bytes) ? bytes : Buffer.from(toBuffer(bytes).toString('utf8'), 'utf8');
  const folded = foldUtf8(text);
  if (toBuffer(folded).equals(bytes)) return undefined;
  return { bytes: folded, toInput: (from, to) => retrace(text, from, to) };
}

const TABLE = new FoldTable();

function foldUtf8(bytes: Uint8Array): Uint8Array {
  let out: Uint8Array = new Uint8Array(bytes.length);
  let outAt = 0;
  for (let at = 0; at < bytes.length; ) {
    if (outAt + bytes.length - at > out.length) out = enlarged(out);
    let byte = bytes[at] ?? 0;
    while (byte < 0x80) {
      out[outAt++] = byte;
      if (++at === bytes.length) return out.subarray(0, outAt);
      byte = bytes[at] ?? 0;
    }
    if (outAt + CHARACTER_BYTES_MAX > out.length) out = enlarged(out);
    const length = sequenceLength(byte);
    const packed = TABLE.at(pointAt(bytes, at, length));
    if (packed === UNCHANGED) for (let i = 0; i < length; i++) out[outAt++] = bytes[at + i] ?? 0;
    else if (packed > 0) {
      for (let left = (packed >> 24) - 1, shift = 16; left > 0; left--, shift -= 8) out[outAt++] = packed >> shift;
    } else {
      const long = TABLE.long(packed);
      while (outAt + long.length > out.length) out = enlarged(out);
      out.set(long, outAt);
      outAt += long.length;
    }
    at += length;
  }
  return out.subarray(0, outAt);
}

function producedBy(packed: number, length: number): number {
  if (packed === UNCHANGED) return length;
  return packed > 0 ? (packed >> 24) - 1 : TABLE.long(packed).length;
}

function retrace(bytes: Uint8Array, from: number, to: number): Range {
  let outAt = 0;
  let at = 0;
  let inputFrom = 0;
  while (at < bytes.length) {
    const byte = bytes[at] ?? 0;
    const length = byte < 0x80 ? 1 : sequenceLength(byte);
    if (outAt <= from) inputFrom = at;
    outAt += byte < 0x80 ? 1 : producedBy(TABLE.at(pointAt(bytes, at, length)), length);
    at += length;
    if (outAt >= to) return [inputFrom, at];
  }
  return [inputFrom, at];
}

/** Of valid UTF-8 (RFC 3629 section 3), beyond ASCII. */
function pointAt(bytes: Uint8Array, at: number, length: number): number {
  let point = (bytes[at] ?? 0) & (0x7f >> length);
  for (let i = 1; i < length; i++) point = (point << 6) | ((bytes[at + i] ?? 0) & 0x3f);
  return point;
}

function enlarged(bytes: Uint8Array): Uint8Array {
  const larger = new Uint8Array(bytes.length * 2 + CHARACTER_BYTES_MAX);
  larger.set(bytes);
  return larger;
}
