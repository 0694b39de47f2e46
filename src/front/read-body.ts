// Reads one body: refused at the byte that passes the limit, in time or not at all, copied once at most.
import type { HttpResponse } from './uws-types.js';

export type BodyOutcome =
  /** `borrowed` bytes are detached when the listener returns. */
  | { readonly kind: 'whole'; readonly body: Uint8Array; readonly borrowed: boolean }
  | { readonly kind: 'too_large'; readonly bytes: number }
  /** The bodies of all, or of this peer, would hold more than they may. */
  | { readonly kind: 'no_room'; readonly bytes: number }
  | { readonly kind: 'timed_out'; readonly bytes: number }
  /** Slower than front.body_bytes_per_s_min. */
  | { readonly kind: 'too_slow'; readonly bytes: number };

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
  readonly #waiting = new Set<BodyReader>();
  #timer: NodeJS.Timeout | undefined;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }
  add(reader: BodyReader): void {
    reader.startedMs = this.#nowMs();
    this.#waiting.add(reader);
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }
  remove(reader: BodyReader): void {
    this.#waiting.delete(reader);
  }
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
  #sweep(): void {
    const now = this.#nowMs();
    for (const reader of this.#waiting) {
      reader.judge(now - reader.startedMs);
    }
  }
}

/** `announced` = Content-Length, or undefined for a chunked body. */
export class BodyReader {
  startedMs = 0;
  /** Bytes seen so far. */
  bytes = 0;
  /** What this body holds of `room`; given back by whoever answers the request. */
  reservedBytes = 0;
  readonly #announced: number | undefined;
  readonly #limits: BodyLimits;
  readonly #room: BodyRoom;
  readonly #deadlines: BodyDeadlines;
  readonly #settle: (outcome: BodyOutcome) => void;
  #buffer: Buffer | undefined;
  #settled = false;

  constructor(announced: number | undefined, limits: BodyLimits, room: BodyRoom, deadlines: BodyDeadlines, settle: (outcome: BodyOutcome) => void) {
    this.#announced = announced;
    this.#limits = limits;
    this.#room = room;
    this.#deadlines = deadlines;
    this.#settle = settle;
  }

  start(response: HttpResponse): void {
    if (this.#announced !== undefined && this.#announced > this.#limits.bodyBytesMax) {
      this.#end({ kind: 'too_large', bytes: this.#announced });
      return;
    }
    this.#deadlines.add(this);
    response.onData((chunk, isLast) => this.#take(chunk, isLast));
  }

  /** Ends what takes too long, or comes so slowly that it would. */
  judge(elapsedMs: number): void {
    if (elapsedMs >= this.#limits.bodyTimeoutMs) this.#end({ kind: 'timed_out', bytes: this.bytes });
    else if (elapsedMs >= SLOW_GRACE_MS && this.bytes * MS_PER_S < elapsedMs * this.#limits.bytesPerSecondMin) this.#end({ kind: 'too_slow', bytes: this.bytes });
  }

  /** The client is gone: whatever still comes is dropped. */
  cancel(): void {
    this.#settled = true;
    this.#buffer = undefined;
    this.#deadlines.remove(this);
  }

  #take(chunk: ArrayBuffer, isLast: boolean): void {
    if (this.#settled) return;
    const total = this.bytes + chunk.byteLength;
    this.bytes = total;
    if (total > this.#limits.bodyBytesMax) return this.#end({ kind: 'too_large', bytes: total });
    if (!this.#makeRoom(total, isLast)) return this.#end({ kind: 'no_room', bytes: total });
    if (isLast && this.#buffer === undefined) return this.#end({ kind: 'whole', body: Buffer.from(chunk), borrowed: true });
    this.#append(chunk, total);
    if (isLast) this.#end({ kind: 'whole', body: this.#buffer?.subarray(0, total) ?? Buffer.alloc(0), borrowed: false });
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
      const grown = Buffer.allocUnsafeSlow(Math.max(total, this.#announced ?? this.#capacityFor(total)));
      this.#buffer?.copy(grown, 0, 0, total - chunk.byteLength);
      this.#buffer = grown;
    }
    this.#buffer.set(new Uint8Array(chunk), total - chunk.byteLength);
  }

  #end(outcome: BodyOutcome): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#deadlines.remove(this);
    this.#buffer = undefined;
    this.#settle(outcome);
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
