// Splits a stream of bytes into whole server-sent events, each with its exact bytes (WHATWG HTML, section 9.2.6).
import { copyBytes } from '../base/bytes/copy-bytes.js';

const CR = 0x0d;
const LF = 0x0a;
const COLON = 0x3a;
const SPACE = 0x20;
const BOM = [0xef, 0xbb, 0xbf] as const;
const FIRST_BUFFER_BYTES = 4096;
const IDLE_BUFFER_BYTES_MAX = 256 * 1024; // a stream that once had a large event must not hold its size for hours
const NAME_BYTES_MAX = 5; // `event` is the longest field name that matters here
const NONE = -1;
const NOT_SOUGHT = -2;

export interface SseEvent {
  /** All bytes since the previous event, blank line included; without the stream's byte order mark, which only its very first bytes can be. Valid only until `onEvent` returns. */
  readonly raw: Uint8Array;
  /** The data lines joined by LF; undefined when the event has none (a comment, a retry line, an empty line). Same validity. */
  readonly data: Uint8Array | undefined;
  /** Where the one data line's value lies in `raw`; 0,0 when there is none or more than one. */
  readonly dataFrom: number;
  readonly dataTo: number;
  /** Where the values of its data lines lie in `raw`, when there is more than one. */
  readonly dataLines: DataLines;
  /** The event field; empty = `message`. */
  readonly type: string;
  /** The id field; undefined = not given. */
  readonly id: string | undefined;
}

/** No object for each: a large event may have millions. */
export interface DataLines {
  readonly from: readonly number[];
  readonly to: readonly number[];
}

export const NO_DATA_LINES: DataLines = Object.freeze({ from: [], to: [] });

export interface SseSplitter {
  /** Bytes of the event that is not completed yet. */
  readonly kept: number;
  /** False once an event is larger than the limit; nothing is delivered after that. */
  push(chunk: Uint8Array): boolean;
  /** The bytes of an event that was not completed (the standard discards it); empty when none. */
  rest(): Uint8Array;
}

export function createSseSplitter(eventBytesMax: number, onEvent: (event: SseEvent) => void): SseSplitter {
  return new Splitter(eventBytesMax, onEvent);
}

type LineEnd = 'none' | 'cr' | 'lf' | 'crlf';

class Splitter implements SseSplitter {
  readonly #eventBytesMax: number;
  readonly #onEvent: (event: SseEvent) => void;
  /** Bytes of the unfinished event, and how many. */
  #kept: Uint8Array = new Uint8Array(0);
  #keptLength = 0;
  /** Offsets within the unfinished event. */
  #lineFrom = 0;
  #scanFrom = 0;
  #lastLineEnd: LineEnd = 'none';
  #atStart = true;
  /** Bytes of the mark, while its event is the unfinished one: a client that reads other bytes first would take it for a part of a field's name. */
  #markBytes = 0;
  #dead = false;
  #dataFrom: number[] = [];
  #dataTo: number[] = [];
  #type = '';
  #id: string | undefined;

  constructor(eventBytesMax: number, onEvent: (event: SseEvent) => void) {
    this.#eventBytesMax = eventBytesMax;
    this.#onEvent = onEvent;
  }

  push(chunk: Uint8Array): boolean {
    if (this.#dead) return false;
    const borrowed = this.#keptLength === 0;
    const bytes = borrowed ? chunk : this.#append(chunk);
    const eventFrom = this.#split(bytes);
    if (this.#dead || bytes.length - eventFrom > this.#eventBytesMax) {
      this.#dead = true;
      return false;
    }
    if (borrowed || eventFrom > 0) this.#keep(bytes.subarray(eventFrom));
    return true;
  }

  get kept(): number {
    return this.#keptLength;
  }

  rest(): Uint8Array {
    return this.#kept.slice(0, this.#keptLength);
  }

  #append(chunk: Uint8Array): Uint8Array {
    const length = this.#keptLength + chunk.length;
    if (length > this.#kept.length) {
      const grown = new Uint8Array(Math.max(length, this.#kept.length * 2));
      grown.set(this.#kept.subarray(0, this.#keptLength));
      this.#kept = grown;
    }
    this.#kept.set(chunk, this.#keptLength);
    this.#keptLength = length;
    return this.#kept.subarray(0, length);
  }

  #keep(rest: Uint8Array): void {
    const oversized = this.#kept.length > IDLE_BUFFER_BYTES_MAX && rest.length < FIRST_BUFFER_BYTES;
    if (rest.length > this.#kept.length || oversized) this.#kept = new Uint8Array(Math.max(rest.length, FIRST_BUFFER_BYTES));
    this.#kept.set(rest); // set() is safe where the two overlap
    this.#keptLength = rest.length;
  }

  /** Delivers every event that is complete in `bytes` (which begin with the unfinished one); returns where the next begins. */
  #split(bytes: Uint8Array): number {
    let eventFrom = 0;
    let nextCr = NOT_SOUGHT; // each is remembered until passed: a stream of CRs alone must not search for LF to the end at every line
    let nextLf = NOT_SOUGHT;
    for (;;) {
      const from = eventFrom + this.#scanFrom;
      if (nextCr !== NONE && nextCr < from) nextCr = bytes.indexOf(CR, from);
      if (nextLf !== NONE && nextLf < from) nextLf = bytes.indexOf(LF, from);
      const endAt = nextCr === NONE || (nextLf !== NONE && nextLf < nextCr) ? nextLf : nextCr;
      if (endAt === NONE) {
        this.#scanFrom = bytes.length - eventFrom;
        return eventFrom;
      }
      const lineEnd = lineEndAt(bytes, endAt, this.#isEmptyLine(bytes, eventFrom, endAt) && this.#lastLineEnd === 'cr');
      if (lineEnd === 'none') { // a CR as the last byte: whether an LF belongs to it, the next chunk says
        this.#scanFrom = endAt - eventFrom;
        return eventFrom;
      }
      const nextLine = endAt + (lineEnd === 'crlf' ? 2 : 1);
      const complete = this.#takeLine(bytes, eventFrom, endAt);
      this.#lastLineEnd = lineEnd;
      if (complete) {
        if (nextLine - eventFrom > this.#eventBytesMax) { this.#dead = true; return eventFrom; }
        this.#deliver(bytes.subarray(eventFrom, nextLine));
        eventFrom = nextLine;
      }
      this.#lineFrom = this.#scanFrom = nextLine - eventFrom;
    }
  }

  #isEmptyLine(bytes: Uint8Array, eventFrom: number, endAt: number): boolean {
    return this.#lineStart(bytes, eventFrom) === endAt;
  }

  /** Where the line's text begins: behind a byte order mark at the very start of the stream. */
  #lineStart(bytes: Uint8Array, eventFrom: number): number {
    const from = eventFrom + this.#lineFrom;
    return this.#atStart && BOM.every((byte, at) => bytes[from + at] === byte) ? from + BOM.length : from;
  }

  /** True when the line is the blank one that ends an event. */
  #takeLine(bytes: Uint8Array, eventFrom: number, to: number): boolean {
    const from = this.#lineStart(bytes, eventFrom);
    if (this.#atStart) this.#markBytes = from - eventFrom;
    this.#atStart = false;
    if (from === to) return true;
    let nameTo = from;
    while (nameTo < to && nameTo - from <= NAME_BYTES_MAX && bytes[nameTo] !== COLON) nameTo += 1;
    if (nameTo - from > NAME_BYTES_MAX) return false;
    let valueFrom = Math.min(nameTo + 1, to);
    if (valueFrom < to && bytes[valueFrom] === SPACE) valueFrom += 1;
    const name = latin1(bytes, from, nameTo);
    if (name === 'data') {
      this.#dataFrom.push(valueFrom - eventFrom - this.#markBytes);
      this.#dataTo.push(to - eventFrom - this.#markBytes);
    } else if (name === 'event') this.#type = utf8(bytes, valueFrom, to);
    else if (name === 'id') this.#id = utf8(bytes, valueFrom, to);
    return false;
  }

  #deliver(bytes: Uint8Array): void {
    const from = this.#dataFrom;
    const to = this.#dataTo;
    const single = from.length === 1;
    const raw = this.#markBytes === 0 ? bytes : bytes.subarray(this.#markBytes);
    const event: SseEvent = {
      raw,
      data: from.length === 0 ? undefined : single ? raw.subarray(from[0], to[0]) : joinLines(raw, from, to),
      dataFrom: single ? from[0] ?? 0 : 0,
      dataTo: single ? to[0] ?? 0 : 0,
      dataLines: from.length < 2 ? NO_DATA_LINES : { from, to },
      type: this.#type,
      id: this.#id,
    };
    this.#dataFrom = [];
    this.#dataTo = [];
    this.#markBytes = 0;
    this.#type = '';
    this.#id = undefined;
    this.#onEvent(event);
  }
}

/**
 * How the line that ends at `at` ends. `expectBareCr`: the stream ends its lines with CR alone and this is the blank line, so the event is
 * complete now; waiting for the next byte would hold it back until the next event. An LF that follows nevertheless begins the next event.
 */
function lineEndAt(bytes: Uint8Array, at: number, expectBareCr: boolean): LineEnd {
  if (bytes[at] === LF) return 'lf';
  if (expectBareCr) return 'cr';
  if (at + 1 === bytes.length) return 'none';
  return bytes[at + 1] === LF ? 'crlf' : 'cr';
}

function joinLines(raw: Uint8Array, from: readonly number[], to: readonly number[]): Uint8Array {
  let length = from.length - 1;
  for (let line = 0; line < from.length; line += 1) length += (to[line] ?? 0) - (from[line] ?? 0);
  const joined = new Uint8Array(length);
  let at = 0;
  for (let line = 0; line < from.length; line += 1) {
    if (line > 0) joined[at++] = LF;
    at = copyBytes(joined, at, raw, from[line] ?? 0, to[line] ?? 0);
  }
  return joined;
}

function latin1(bytes: Uint8Array, from: number, to: number): string {
  let text = '';
  for (let at = from; at < to; at += 1) text += String.fromCharCode(bytes[at] ?? 0);
  return text;
}

function utf8(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('utf8');
}
