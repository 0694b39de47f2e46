// HTTP to the gateway for as long as a client runs: connections that are kept, evidence of now, answers as they come, and no more of them than the client reads.
import type * as Http from 'node:http';
import type { Agent as HttpAgent, ClientRequest, IncomingMessage } from 'node:http';
import type { AgentOptions } from 'node:https';
import type { PeerCertificate } from 'node:tls';
import { SENDABLE_EVENT_ID } from '../../mcp/event-ids.js';
import { isJson, isSse } from '../../mcp/media-types.js';
import { createSseSplitter, type SseEvent } from '../../upstream/sse.js';
import type { CallerEvidence, ClientTls } from '../data-plane.js';
import { CliFailure } from '../failure.js';
import { ANSWER_BYTES_MAX, explain, limit, notMcp, tlsOptions } from '../mcp-exchange.js';

export interface Exchange {
  readonly method: 'POST' | 'GET' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
  readonly signal: AbortSignal;
  /** Until the answer is whole; 0 = as long as it takes. */
  readonly timeoutMs: number;
  /** Each event of a stream that has data: one JSON-RPC message. */
  readonly onMessage: (bytes: Buffer) => void;
  /** What a stream is taken up again with, and after what time. */
  readonly onMark?: (mark: StreamMark) => void;
  /** Status and headers, before anything of the body. */
  readonly onHead?: (status: number, headers: IncomingMessage['headers']) => void;
}

export interface StreamMark {
  readonly eventId?: string;
  readonly retryMs?: number;
}

export interface Exchanged {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** A JSON answer, whole; undefined = there was none, or it was a stream. */
  readonly body: Buffer | undefined;
}

export interface Reader {
  readonly isFull: boolean;
  whenRead(resume: () => void): void;
}

export interface LinkOptions {
  /** Where the gateway is now, and who calls. Rejects with CliFailure. */
  readonly find: () => Promise<{ readonly url: URL; readonly evidence: CallerEvidence }>;
  /** Whose certificate the gateway must have, instead of its host's name; undefined = the name. */
  readonly gatewayId: string | undefined;
  readonly reader: Reader;
}

/** Nothing of the request has left this machine: the tool cannot have run. */
export class NotSent extends CliFailure {
  constructor(cause: unknown) {
    const { message, remedy, code } = cause instanceof CliFailure ? cause : new CliFailure(cause instanceof Error ? cause.message : String(cause));
    super(message, { remedy, code });
    this.name = 'NotSent';
  }
}

const CONNECT_TIMEOUT_MS = 10_000;
const IDLE_CONNECTION_MS = 4_000; // the gateway drops idle ones after 10 s: one must not be taken up just then
const HELD_BYTES_MAX = 256 * 1024 * 1024; // of all answers that are not whole yet
const RETRY_BYTES_MAX = 256;

export class GatewayLink {
  readonly #options: LinkOptions;
  #agent: { readonly agent: HttpAgent; readonly tls: ClientTls | undefined; readonly origin: string } | undefined;
  #heldBytes = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** Resolves when the answer is whole. Rejects with CliFailure. */
  async exchange(asked: Exchange): Promise<Exchanged> {
    const { target, evidence, send, agent } = await this.#prepare().catch((cause: unknown) => Promise.reject(new NotSent(cause)));
    const body = asked.body;
    const sized = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(body.length) };
    return new Promise((resolve, reject) => {
      let [connected, answered] = [false, false];
      const fail = (error: Error): void => {
        const explained = explain(error, target, answered);
        reject(connected ? explained : new NotSent(explained));
      };
      const request = send(target, { method: asked.method, agent, headers: { ...sized, ...asked.headers, ...evidence.headers } }, (response) => {
        answered = true;
        this.#read(request, response, asked).then(resolve, fail);
      });
      request.on('error', fail);
      request.on('socket', (socket) => {
        if (socket.connecting) socket.once(target.protocol === 'https:' ? 'secureConnect' : 'connect', () => { connected = true; });
        else connected = true;
      });
      limitConnecting(request);
      limit(request, asked);
      request.end(body);
    });
  }

  close(): void {
    this.#agent?.agent.destroy();
  }

  async #prepare(): Promise<{ readonly target: URL; readonly evidence: CallerEvidence; readonly send: typeof Http.request; readonly agent: HttpAgent }> {
    const { url, evidence } = await this.#options.find();
    const { request: send, Agent } = url.protocol === 'https:' ? await import('node:https') : await import('node:http');
    const target = new URL(url);
    if (evidence.path !== '/') target.pathname = evidence.path;
    return { target, evidence, send, agent: await this.#agentFor(target, evidence.tls, Agent) };
  }

  /** A rotated SVID: what is open ends with its own work, and new connections prove the new one. */
  async #agentFor(target: URL, tls: ClientTls | undefined, make: new (options: AgentOptions) => HttpAgent): Promise<HttpAgent> {
    const { origin, protocol } = target;
    const kept = this.#agent;
    if (kept !== undefined && kept.tls === tls && kept.origin === origin) return kept.agent;
    const secured = tls === undefined ? {} : await tlsOptions(target, tls);
    const agent = new make({ ...secured, ...this.#serverIdentity(protocol), keepAlive: true, timeout: IDLE_CONNECTION_MS });
    if (kept !== undefined) {
      kept.agent.maxFreeSockets = 0;
      for (const sockets of Object.values(kept.agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
    }
    this.#agent = { agent, tls, origin };
    return agent;
  }

  #serverIdentity(protocol: string): object {
    const id = this.#options.gatewayId;
    if (id === undefined || protocol !== 'https:') return {};
    return { servername: '', checkServerIdentity: (_name: string, { subjectaltname = '' }: PeerCertificate) => (subjectaltname.split(', ').includes(`URI:${id}`) ? undefined : Object.assign(new Error('another SPIFFE ID'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })) };
  }

  #read(request: ClientRequest, response: IncomingMessage, asked: Exchange): Promise<Exchanged> {
    const status = response.statusCode ?? 0;
    const type = response.headers['content-type'] ?? '';
    asked.onHead?.(status, response.headers);
    return isSse(type) ? this.#readEvents(request, response, asked, status) : this.#readWhole(request, response, status, type);
  }

  #readEvents(request: ClientRequest, response: IncomingMessage, { onMessage, onMark }: Exchange, status: number): Promise<Exchanged> {
    const splitter = createSseSplitter(ANSWER_BYTES_MAX, (event) => {
      const mark = markOf(event);
      if (mark !== undefined) onMark?.(mark);
      if (event.data !== undefined && event.data.length > 0) onMessage(Buffer.from(event.data));
    });
    return new Promise((resolve, reject) => {
      response.on('data', (chunk: Buffer) => {
        if (!splitter.push(chunk)) return void request.destroy(tooLarge());
        if (!this.#options.reader.isFull) return;
        response.pause();
        this.#options.reader.whenRead(() => response.resume());
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status, headers: response.headers, body: undefined }));
    });
  }

  #readWhole(request: ClientRequest, response: IncomingMessage, status: number, type: string): Promise<Exchanged> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    return new Promise((resolve, reject) => {
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        this.#heldBytes += chunk.length;
        chunks.push(chunk);
        if (bytes > ANSWER_BYTES_MAX || this.#heldBytes > HELD_BYTES_MAX) request.destroy(tooLarge());
      });
      response.on('error', reject);
      response.on('close', () => { this.#heldBytes -= bytes; });
      response.on('end', () => {
        if (bytes > 0 && !isJson(type)) reject(notMcp(status));
        else resolve({ status, headers: response.headers, body: bytes === 0 ? undefined : Buffer.concat(chunks) });
      });
    });
  }
}

function limitConnecting(request: ClientRequest): void {
  request.on('socket', (socket) => {
    if (!socket.connecting) return;
    const late = setTimeout(() => request.destroy(Object.assign(new Error('no connection'), { code: 'ETIMEDOUT' })), CONNECT_TIMEOUT_MS);
    request.on('close', () => clearTimeout(late));
    socket.once('connect', () => {
      clearTimeout(late);
      socket.setKeepAlive(true, CONNECT_TIMEOUT_MS); // a stream may be silent for hours, and its gateway gone
    });
  });
}

function tooLarge(): CliFailure {
  return new CliFailure('the answer is larger than the bridge holds (64 MiB, or 256 MiB of all answers together).', { code: 'answer_too_large', remedy: 'Ask for less at once.' });
}

/** The header that a stream is taken up again with. Undefined = there is no id, or a tool server chose one that no header may have. */
export function resumedAfter(eventId: string | undefined): Readonly<Record<string, string>> | undefined {
  return eventId === undefined || !SENDABLE_EVENT_ID.test(eventId) ? undefined : { 'last-event-id': eventId };
}

function markOf({ id, data, raw }: SseEvent): StreamMark | undefined {
  const retry = data === undefined || raw.length <= RETRY_BYTES_MAX ? /^retry:[ ]?(\d{1,9})\r?$/m.exec(Buffer.from(raw.subarray(0, RETRY_BYTES_MAX)).toString('latin1'))?.[1] : undefined;
  if (id === undefined && retry === undefined) return undefined;
  return { ...(id === undefined ? {} : { eventId: id }), ...(retry === undefined ? {} : { retryMs: Number(retry) }) };
}
