// What all connections of one client share: the wiring, the bytes on their way out, the timer.
import { createNativeWiring } from './native-wire.js';
import { createNetWiring } from './net-wire.js';
import { RequestHeads } from './request-head.js';
import { TimeWheel } from './time-wheel.js';
import { TOGETHER_MAX, type Wire, type Wiring } from './wire.js';

const ARENA_BYTES = 256 * 1024; // the requests of one turn; a larger one, or one that finds no room, gets bytes of its own

/** Who sends a request. */
export interface Sender {
  /** Its request goes out now. Undefined: it was given up meanwhile. */
  goesOut(): Wire | undefined;
}

export class Runtime {
  readonly monotonicMs: () => number;
  readonly wheel: TimeWheel;
  readonly wiring: Wiring;
  readonly heads = new RequestHeads();
  #arena = Buffer.allocUnsafeSlow(ARENA_BYTES);
  #used = 0;
  #scheduled = false;
  #senders: Sender[] = [];
  /** Where the request of each sender ends in the arena; it begins where the one before ends. */
  #ends: number[] = [];

  /** `wiring`: Node's own sockets where the addon is not there or not wanted. */
  constructor(monotonicMs: () => number, wiring: Wiring = createNativeWiring() ?? createNetWiring()) {
    this.monotonicMs = monotonicMs;
    this.wiring = wiring;
    this.wheel = new TimeWheel(monotonicMs);
  }

  /**
   * Head and body in one write, so in one packet where they fit. All requests of one turn of the event loop are written together at its end: a tool
   * server that has nothing to do falls asleep between two requests, and waking it costs more than the write (8 of 13 µs, measured). `body` is copied, but
   * for a large one that stays: for every few megabytes that are made anew the engine collects the whole heap.
   */
  write(sender: Sender, head: string, body: Uint8Array | undefined, bodyStays = false): void {
    const from = this.#used;
    const to = from + head.length + (body?.length ?? 0);
    if (to > ARENA_BYTES || this.#senders.length === TOGETHER_MAX) {
      this.flush();
      if (to - from <= ARENA_BYTES) this.write(sender, head, body);
      else {
        const wire = sender.goesOut();
        for (const part of requestParts(head, body, bodyStays)) wire?.write(part);
      }
      return;
    }
    this.#arena.write(head, from, 'latin1');
    if (body !== undefined) this.#arena.set(body, from + head.length);
    this.#used = to;
    this.#senders.push(sender);
    this.#ends.push(to);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(flushRuntime, this);
  }

  /** Writes what has gathered. Its own immediate calls it; public for tests. */
  flush(): void {
    const senders = this.#senders;
    const ends = this.#ends;
    const { outbox } = this.wiring;
    /** Of connections that are not through with a request before: it must not stand within that one. */
    const later: { readonly wire: Wire; readonly bytes: Buffer }[] = [];
    let from = 0;
    for (let at = 0; at < senders.length; at += 1) {
      const to = ends[at] ?? from;
      const wire = senders[at]?.goesOut();
      if (wire !== undefined && (wire.behind || !outbox.add(wire, from, to))) later.push({ wire, bytes: Buffer.from(this.#arena.subarray(from, to)) });
      from = to;
    }
    senders.length = 0;
    ends.length = 0;
    this.#used = 0;
    // A socket that is not through goes on reading from these bytes, so they are its own now.
    if (from > 0 && !outbox.send(this.#arena)) this.#arena = Buffer.allocUnsafeSlow(ARENA_BYTES);
    for (const { wire, bytes } of later) wire.write(bytes);
  }

  close(): void {
    this.flush();
    this.wiring.close();
  }

  /** @internal */
  turnEnded(): void {
    this.#scheduled = false;
    this.flush();
  }
}

function flushRuntime(runtime: Runtime): void {
  runtime.turnEnded();
}

/** A request as what is written of it: in one, with bytes of its own, but for a large body that stays. */
export function requestParts(head: string, body: Uint8Array | undefined, bodyStays: boolean): readonly Buffer[] {
  if (bodyStays && body !== undefined && head.length + body.length > ARENA_BYTES) return [Buffer.from(head, 'latin1'), Buffer.from(body.buffer, body.byteOffset, body.byteLength)];
  const bytes = Buffer.allocUnsafeSlow(head.length + (body?.length ?? 0));
  bytes.write(head, 0, head.length, 'latin1');
  if (body !== undefined) bytes.set(body, head.length);
  return [bytes];
}
