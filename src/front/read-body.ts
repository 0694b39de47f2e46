// Reads one body: refused at the byte that passes the limit, in time or not at all, copied once at most. What still comes of a refused one is read and dropped, up to a bound.
import type { BodyMemory } from './body-memory.js';
import { BodyRest } from './body-rest.js';
import { OFF_ROLL, Roll } from './roll.js';
import type { HttpResponse } from './uws-types.js';

export type BodyFailure =
  | 'too_large'
  /** The bodies of all, or of this peer, would hold more than they may. */
  | 'no_room'
  | 'timed_out'
  /** Slower than front.body_bytes_per_s_min. */
  | 'too_slow';

/** None of these is called after `cancel`. */
export interface BodyListener {
  /** This or `bodyFailed`, once. `borrowed` bytes are detached when this returns. */
  bodyWhole(body: Uint8Array, borrowed: boolean): void;
  /** `bytes` = seen so far, or announced where that alone was too many. */
  bodyFailed(failure: BodyFailure, bytes: number): void;
  /** After `bodyFailed`, where more was to come (`comes`): it has come, or is not waited for any longer. */
  bodyDropped(): void;
}

/** Where the bytes of bodies are counted. */
export interface BodyRoom {
  /** False = there is no room, and nothing was taken. */
  takeBytes(count: number): boolean;
}

export interface BodyLimits {
  readonly bodyBytesMax: number;
  readonly bodyTimeoutMs: number;
  readonly bytesPerSecondMin: number;
}

/** First piece of a body of unknown length; it doubles from there. */
const CHUNKED_START_BYTES = 64 * 1024;
const SWEEP_MS = 250;
/** Before this, no body is too slow: a packet that is lost twice comes this late. */
const SLOW_GRACE_MS = 3000;
const MS_PER_S = 1000;

/** One timer for all bodies under way: a timer per request would cost more than reading it. */
export class BodyDeadlines {
  readonly #nowMs: () => number;
  readonly #waiting = new Roll<BodyReader>();
  #timer: NodeJS.Timeout | undefined;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }
  add(reader: BodyReader): void {
    this.#waiting.add(reader);
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }
  remove(reader: BodyReader): void {
    this.#waiting.remove(reader);
  }
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
  #sweep(): void {
    const now = this.#nowMs();
    for (const reader of this.#waiting.all()) reader.judge(now - reader.startedMs);
  }
}

/** `announced` = Content-Length, or undefined for a chunked body. */
export class BodyReader {
  place = OFF_ROLL;
  readonly startedMs: number;
  /** Bytes seen so far. */
  bytes = 0;
  /** What this body holds of `room`; given back by whoever answers the request. */
  reservedBytes = 0;
  readonly #announced: number | undefined;
  readonly #limits: BodyLimits;
  readonly #room: BodyRoom;
  readonly #deadlines: BodyDeadlines;
  readonly #memory: BodyMemory;
  readonly #listener: BodyListener;
  #buffer: Buffer | undefined = undefined;
  #settled = false;
  #ended = false;
  #rest: BodyRest | undefined = undefined;

  constructor(announced: number | undefined, limits: BodyLimits, room: BodyRoom, deadlines: BodyDeadlines, memory: BodyMemory, startedMs: number, listener: BodyListener) {
    this.#announced = announced;
    this.#limits = limits;
    this.#room = room;
    this.#deadlines = deadlines;
    this.#memory = memory;
    this.startedMs = startedMs;
    this.#listener = listener;
  }

  start(response: HttpResponse): void {
    this.#deadlines.add(this);
    response.onData((chunk, isLast) => this.#take(chunk, isLast));
    if (this.#announced !== undefined && this.#announced > this.#limits.bodyBytesMax) this.#fail('too_large', this.#announced);
  }

  /** Of a request that is refused before any of its body is looked at. */
  startDropping(response: HttpResponse): void {
    this.#settled = true;
    this.#rest = new BodyRest();
    this.#deadlines.add(this);
    response.onData((chunk, isLast) => this.#drop(chunk.byteLength, isLast));
  }

  /** It was refused, and what is left of it is on its way. */
  get comes(): boolean {
    return this.#rest !== undefined && !this.#ended;
  }

  /** Ends what takes too long, or comes so slowly that it would. */
  judge(elapsedMs: number): void {
    if (this.#rest !== undefined) {
      if (!this.#ended && this.#rest.look()) this.#endRest();
    } else if (elapsedMs >= this.#limits.bodyTimeoutMs) this.#fail('timed_out', this.bytes);
    else if (elapsedMs >= SLOW_GRACE_MS && this.bytes * MS_PER_S < elapsedMs * this.#limits.bytesPerSecondMin) this.#fail('too_slow', this.bytes);
  }

  /** Whatever still comes is dropped. */
  cancel(): void {
    this.#settled = true;
    this.#ended = true;
    this.#buffer = undefined;
    this.#deadlines.remove(this);
  }

  #take(chunk: ArrayBuffer, isLast: boolean): void {
    if (this.#settled) return this.#drop(chunk.byteLength, isLast);
    this.#ended = isLast;
    const total = this.bytes + chunk.byteLength;
    this.bytes = total;
    if (total > this.#limits.bodyBytesMax) return this.#fail('too_large', total);
    if (!this.#makeRoom(total, isLast)) return this.#fail('no_room', total);
    if (isLast && this.#buffer === undefined) return this.#whole(Buffer.from(chunk), true);
    this.#append(chunk, total);
    if (isLast) this.#whole(this.#buffer?.subarray(0, total) ?? Buffer.alloc(0), false);
  }

  /** Reserves before anything is kept: what was announced, or what the growing buffer will take. */
  #makeRoom(total: number, isLast: boolean): boolean {
    const wanted = isLast && this.#buffer === undefined ? total : Math.max(total, this.#announced ?? this.#capacityFor(total));
    const more = wanted - this.reservedBytes;
    if (more <= 0) return true;
    if (!this.#room.takeBytes(more)) return false;
    this.reservedBytes += more;
    return true;
  }

  #capacityFor(total: number): number {
    let capacity = this.#buffer?.byteLength ?? CHUNKED_START_BYTES;
    while (capacity < total) capacity *= 2;
    return Math.min(capacity, Math.max(total, this.#limits.bodyBytesMax));
  }

  #append(chunk: ArrayBuffer, total: number): void {
    if (this.#buffer === undefined || this.#buffer.byteLength < total) {
      const grown = this.#memory.take(Math.max(total, this.#announced ?? this.#capacityFor(total)));
      const before = this.#buffer;
      before?.copy(grown, 0, 0, total - chunk.byteLength);
      if (before !== undefined) this.#memory.giveBack(before);
      this.#buffer = grown;
    }
    this.#buffer.set(new Uint8Array(chunk), total - chunk.byteLength);
  }

  #whole(body: Uint8Array, borrowed: boolean): void {
    this.cancel();
    this.#listener.bodyWhole(body, borrowed);
  }

  #fail(failure: BodyFailure, bytes: number): void {
    if (this.#settled) return;
    if (this.#ended) this.cancel();
    else this.#rest = new BodyRest();
    this.#settled = true;
    this.#buffer = undefined;
    this.#listener.bodyFailed(failure, bytes);
  }

  #drop(bytes: number, isLast: boolean): void {
    if (!this.#ended && (this.#rest?.drop(bytes) === true || isLast)) this.#endRest();
  }

  #endRest(): void {
    this.cancel();
    this.#listener.bodyDropped();
  }
}

export type Framing = { readonly ok: true; readonly announced: number | undefined } | { readonly ok: false };

const DIGITS = /^[0-9]{1,15}$/;

/** Message framing (RFC 9112, section 6): one plain Content-Length, or exactly `chunked`; every other spelling is a smuggler's. '' = absent. */
export function readFraming(contentLength: string, transferEncoding: string): Framing {
  if (transferEncoding !== '') return transferEncoding.toLowerCase() === 'chunked' && contentLength === '' ? { ok: true, announced: undefined } : { ok: false };
  if (contentLength === '') return { ok: true, announced: 0 };
  return DIGITS.test(contentLength) ? { ok: true, announced: Number(contentLength) } : { ok: false };
}
