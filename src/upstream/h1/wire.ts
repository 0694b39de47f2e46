// What carries a connection's bytes: Node's own sockets (net-wire.ts) or, where the addon is built, a thread's sockets read and written together (native-wire.ts).

/** Whose bytes they are. Nothing is told after `close`. */
export interface WireOwner {
  stands(): void;
  /** bytes[from, to); valid until it returns. */
  heard(bytes: Buffer, from: number, to: number): void;
  /** The server has ended its side; what it sent was heard. */
  ended(): void;
  /** It is of no use any more, or never came to stand. */
  failed(message: string): void;
}

export interface Wire {
  /** Bytes that were given to it are not all with the kernel yet. */
  readonly behind: boolean;
  /** They must stay as they are while it is `behind`. Only once it stands. */
  write(bytes: Buffer): void;
  pause(): void;
  resume(): void;
  close(): void;
}

/** Requests of one turn of the event loop, on their way out together. */
export interface Outbox {
  /** bytes[from, to), which stay as they are until `send` has returned. At most TOGETHER_MAX. False = not taken: of this wire there are some already, with others' behind them. */
  add(wire: Wire, from: number, to: number): boolean;
  /** False = `bytes` are still being read from after this. */
  send(bytes: Buffer): boolean;
}

/** How connections of one client are made. */
export interface Wiring {
  /** Bytes are read within `write` and `send` alone, and after `close` never. */
  readonly readsAtOnce: boolean;
  readonly outbox: Outbox;
  connect(host: string, port: number, owner: WireOwner): Wire;
  close(): void;
}

export const PROBE_AFTER_MS = 60_000; // TCP keep-alive: a stream may be silent for hours, and its server's machine may be gone
export const READ_BYTES = 64 * 1024; // what one read may take from the kernel
export const TOGETHER_MAX = 256; // requests of one turn that are written together
