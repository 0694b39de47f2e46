// Takes secrets that layer 13 put in out of what a tool answers: plain, escaped, or in base64, hex or percent-encoding.
import { rawSpan, viewsOf, type View } from './scrub-views.js';

const REPLACEMENT = Buffer.from('[secret]');
/** Shorter encoded pieces would match by chance. */
const PATTERN_BYTES_MIN = 4;
/** The longest form of one byte: percent-encoded, each of its three characters as \u00XX. */
const ENCODED_BYTES_PER_BYTE = 18;

export interface ScrubResult {
  /** The same array if nothing was found. */
  readonly bytes: Uint8Array;
  /** Places replaced. */
  readonly count: number;
}

export interface Scrubber {
  /** Works on a whole buffer; the replacement `[secret]` is valid inside a JSON string. */
  scrub(bytes: Uint8Array): ScrubResult;
  /** A stream must hold back this many bytes less one, so that no encoding is cut in two. 0 = nothing to look for. */
  readonly longestEncodingBytes: number;
}

interface Pattern {
  readonly bytes: Buffer;
  /** Base64 characters that also hold bits of the secret and are replaced with it: before, after. */
  readonly before: number;
  readonly after: number;
}

type Span = readonly [number, number];

export function createScrubber(values: readonly string[]): Scrubber {
  const plain = [...new Set(values)].filter((value) => value !== '').map((value) => Buffer.from(value));
  const patterns = plain.flatMap(patternsOf);
  return {
    longestEncodingBytes: plain.reduce((most, value) => Math.max(most, value.length * ENCODED_BYTES_PER_BYTE), 0),
    scrub(bytes) {
      if (patterns.length === 0 || bytes.length === 0) return { bytes, count: 0 };
      const raw = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const spans = joinSpans(viewsOf(raw).flatMap((view) => patterns.flatMap((pattern) => findAll(view, pattern))));
      return spans.length === 0 ? { bytes, count: 0 } : { bytes: replaceSpans(raw, spans), count: spans.length };
    },
  };
}

function patternsOf(value: Buffer): Pattern[] {
  const hex = value.toString('hex');
  const texts = new Set([hex, hex.toUpperCase(), value.toString('utf8').replaceAll(' ', '+')]); // + : application/x-www-form-urlencoded
  const simple = [value, ...[...texts].map((text) => Buffer.from(text))].map((bytes) => ({ bytes, before: 0, after: 0 }));
  return [...simple, ...[0, 1, 2].flatMap((offset) => base64Patterns(value, offset))].filter((pattern, n) => n === 0 || pattern.bytes.length >= PATTERN_BYTES_MIN);
}

/** The characters that depend on the secret alone when `offset` other bytes stand before it in its group of three (RFC 4648 section 4). */
function base64Patterns(value: Buffer, offset: number): Pattern[] {
  const whole = Buffer.concat([Buffer.alloc(offset), value]);
  const from = Math.ceil((offset * 8) / 6);
  const to = Math.floor((whole.length * 8) / 6);
  const text = whole.toString('base64').slice(from, to);
  const edges = { before: offset === 0 ? 0 : 1, after: whole.length % 3 === 0 ? 0 : 1 };
  const urlSafe = text.replaceAll('+', '-').replaceAll('/', '_');
  return [...new Set([text, urlSafe])].map((form) => ({ bytes: Buffer.from(form), ...edges }));
}

function findAll(view: View, pattern: Pattern): Span[] {
  const spans: Span[] = [];
  const { bytes } = view;
  for (let at = bytes.indexOf(pattern.bytes); at !== -1; at = bytes.indexOf(pattern.bytes, at + 1)) {
    const end = at + pattern.bytes.length;
    const from = pattern.before === 1 && isBase64(bytes[at - 1]) ? at - 1 : at;
    const to = pattern.after === 1 && isBase64(bytes[end]) ? end + 1 : end;
    spans.push(rawSpan(view, from, to));
  }
  return spans;
}

function isBase64(byte: number | undefined): boolean {
  return byte !== undefined && /[A-Za-z0-9+/_-]/.test(String.fromCharCode(byte));
}

function joinSpans(spans: readonly Span[]): Span[] {
  const joined: [number, number][] = [];
  for (const [from, to] of spans.toSorted((a, b) => a[0] - b[0])) {
    const last = joined.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else joined.push([from, to]);
  }
  return joined;
}

function replaceSpans(raw: Buffer, spans: readonly Span[]): Uint8Array {
  const pieces: Uint8Array[] = [];
  let copied = 0;
  for (const [from, to] of spans) {
    pieces.push(raw.subarray(copied, from), REPLACEMENT);
    copied = to;
  }
  pieces.push(raw.subarray(copied));
  return Buffer.concat(pieces);
}
