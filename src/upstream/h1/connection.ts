// One connection to a tool server: one call at a time, and of no more use after the first thing that is not as agreed.
import { connect, type Socket } from 'node:net';
import { AnswerReader, type AnswerReceiver, type KnownHeads } from './answer-reader.js';
import type { H1Call } from './call.js';
import { Timed } from './time-wheel.js';
import type { Runtime, Sender } from './runtime.js';

const PROBE_AFTER_MS = 60_000; // TCP keep-alive: a stream may be silent for hours, and its server's machine may be gone

/** Who keeps connections. */
export interface Keeper {
  readonly runtime: Runtime;
  readonly answerHeads: KnownHeads;
  readonly limits: { readonly connectTimeoutMs: number; readonly headerBytesMax: number; readonly keepAliveMs: number };
  /** It can take its first call. */
  connected(connection: Connection): void;
  /** Its call is answered, and it can take another. */
  answered(connection: Connection): void;
  /** It ended, once. `fault`: why it never came to stand. */
  ended(connection: Connection, fault?: string): void;
}

export class Connection extends Timed implements AnswerReceiver, Sender {
  /** @internal When its last call ended, or before; for the keeper. */
  idleSinceMs = 0;
  /** @internal How long it may rest. */
  reusableMs: number;
  /** @internal It came to stand. */
  standing = false;
  readonly #keeper: Keeper;
  readonly #socket: Socket;
  readonly #reader: AnswerReader;
  #call: H1Call | undefined = undefined;
  #over = false;
  /** Its call's request is with the kernel: what comes before that is nobody's answer. */
  #asked = false;
  #paused = false;
  #error: Error | undefined = undefined;

  constructor(keeper: Keeper, host: string, port: number) {
    super();
    const { runtime, limits } = keeper;
    this.#keeper = keeper;
    this.reusableMs = limits.keepAliveMs;
    this.#reader = new AnswerReader(this, keeper.answerHeads, limits.headerBytesMax);
    this.#socket = connect({
      host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: PROBE_AFTER_MS,
      onread: { buffer: runtime.readBuffer, callback: (length) => this.#read(length) },
    });
    this.#socket.on('connect', () => this.#connected()).on('end', () => this.#ended()).on('error', (error) => { this.#error = error; }).on('close', () => this.#closed());
    runtime.wheel.add(this, limits.connectTimeoutMs, runtime.monotonicMs());
  }

  /** Its call, for who closes everything. */
  get call(): H1Call | undefined {
    return this.#call;
  }

  /** Sends a request, with the others of this turn of the event loop. */
  send(call: H1Call, head: string, body: Uint8Array | undefined): void {
    this.#call = call;
    this.#asked = false;
    call.begin(this);
    this.#keeper.runtime.write(this, head, body);
  }

  writeNow(bytes: Buffer): boolean {
    if (this.#over) return true; // its call was given up meanwhile
    this.#asked = true;
    this.#socket.write(bytes);
    return this.#socket.writableLength === 0;
  }

  /** Writes the request of a call that waited. */
  sendWaiting(call: H1Call): void {
    const { message } = call;
    this.#call = call;
    this.#asked = true;
    call.begin(this);
    if (message !== undefined) this.#socket.write(message);
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#socket.resume();
  }

  /** Closes it at once. Its call, if there is one, is told nothing. */
  drop(): void {
    if (this.#over) return;
    this.#call = undefined;
    this.#over = true;
    this.#keeper.runtime.wheel.remove(this);
    this.#socket.destroy();
    this.#keeper.ended(this);
  }

  /** It does not come to stand. */
  onDue(): void {
    this.#giveUp(`no connection within ${this.#keeper.limits.connectTimeoutMs} ms`);
  }

  onAnswerHead(status: number, headers: Readonly<Record<string, string>>): boolean {
    return this.#call?.head(status, headers) === true;
  }

  onAnswerBytes(chunk: Buffer): boolean {
    return this.#call?.data(chunk) === true;
  }

  #connected(): void {
    if (this.#over) return;
    this.standing = true;
    this.#keeper.runtime.wheel.remove(this);
    this.#keeper.connected(this);
  }

  #read(length: number): boolean {
    const call = this.#call;
    // Bytes that nobody asked for: whose answer they are can't be known.
    if (call === undefined) this.drop();
    else if (!this.#asked) call.fail('protocol', 'the server answered before it was asked');
    else this.#readFor(call, length);
    return true;
  }

  #readFor(call: H1Call, length: number): void {
    try {
      switch (this.#reader.read(this.#keeper.runtime.readBuffer, length)) {
        case 'more': return call.heard();
        case 'done': return this.#answered(call, this.#reader.reusableMs);
        case 'rest': return this.#answered(call, 0);
        case 'broken': return call.fail('protocol', this.#reader.fault);
        case 'stopped': return;
      }
    } catch (error) {
      call.fail('transport', `its reader failed: ${error instanceof Error ? error.message : String(error)}`); // as with undici: the call's fault, not the thread's
    }
  }

  #answered(call: H1Call, reusableMs: number): void {
    this.#call = undefined;
    if (this.#paused) this.resume();
    this.reusableMs = reusableMs;
    // A request that is not all written when its answer is whole has bytes to come that the next one would follow.
    if (reusableMs === 0 || this.#socket.writableLength > 0 || this.#over) this.drop();
    else this.#keeper.answered(this);
    call.end();
  }

  /** The server has ended its side. */
  #ended(): void {
    const call = this.#call;
    if (call !== undefined && this.#reader.endsHere()) this.#answered(call, 0);
    else this.#closed();
  }

  #closed(): void {
    if (this.#over) return;
    const message = this.#error?.message ?? 'the server closed the connection';
    if (!this.standing) this.#giveUp(message);
    else if (this.#call !== undefined) this.#call.fail('transport', message);
    else this.drop();
  }

  #giveUp(fault: string): void {
    this.#over = true;
    this.#keeper.runtime.wheel.remove(this);
    this.#socket.destroy();
    this.#keeper.ended(this, fault);
  }
}
