// Requests over node:http and node:https. Of Node's two clients this one takes a client certificate, and tells when a request has left whole.
import { Agent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as TlsAgent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import type { TlsMaterial } from './identity/credentials.js';
import { spiffeServerCheck } from './identity/server-check.js';
import type { HttpAnswer, HttpRequest, Transport } from './transport.js';

/** Idle connections are given up before a gateway or a balancer does so: a request must not meet a connection that is being closed. */
const IDLE_MS = 4_000;

export interface NodeTransportOptions {
  readonly gatewaySpiffeId: string | undefined;
  /** The newest; a new object is new material, and new connections use it. */
  readonly tls: (signal: AbortSignal) => Promise<TlsMaterial | undefined>;
}

export class NodeTransport implements Transport {
  readonly #options: NodeTransportOptions;
  readonly #plain = new Agent({ keepAlive: true, timeout: IDLE_MS });
  /** Of former material, while they carry something. */
  readonly #retired = new Set<TlsAgent>();
  #secure: { readonly agent: TlsAgent; readonly material: TlsMaterial | undefined } | undefined;

  constructor(options: NodeTransportOptions) {
    this.#options = options;
  }

  async send(request: HttpRequest): Promise<HttpAnswer> {
    const isSecure = request.url.protocol === 'https:';
    const agent = isSecure ? this.#agentFor(await this.#options.tls(request.signal)) : this.#plain;
    return new Promise((resolve, reject) => start(isSecure, agent, request, resolve, reject));
  }

  #agentFor(material: TlsMaterial | undefined): TlsAgent {
    if (this.#secure !== undefined && this.#secure.material === material) return this.#secure.agent;
    if (this.#secure !== undefined) this.#retire(this.#secure.agent);
    const { gatewaySpiffeId } = this.#options;
    const agent = new TlsAgent({
      keepAlive: true, timeout: IDLE_MS, minVersion: 'TLSv1.2',
      ...(material?.cert === undefined ? {} : { cert: material.cert }),
      ...(material?.key === undefined ? {} : { key: material.key }),
      ...(material?.ca === undefined ? {} : { ca: [...material.ca] }),
      ...(gatewaySpiffeId === undefined ? {} : { checkServerIdentity: spiffeServerCheck(gatewaySpiffeId) }),
    });
    this.#secure = { agent, material };
    return agent;
  }

  /** What it carries goes on to its end; nothing new comes. */
  #retire(agent: TlsAgent): void {
    agent.maxFreeSockets = 0;
    for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
    for (const former of this.#retired) if (Object.keys(former.sockets).length === 0) this.#retired.delete(former);
    this.#retired.add(agent);
  }

  close(): void {
    this.#plain.destroy();
    this.#secure?.agent.destroy();
    for (const agent of this.#retired) agent.destroy();
  }
}

function start(isSecure: boolean, agent: Agent, { method, url, headers, body, signal, mayRun }: HttpRequest, resolve: (answer: HttpAnswer) => void, reject: (error: Error) => void): void {
  if (signal.aborted) return reject(signal.reason as Error);
  const options: RequestOptions = { method, agent, headers: body === undefined ? headers : { ...headers, 'content-length': String(Buffer.byteLength(body)) } };
  const request = isSecure ? httpsRequest(url, options) : httpRequest(url, options);
  const abort = (): void => void request.destroy(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  let connected = false;
  request.once('socket', (socket: Socket) => {
    if (!socket.connecting) connected = true;
    else socket.once(isSecure ? 'secureConnect' : 'connect', () => { connected = true; });
  });
  // Handed on to a socket that is not connected, it has not left.
  request.once('finish', () => { if (connected) mayRun(true); });
  request.once('response', (response) => resolve(answerOf(response)));
  request.once('close', () => signal.removeEventListener('abort', abort));
  request.on('error', reject);
  request.end(body);
}

function answerOf(response: IncomingMessage): HttpAnswer {
  return {
    status: response.statusCode ?? 0,
    header: (name) => {
      const value = response.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
    body: response,
    close: () => void response.destroy(),
  };
}
