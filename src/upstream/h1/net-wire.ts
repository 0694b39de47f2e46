// Connections on Node's own sockets.
import { connect, type Socket } from 'node:net';
import { PROBE_AFTER_MS, READ_BYTES, type Outbox, type Wire, type WireOwner, type Wiring } from './wire.js';

export function createNetWiring(): Wiring {
  /** One for all connections: a read fills it and its callback, which is synchronous, empties it before the next. */
  const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES);
  return { readsAtOnce: false, outbox: new NetOutbox(), connect: (host, port, owner) => new NetWire(host, port, owner, readBuffer), close: () => undefined };
}

class NetWire implements Wire {
  readonly #socket: Socket;
  #error: Error | undefined = undefined;
  #closed = false;

  constructor(host: string, port: number, owner: WireOwner, readBuffer: Buffer) {
    this.#socket = connect({
      host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: PROBE_AFTER_MS,
      onread: {
        buffer: readBuffer,
        callback: (length) => {
          if (!this.#closed) owner.heard(readBuffer, 0, length);
          return true;
        },
      },
    });
    const tell = (say: () => void) => (): void => {
      if (!this.#closed) say();
    };
    this.#socket.on('connect', tell(() => owner.stands())).on('end', tell(() => owner.ended()));
    this.#socket.on('error', (error) => { this.#error = error; }).on('close', tell(() => owner.failed(this.#error?.message ?? 'the server closed the connection')));
  }

  get behind(): boolean {
    return this.#socket.writableLength > 0;
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#closed = true;
    this.#socket.destroy();
  }
}

class NetOutbox implements Outbox {
  #wires: Wire[] = [];
  #froms: number[] = [];
  #tos: number[] = [];

  add(wire: Wire, from: number, to: number): boolean {
    this.#wires.push(wire);
    this.#froms.push(from);
    this.#tos.push(to);
    return true;
  }

  send(bytes: Buffer): boolean {
    const wires = this.#wires;
    this.#wires = [];
    let taken = true;
    for (const [at, wire] of wires.entries()) {
      wire.write(bytes.subarray(this.#froms[at], this.#tos[at]));
      if (wire.behind) taken = false;
    }
    this.#froms = [];
    this.#tos = [];
    return taken;
  }
}
