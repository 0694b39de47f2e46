// One connection to a tool server: one call at a time, or some where the operator allows it, and of no more use after the first thing that is not as agreed.
import type { UpstreamFault } from '../types.js';
import { AnswerReader, type AnswerReceiver, type KnownHeads } from './answer-reader.js';
import type { H1Call } from './call.js';
import type { Runtime, Sender } from './runtime.js';
import { Timed } from './time-wheel.js';
import type { Wire, WireOwner } from './wire.js';

const CLOSED = 'the server closed the connection';

/** Who keeps connections. */
export interface Keeper {
  readonly runtime: Runtime;
  readonly answerHeads: KnownHeads;
  readonly limits: { readonly connectTimeoutMs: number; readonly headerBytesMax: number; readonly keepAliveMs: number; readonly pipelining: number };
  /** It can take its first call. */
  connected(connection: Connection): void;
  /** A call is answered, and it can take another. */
  answered(connection: Connection): void;
  /** It ended, once. `fault`: why it never came to stand. */
  ended(connection: Connection, fault?: string): void;
}

export class Connection extends Timed implements AnswerReceiver, Sender, WireOwner {
  /** @internal When its last call ended, or before; for the keeper. */
  idleSinceMs = 0;
  /** @internal How long it may rest. */
  reusableMs: number;
  /** @internal It came to stand. */
  standing = false;
  /** @internal Its keeper counts it among those that have room. */
  listed = false;
  readonly #keeper: Keeper;
  readonly #wire: Wire;
  readonly #reader: AnswerReader;
  /** The one whose answer comes next. */
  #call: H1Call | undefined = undefined;
  /** Those behind it (RFC 9112 section 9.3.2), in the order of their requests. */
  readonly #behind: H1Call[] = [];
  /** Requests that are with the kernel: an answer that comes before is nobody's. */
  #asked = 0;
  #over = false;
  #paused = false;

  constructor(keeper: Keeper, host: string, port: number) {
    super();
    const { runtime, limits } = keeper;
    this.#keeper = keeper;
    this.reusableMs = limits.keepAliveMs;
    this.#reader = new AnswerReader(this, keeper.answerHeads, limits.headerBytesMax);
    this.#wire = runtime.wiring.connect(host, port, this);
    runtime.wheel.add(this, limits.connectTimeoutMs, runtime.monotonicMs());
  }

  get isIdle(): boolean {
    return this.#call === undefined;
  }

  /** For one more call. */
  get hasRoom(): boolean {
    return !this.#over && this.#inFlight() < this.#keeper.limits.pipelining;
  }

  #inFlight(): number {
    return this.#call === undefined ? 0 : this.#behind.length + 1;
  }

  /** Sends a request, with the others of this turn of the event loop. */
  send(call: H1Call, head: string, body: Uint8Array | undefined, bodyStays: boolean): void {
    this.#take(call);
    this.#keeper.runtime.write(this, head, body, bodyStays);
  }

  /** Answers come in the order of the requests: those that still wait for the turn's end go before one that is written at once. */
  catchUp(): void {
    if (this.#asked < this.#inFlight()) this.#keeper.runtime.flush();
  }

  /** Writes the request of a call that waited. */
  sendWaiting(call: H1Call): void {
    const { message = [] } = call;
    this.#take(call);
    this.#asked += 1;
    for (const part of message) this.#wire.write(part);
  }

  goesOut(): Wire | undefined {
    if (this.#over) return undefined;
    this.#asked += 1;
    return this.#wire;
  }

  pause(): void {
    this.#paused = true;
    this.#wire.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#wire.resume();
  }

  /** A call has left before its answer came: its answer is read for those behind it, if there are any. */
  left(): void {
    if (this.#over) return;
    if (this.#call?.gone !== false && this.#behind.every((call) => call.gone)) this.drop();
    else if (this.#paused && this.#call?.paused !== true) this.resume();
  }

  /** Closes it at once. Its calls are told nothing. */
  drop(): void {
    if (this.#over) return;
    this.#end();
    this.#keeper.ended(this);
  }

  /** Closes it; its calls have failed. */
  fail(kind: UpstreamFault['kind'], message: string): void {
    if (this.#over) return;
    const calls = [this.#call, ...this.#behind];
    this.drop();
    for (const call of calls) call?.fail(kind, message);
  }

  /** It does not come to stand. */
  onDue(): void {
    this.#giveUp(`no connection within ${this.#keeper.limits.connectTimeoutMs} ms`);
  }

  onAnswerHead(status: number, headers: Readonly<Record<string, string>>): boolean {
    this.#call?.head(status, headers);
    return !this.#over;
  }

  onAnswerBytes(chunk: Buffer): boolean {
    this.#call?.data(chunk);
    return !this.#over;
  }

  stands(): void {
    this.standing = true;
    this.#keeper.runtime.wheel.remove(this);
    this.#keeper.connected(this);
  }

  heard(bytes: Buffer, from: number, to: number): void {
    for (let at = from; !this.#over; at = this.#reader.restFrom) {
      const call = this.#call;
      // Bytes that nobody asked for: whose answer they are can't be known.
      if (call === undefined) this.drop();
      else if (this.#asked === 0) this.fail('protocol', 'the server answered before it was asked');
      else if (!this.#readFor(call, bytes, at, to)) return;
    }
  }

  /** The server has ended its side. */
  ended(): void {
    const call = this.#call;
    if (call !== undefined && this.#reader.endsHere()) this.#answered(call, 0);
    else this.failed(CLOSED);
  }

  failed(message: string): void {
    if (!this.standing) this.#giveUp(message);
    else if (this.#call !== undefined) this.fail('transport', message);
    else this.drop();
  }

  #take(call: H1Call): void {
    if (this.#call === undefined) this.#call = call;
    else this.#behind.push(call);
    call.begin(this);
  }

  /** True = bytes follow. */
  #readFor(call: H1Call, bytes: Buffer, from: number, to: number): boolean {
    try {
      switch (this.#reader.read(bytes, from, to)) {
        case 'more':
          call.heard();
          return false;
        case 'done':
          this.#answered(call, this.#reader.reusableMs);
          return false;
        case 'rest':
          this.#answered(call, this.#behind.length === 0 ? 0 : this.#reader.reusableMs);
          return true;
        case 'broken':
          this.fail('protocol', this.#reader.fault);
          return false;
        case 'stopped':
          return false;
      }
    } catch (error) {
      this.fail('transport', `its reader failed: ${error instanceof Error ? error.message : String(error)}`); // as with undici: the call's fault, not the thread's
      return false;
    }
  }

  #answered(call: H1Call, reusableMs: number): void {
    this.#call = this.#behind.shift();
    this.#asked -= 1;
    if (this.#paused) this.resume();
    this.reusableMs = reusableMs;
    // A request that is not all written when its answer is whole has bytes to come that the next one would follow.
    if (reusableMs === 0 || (this.#asked === 0 && this.#wire.behind)) {
      if (this.#call === undefined) this.drop();
      else this.fail('transport', CLOSED);
    } else if (!this.#over) this.#keeper.answered(this);
    call.end();
  }

  #end(): void {
    this.#call = undefined;
    this.#behind.length = 0;
    this.#over = true;
    this.#keeper.runtime.wheel.remove(this);
    this.#wire.close();
  }

  #giveUp(fault: string): void {
    if (this.#over) return;
    this.#end();
    this.#keeper.ended(this, fault);
  }
}
