// What the two clients have in common: an origin takes calls, and counts what it has taken.
import type { UpstreamCall, UpstreamRequest, UpstreamSink } from './types.js';

/** One URL, ready to be asked. */
export interface Target {
  /** Path and query. */
  readonly path: string;
  /** What follows the method in every request head to it, up to the caller's headers. */
  readonly requestTail: string;
}

/** One scheme, host and port, for one use. */
export interface Origin {
  readonly admission: Admission;
  /** Open, or being opened. */
  readonly connections: number;
  /** Counts the call in; callbacks come after it has returned. */
  start(request: UpstreamRequest, sink: UpstreamSink, target: Target): UpstreamCall;
  /** Faults what is in flight. */
  close(): Promise<void>;
}

export interface OriginOptions {
  readonly connectTimeoutMs: number;
  readonly connectionsMax: number;
  readonly headerBytesMax: number;
  readonly keepAliveMs: number;
  /** Requests on one connection before the first is answered; 1 = each waits. */
  readonly pipelining: number;
  readonly monotonicMs: () => number;
}

/** Bounds the calls of one origin, and their bytes. */
export class Admission {
  readonly #callsMax: number;
  readonly #bytesMax: number;
  #calls = 0;
  #bytes = 0;

  constructor(callsMax: number, bytesMax: number) {
    this.#callsMax = callsMax;
    this.#bytesMax = bytesMax;
  }

  /** Calls that have not ended. */
  get calls(): number {
    return this.#calls;
  }

  admits(bytes: number): boolean {
    return this.#calls < this.#callsMax && this.#bytes + bytes <= this.#bytesMax;
  }

  enter(bytes: number): void {
    this.#calls += 1;
    this.#bytes += bytes;
  }

  leave(bytes: number): void {
    this.#calls -= 1;
    this.#bytes -= bytes;
  }
}
