// One call on the own client: waits, is written, is answered, or fails; its sink hears of exactly one end, or of none after abort.
import type { UpstreamCall, UpstreamFault, UpstreamRequest, UpstreamSink } from '../types.js';
import type { Connection } from './connection.js';
import type { H1Origin } from './origin.js';
import { Timed } from './time-wheel.js';
import type { Waiting } from './waiting-line.js';

export class H1Call extends Timed implements UpstreamCall, Waiting<H1Call> {
  /** @internal */
  before: H1Call | undefined = undefined;
  /** @internal */
  behind: H1Call | undefined = undefined;
  /** @internal The whole request, while it waits for a connection. */
  message: readonly Buffer[] | undefined = undefined;
  readonly #origin: H1Origin;
  readonly #sink: UpstreamSink;
  readonly #answerTimeoutMs: number;
  readonly #idleTimeoutMs: number;
  readonly #bodyBytes: number;
  /** From the request's first byte to the answer's last. */
  #connection: Connection | undefined = undefined;
  #written = false;
  #hasHead = false;
  #heardMs = 0;
  /** The time for the whole answer to begin has become the time for silence within it. */
  #within = false;
  #paused = false;
  #done = false;

  constructor(request: UpstreamRequest, sink: UpstreamSink, origin: H1Origin, bodyBytes: number) {
    super();
    this.#origin = origin;
    this.#sink = sink;
    this.#answerTimeoutMs = request.answerTimeoutMs;
    this.#idleTimeoutMs = request.idleTimeoutMs;
    this.#bodyBytes = bodyBytes;
  }

  /** A connection whose request is not all written when its answer is whole is closed, unless others' requests are behind it. */
  get bodyIsFree(): boolean {
    return this.#origin.runtime.wiring.readsAtOnce && this.#origin.limits.pipelining === 1;
  }

  abort(): void {
    if (!this.#done) this.#leave();
  }

  /** @internal It has ended, or its caller wants its answer no more. */
  get gone(): boolean {
    return this.#done;
  }

  /** @internal Its caller takes nothing more of its answer for now. */
  get paused(): boolean {
    return this.#paused && !this.#done;
  }

  pause(): void {
    if (this.#done || this.#paused) return;
    this.#paused = true;
    this.#connection?.pause();
  }

  resume(): void {
    if (this.#done || !this.#paused) return;
    this.#paused = false;
    this.#heardMs = this.#origin.runtime.monotonicMs();
    this.#connection?.resume();
  }

  /** @internal Its request is about to be written. */
  begin(connection: Connection): void {
    this.#connection = connection;
    this.#written = true;
    this.message = undefined;
    if (this.#paused) connection.pause();
  }

  /** @internal */
  head(status: number, headers: Readonly<Record<string, string>>): void {
    if (this.#done) return;
    this.#hasHead = true;
    this.#sink.onHead(status, headers);
  }

  /** @internal */
  data(chunk: Buffer): void {
    if (!this.#done) this.#sink.onData(chunk);
  }

  /** @internal A read has brought a part of the answer. */
  heard(): void {
    if (!this.#hasHead || this.#done) return;
    const { runtime } = this.#origin;
    this.#heardMs = runtime.monotonicMs();
    if (this.#within) return;
    this.#within = true;
    if (this.#idleTimeoutMs >= this.#answerTimeoutMs) return;
    runtime.wheel.remove(this);
    runtime.wheel.add(this, this.#idleTimeoutMs, this.#heardMs);
  }

  /** @internal The connection has let go of it: the answer is whole. */
  end(): void {
    if (this.#done) return;
    this.#finish();
    this.#sink.onEnd();
  }

  /** @internal */
  fail(kind: UpstreamFault['kind'], message: string, crowdedOut = false): void {
    if (this.#done) return;
    const maybeSent = this.#written;
    this.#leave();
    this.#sink.onFault({ kind, maybeSent, crowdedOut, message });
  }

  onDue(): void {
    if (!this.#hasHead) {
      this.fail('timeout', `no answer within ${this.#answerTimeoutMs} ms`, !this.#written && this.#origin.isFull());
      return;
    }
    const { runtime } = this.#origin;
    const nowMs = runtime.monotonicMs();
    const leftMs = this.#idleTimeoutMs - (this.#paused ? 0 : nowMs - this.#heardMs); // a slow client is not the server's silence
    if (leftMs <= 0) this.fail('timeout', `silent for ${this.#idleTimeoutMs} ms within its answer`);
    else runtime.wheel.add(this, leftMs, nowMs);
  }

  /** Ends it before its answer has. */
  #leave(): void {
    const connection = this.#connection;
    this.#finish();
    if (connection !== undefined) connection.left();
    else this.#origin.forget(this);
  }

  #finish(): void {
    this.#done = true;
    this.#connection = undefined;
    this.#origin.runtime.wheel.remove(this);
    this.#origin.admission.leave(this.#bodyBytes);
  }
}
