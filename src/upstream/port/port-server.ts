// The owner's side of a port: makes the other thread's calls, holds back their answers while that thread has not taken what was sent, and ends what it leaves behind.
import type { MessagePort } from 'node:worker_threads';
import type { UpstreamCall, UpstreamClient, UpstreamRequest, UpstreamSink } from '../types.js';
import type { FromOwner, ToOwner } from './messages.js';

const UNTAKEN_BYTES_MAX = 8 * 1024 * 1024; // of all calls of one thread; above it their answers wait here, each within its own bound

const NOT_FOUND = 404;
const DELETE_TIMEOUT_MS = 5000;
const NOBODY: UpstreamSink = { onHead: () => undefined, onData: () => undefined, onEnd: () => undefined, onFault: () => undefined };

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
  /** That the other thread has opened, and their servers: nobody else knows them. */
  readonly #sessions = new Map<string, string>();
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
    // A session may hold a process, of which there are so many for all.
    for (const [id, url] of this.#sessions) {
      this.#client.send({ url, httpMethod: 'DELETE', headers: { 'mcp-session-id': id }, body: undefined, answerTimeoutMs: DELETE_TIMEOUT_MS, idleTimeoutMs: DELETE_TIMEOUT_MS }, NOBODY);
    }
    this.#sessions.clear();
  }

  #send({ call: number, request }: ToOwner & { readonly kind: 'send' }): void {
    const sink: UpstreamSink = {
      onHead: (status, headers) => {
        this.#note(request, status, headers['mcp-session-id']);
        this.#tell({ kind: 'head', call: number, status, headers });
      },
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

  #note({ url, httpMethod, headers }: UpstreamRequest, status: number, opened: string | undefined): void {
    const asked = headers['mcp-session-id'];
    if (asked === undefined && opened !== undefined) this.#sessions.set(opened, url);
    else if (asked !== undefined && (httpMethod === 'DELETE' || status === NOT_FOUND)) this.#sessions.delete(asked);
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
