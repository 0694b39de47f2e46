// Connections whose sockets the addon reads and writes: one call into it for all that is sent in a turn of the event loop, one call back for all that came.
// Node connects them (names, several addresses, time-outs), the addon takes over a copy of the descriptor.
import { connect, type Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { loadAddon } from '../../base/native/load-addon.js';
import { PROBE_AFTER_MS, READ_BYTES, TOGETHER_MAX, type Outbox, type Wire, type WireOwner, type Wiring } from './wire.js';

// native/upstream_sockets/sockets.h has the same numbers.
const CONTRACT = 1;
const EVENT_WORDS = 3;
const WRITABLE = -1;
const SEND_WORDS = 4;

const GATHERED_BYTES = 8 * READ_BYTES; // what is read before anything of it is looked at
const EVENTS_MAX = 256;
/** One write takes no more, the rest goes with later turns: the kernel would copy megabytes at once, and every other call of this thread waits for it. */
const WRITE_BYTES = 512 * 1024;


declare const opened: unique symbol;
type Sockets = { readonly [opened]: true };

interface Addon {
  open(readBuffer: Uint8Array, events: Int32Array, listener: (count: number) => void): Sockets;
  adopt(sockets: Sockets, fd: number): number;
  send(sockets: Sockets, bytes: Uint8Array, sends: Int32Array, count: number): void;
  watch(sockets: Sockets, slot: number, reads: boolean, writes: boolean): number;
  release(sockets: Sockets, slot: number): void;
  close(sockets: Sockets): void;
}

/** Undefined where the addon is not built. */
export function createNativeWiring(): Wiring | undefined {
  const addon = loadAddon<Addon>('upstream_sockets', CONTRACT);
  return addon === undefined ? undefined : new NativeWiring(addon);
}

class NativeWiring implements Wiring, Outbox {
  readonly readsAtOnce = true;
  readonly #addon: Addon;
  readonly #sockets: Sockets;
  readonly #readBuffer = Buffer.allocUnsafeSlow(GATHERED_BYTES);
  readonly #events = new Int32Array(EVENTS_MAX * EVENT_WORDS);
  readonly #sends = new Int32Array(TOGETHER_MAX * SEND_WORDS);
  readonly #sending: NativeWire[] = [];
  readonly #wires: (NativeWire | undefined)[] = [];

  constructor(addon: Addon) {
    this.#addon = addon;
    this.#sockets = addon.open(this.#readBuffer, this.#events, (count) => this.#told(count));
  }

  get outbox(): Outbox {
    return this;
  }

  connect(host: string, port: number, owner: WireOwner): Wire {
    return new NativeWire(this, host, port, owner);
  }

  close(): void {
    this.#addon.close(this.#sockets);
  }

  add(wire: NativeWire, from: number, to: number): boolean {
    const sends = this.#sends;
    const count = this.#sending.length;
    const last = (count - 1) * SEND_WORDS;
    // Requests that follow one another on one connection are one write.
    if (count > 0 && this.#sending[count - 1] === wire && sends[last + 2] === from) {
      sends[last + 2] = to;
      return true;
    }
    if (wire.gathered) return false;
    wire.gathered = true;
    const word = count * SEND_WORDS;
    sends[word] = wire.slot;
    sends[word + 1] = from;
    sends[word + 2] = to;
    this.#sending.push(wire);
    return true;
  }

  send(bytes: Buffer): boolean {
    const sends = this.#sends;
    const count = this.#sending.length;
    this.#addon.send(this.#sockets, bytes, sends, count);
    let parts: (() => void)[] | undefined;
    for (let at = 0; at < count; at += 1) {
      const word = at * SEND_WORDS;
      const from = sends[word + 1] ?? 0;
      const to = sends[word + 2] ?? 0;
      const taken = sends[word + 3] ?? 0;
      const wire = this.#sending[at];
      if (wire === undefined) continue;
      wire.gathered = false;
      if (taken === to - from) continue;
      wire.keep(Buffer.from(bytes.subarray(from + Math.max(0, taken), to)));
      (parts ??= []).push(() => wire.sentInPart(taken));
    }
    this.#sending.length = 0;
    // Not now: whoever hears that a connection broke may send again, over these bytes and on any connection, and whoever sent last, and made the others go out, has not returned to its caller yet.
    if (parts !== undefined) process.nextTick(tellAll, parts);
    return true;
  }

  /** @internal How many bytes the kernel took, of a part of them, or -errno. */
  sendNow(wire: NativeWire, bytes: Buffer): number {
    const own = this.#sending.length === 0 ? this.#sends : new Int32Array(SEND_WORDS);
    own[0] = wire.slot;
    own[1] = 0;
    own[2] = Math.min(bytes.length, WRITE_BYTES);
    this.#addon.send(this.#sockets, bytes, own, 1);
    return own[3] ?? 0;
  }

  /** @internal The slot, or -errno. */
  adopt(wire: NativeWire, fd: number): number {
    const slot = this.#addon.adopt(this.#sockets, fd);
    if (slot >= 0) this.#wires[slot] = wire;
    return slot;
  }

  /** @internal */
  watch(slot: number, reads: boolean, writes: boolean): number {
    return this.#addon.watch(this.#sockets, slot, reads, writes);
  }

  /** @internal */
  release(slot: number): void {
    this.#wires[slot] = undefined;
    this.#addon.release(this.#sockets, slot);
  }

  #told(count: number): void {
    const events = this.#events;
    for (let word = 0; word < count * EVENT_WORDS; word += EVENT_WORDS) {
      const wire = this.#wires[events[word] ?? -1]; // undefined: closed by what came before in this turn
      const from = events[word + 1] ?? 0;
      const length = events[word + 2] ?? 0;
      if (wire === undefined) continue;
      if (from === WRITABLE) wire.writable();
      else if (length > 0) wire.owner.heard(this.#readBuffer, from, from + length);
      else wire.over(length);
    }
  }
}

class NativeWire implements Wire {
  /** @internal -1 until it stands, and once it is closed. */
  slot = -1;
  /** @internal It has bytes among those of this turn. */
  gathered = false;
  readonly owner: WireOwner;
  readonly #wiring: NativeWiring;
  readonly #socket: Socket;
  #reads = true;
  /** What the kernel did not take. */
  #unsent: Buffer[] = [];
  #closed = false;

  constructor(wiring: NativeWiring, host: string, port: number, owner: WireOwner) {
    this.owner = owner;
    this.#wiring = wiring;
    this.#socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: PROBE_AFTER_MS });
    this.#socket.on('connect', () => this.#stands()).on('error', (error) => this.#fail(error.message));
  }

  get behind(): boolean {
    return this.#unsent.length > 0;
  }

  write(bytes: Buffer): void {
    if (this.#closed) return;
    if (this.behind) {
      this.#unsent.push(bytes);
      return;
    }
    const taken = this.#wiring.sendNow(this, bytes);
    if (taken === bytes.length) return;
    this.keep(bytes.subarray(Math.max(0, taken)));
    if (taken < 0) setImmediate(() => this.sentInPart(taken)); // whoever writes has not returned to its caller yet
    else this.sentInPart(taken);
  }

  pause(): void {
    this.#reads = false;
    this.#watch();
  }

  resume(): void {
    this.#reads = true;
    this.#watch();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unsent = [];
    this.#socket.destroy();
    if (this.slot >= 0) this.#wiring.release(this.slot);
    this.slot = -1;
  }

  /** @internal What the kernel did not take: all that is written from here on goes behind it. */
  keep(rest: Buffer): void {
    if (!this.#closed) this.#unsent.push(rest);
  }

  /** @internal The rest is kept. `taken`: bytes that the kernel took before it, or -errno. */
  sentInPart(taken: number): void {
    if (this.#closed) return;
    if (taken < 0) this.#fail(`write ${describe(taken)}`);
    else this.#watch();
  }

  /** @internal */
  writable(): void {
    for (let next = this.#unsent.shift(); next !== undefined; next = this.#unsent.shift()) {
      const taken = this.#wiring.sendNow(this, next);
      if (taken < 0) {
        this.#fail(`write ${describe(taken)}`);
        return;
      }
      if (taken < next.length) {
        this.#unsent.unshift(next.subarray(taken));
        return;
      }
    }
    this.#watch();
  }

  /** @internal 0 = the server has ended its side, else -errno. */
  over(code: number): void {
    if (code < 0) this.#fail(`read ${describe(code)}`);
    else this.owner.ended();
  }

  #watch(): void {
    if (this.slot < 0) return;
    const failed = this.#wiring.watch(this.slot, this.#reads, this.behind);
    if (failed < 0) this.#fail(describe(failed));
  }

  #stands(): void {
    if (this.#closed) return;
    // Node has no public way to a socket's descriptor; its types know nothing of the handle that has it. Where there is none the connection fails.
    const { fd } = (this.#socket as unknown as { readonly _handle?: { readonly fd?: number } })._handle ?? {};
    const slot = fd === undefined || fd < 0 ? -1 : this.#wiring.adopt(this, fd);
    if (slot < 0) {
      this.#fail(fd === undefined || fd < 0 ? 'the connection has no descriptor' : describe(slot));
      return;
    }
    this.slot = slot;
    this.#socket.destroy(); // the addon's copy of the descriptor keeps the connection open
    if (!this.#reads) this.#watch();
    this.owner.stands();
  }

  #fail(message: string): void {
    if (this.#closed) return;
    this.close();
    this.owner.failed(message);
  }
}

function tellAll(parts: readonly (() => void)[]): void {
  for (const tell of parts) tell();
}

/** Like the messages of Node's own sockets. */
function describe(code: number): string {
  return getSystemErrorName(code);
}
