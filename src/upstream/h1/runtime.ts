// What all connections of one client share: the buffers, the timer and the limits.
import { RequestHeads } from './request-head.js';
import { TimeWheel } from './time-wheel.js';

const READ_BYTES = 64 * 1024; // what one read may take from the kernel
const ARENA_BYTES = 256 * 1024; // the requests of one turn; a larger one, or one that finds no room, gets bytes of its own

/** Who can write to a tool server. */
export interface Sender {
  /** False = the kernel did not take all of it, and the bytes must stay as they are. */
  writeNow(bytes: Buffer): boolean;
}

export class Runtime {
  readonly monotonicMs: () => number;
  readonly wheel: TimeWheel;
  readonly heads = new RequestHeads();
  /** One for all connections: a read fills it and its callback, which is synchronous, empties it before the next. */
  readonly readBuffer = Buffer.allocUnsafeSlow(READ_BYTES);
  #arena = Buffer.allocUnsafeSlow(ARENA_BYTES);
  #used = 0;
  #senders: Sender[] = [];
  #messages: Buffer[] = [];

  constructor(monotonicMs: () => number) {
    this.monotonicMs = monotonicMs;
    this.wheel = new TimeWheel(monotonicMs);
  }

  /**
   * Head and body in one write, so in one packet where they fit. All requests of one turn of the event loop are written together at its end: a tool
   * server that has nothing to do falls asleep between two requests, and waking it costs more than the write (8 of 13 µs, measured). `body` is copied.
   */
  write(sender: Sender, head: string, body: Uint8Array | undefined): void {
    if (this.#senders.length === 0) setImmediate(flushRuntime, this);
    this.#senders.push(sender);
    this.#messages.push(this.#take(head, body));
  }

  /** Writes what has gathered. Its own immediate calls it; public for tests. */
  flush(): void {
    const senders = this.#senders;
    const messages = this.#messages;
    this.#senders = [];
    this.#messages = [];
    let taken = true;
    senders.forEach((sender, at) => {
      const message = messages[at];
      if (message !== undefined && !sender.writeNow(message)) taken = false;
    });
    // A socket that is not through goes on reading from these bytes, so they are its own now.
    if (!taken) this.#arena = Buffer.allocUnsafeSlow(ARENA_BYTES);
    this.#used = 0;
  }

  #take(head: string, body: Uint8Array | undefined): Buffer {
    const from = this.#used;
    const to = from + head.length + (body?.length ?? 0);
    if (to > ARENA_BYTES) return requestBytes(head, body);
    this.#used = to;
    this.#arena.write(head, from, 'latin1');
    if (body !== undefined) this.#arena.set(body, from + head.length);
    return this.#arena.subarray(from, to);
  }
}

function flushRuntime(runtime: Runtime): void {
  runtime.flush();
}

/** A request with bytes of its own. */
export function requestBytes(head: string, body: Uint8Array | undefined): Buffer {
  const bytes = Buffer.allocUnsafeSlow(head.length + (body?.length ?? 0));
  bytes.write(head, 0, head.length, 'latin1');
  if (body !== undefined) bytes.set(body, head.length);
  return bytes;
}
