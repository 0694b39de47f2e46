// The owner's side of a port: makes the other thread's calls, and holds back their answers while that thread has not taken what was sent.
import type { MessagePort } from 'node:worker_threads';
import type { UpstreamCall, UpstreamClient, UpstreamSink } from '../types.js';
import type { FromOwner, ToOwner } from './messages.js';

const UNTAKEN_BYTES_MAX = 8 * 1024 * 1024; // of all calls of one thread; above it their answers wait here, each within its own bound

export function servePort(port: MessagePort, client: UpstreamClient): void {
  const server = new PortServer(port, client);
  port.on('message', (message: ToOwner) => server.take(message));
  port.on('close', () => server.end());
}

interface OwnedCall {
  readonly call: UpstreamCall;
  /** By whoever waits for it. */
  paused: boolean;
}

class PortServer {
  readonly #port: MessagePort;
  readonly #client: UpstreamClient;
  readonly #calls = new Map<number, OwnedCall>();
  #batch: FromOwner[] = [];
  #untaken = 0;
  #full = false;

  constructor(port: MessagePort, client: UpstreamClient) {
    this.#port = port;
    this.#client = client;
  }

  take(message: ToOwner): void {
    switch (message.kind) {
      case 'send': return this.#send(message);
      case 'taken': return this.#taken(message.bytes);
      case 'abort':
        this.#calls.get(message.call)?.call.abort();
        this.#calls.delete(message.call);
        return;
      case 'pause': return this.#pause(message.call, true);
      case 'resume': return this.#pause(message.call, false);
    }
  }

  end(): void {
    for (const { call } of this.#calls.values()) call.abort();
    this.#calls.clear();
  }

  #send({ call: number, request }: ToOwner & { readonly kind: 'send' }): void {
    const sink: UpstreamSink = {
      onHead: (status, headers) => this.#tell({ kind: 'head', call: number, status, headers }),
      onData: (chunk) => {
        this.#tell({ kind: 'data', call: number, chunk: Uint8Array.from(chunk) });
        this.#sent(chunk.length);
      },
      onEnd: () => {
        this.#calls.delete(number);
        this.#tell({ kind: 'end', call: number });
      },
      onFault: (fault) => {
        this.#calls.delete(number);
        this.#tell({ kind: 'fault', call: number, fault });
      },
    };
    const call = this.#client.send(request, sink);
    this.#calls.set(number, { call, paused: false });
    if (this.#full) call.pause();
  }

  #sent(bytes: number): void {
    this.#untaken += bytes;
    if (this.#full || this.#untaken < UNTAKEN_BYTES_MAX) return;
    this.#full = true;
    for (const { call } of this.#calls.values()) call.pause();
  }

  #taken(bytes: number): void {
    this.#untaken -= bytes;
    if (!this.#full || this.#untaken >= UNTAKEN_BYTES_MAX / 2) return;
    this.#full = false;
    for (const { call, paused } of [...this.#calls.values()]) if (!paused && !this.#full) call.resume();
  }

  #pause(number: number, paused: boolean): void {
    const owned = this.#calls.get(number);
    if (owned === undefined) return;
    owned.paused = paused;
    if (paused) owned.call.pause();
    else if (!this.#full) owned.call.resume();
  }

  /** The parts of one turn cross together. */
  #tell(message: FromOwner): void {
    this.#batch.push(message);
    if (this.#batch.length === 1) queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    const batch = this.#batch;
    this.#batch = [];
    this.#port.postMessage(batch);
  }
}
