// What all connections of one client share: the buffers, the timer and the limits.
import { RequestHeads } from './request-head.js';
import { TimeWheel } from './time-wheel.js';

const READ_BYTES = 64 * 1024; // what one read may take from the kernel
const WRITE_BYTES = 64 * 1024; // larger requests get a buffer of their own

/** What of a socket is needed to write. */
export interface Writable {
  write(bytes: Buffer): boolean;
  readonly writableLength: number;
}

export class Runtime {
  readonly monotonicMs: () => number;
  readonly wheel: TimeWheel;
  readonly heads = new RequestHeads();
  /** One for all connections: a read fills it and its callback, which is synchronous, empties it before the next. */
  readonly readBuffer = Buffer.allocUnsafeSlow(READ_BYTES);
  #writeBuffer = Buffer.allocUnsafeSlow(WRITE_BYTES);

  constructor(monotonicMs: () => number) {
    this.monotonicMs = monotonicMs;
    this.wheel = new TimeWheel(monotonicMs);
  }

  /** In one write, so in one packet where it fits. `body` is copied. */
  write(socket: Writable, head: string, body: Uint8Array | undefined): void {
    const length = head.length + (body?.length ?? 0);
    if (length > WRITE_BYTES) {
      socket.write(requestBytes(head, body));
      return;
    }
    const buffer = this.#writeBuffer;
    buffer.write(head, 0, head.length, 'latin1');
    if (body !== undefined) buffer.set(body, head.length);
    socket.write(buffer.subarray(0, length));
    // The kernel did not take all of it: the socket goes on reading from these bytes, so they are its own now.
    if (socket.writableLength > 0) this.#writeBuffer = Buffer.allocUnsafeSlow(WRITE_BYTES);
  }
}

/** A request that has to wait before it is written. */
export function requestBytes(head: string, body: Uint8Array | undefined): Buffer {
  const bytes = Buffer.allocUnsafeSlow(head.length + (body?.length ?? 0));
  bytes.write(head, 0, head.length, 'latin1');
  if (body !== undefined) bytes.set(body, head.length);
  return bytes;
}
