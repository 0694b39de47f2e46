// GET: the stream on which the session's tool servers, and the gateway itself, speak without being asked (2025-11-25 and older).
import { NO_WORK, type Exchange } from '../chain/exchange.js';
import { deny, type Deny } from '../chain/verdict.js';
import type { McpSession } from '../engines/mcp-session/types.js';
import { isSse, SSE_HEADERS, SSE_TYPE } from '../mcp/media-types.js';
import { createSseSplitter, type SseEvent } from '../upstream/sse.js';
import type { UpstreamCall } from '../upstream/types.js';
import { HTTP_OK, limitsOf } from './answers.js';
import { claimAnswer } from './asked.js';
import { readServerMessage } from './message.js';
import type { Leg, StreamListener, TerminalServices } from './services.js';
import { dataOnly, framingOf, keepEvent, messageEvent, withData } from './sse-event.js';

const TOOLS_CHANGED = 'notifications/tools/list_changed';
const NOT_FOUND = 404;
const KEEP_ALIVE_MS = 8_000; // below the 10 s after which some fronts and proxies drop a silent connection
const STREAMS_PER_SESSION_MAX = 4; // a client needs one; a second may be a reconnect whose old connection is not known to be gone

export function listen(exchange: Exchange, services: TerminalServices): void {
  const { ctx } = exchange;
  const session = ctx.mcpSession;
  if (session === undefined || session === 'none' || !exchange.mcpClient) {
    const message = 'GET opens a session\'s stream: name the session in Mcp-Session-Id and accept text/event-stream.';
    const remediation = 'Send JSON-RPC messages with POST, or point an MCP client (Streamable HTTP) here; GET /health says whether the gateway is well.';
    exchange.refuse(deny('mcp_invalid_request', { reasonCode: 'session_missing', message, remediation, headers: { allow: 'POST' }, protocol: { rpcCode: -32600, httpStatus: 405, message, remediation, idText: undefined } }));
    return;
  }
  exchange.beginStream(HTTP_OK, SSE_HEADERS, () => new SessionStream(exchange, services).start());
}

class SessionStream {
  readonly #exchange: Exchange;
  readonly #services: TerminalServices;
  readonly #calls = new Map<string, UpstreamCall>();
  /** Servers that are being greeted, or that have no such stream. */
  readonly #notToFollow = new Set<string>();
  /** Servers that have given this session a stream. */
  readonly #streamed = new Set<string>();
  readonly #stopTicking: () => void;
  readonly #listener: StreamListener;
  /** How often the gateway itself has said that tools changed. */
  #toldOfTools = 0;
  readonly #end = (): void => this.#stop(() => this.#exchange.endStream());
  /** Events that were read and not yet handled. */
  #waiting = 0;
  #clientFull = false;
  #stopped = false;
  #order: Promise<void> = Promise.resolve();

  constructor(exchange: Exchange, services: TerminalServices) {
    this.#exchange = exchange;
    this.#services = services;
    this.#stopTicking = services.every(KEEP_ALIVE_MS, () => this.#tick());
    this.#listener = { session: this.#session(), tell: (what) => this.#tell(what) };
    services.listeners.add(this.#listener);
    const closers = this.#session()?.closers;
    const [oldest] = closers ?? [];
    if (oldest !== undefined && (closers?.size ?? 0) >= STREAMS_PER_SESSION_MAX) oldest();
    closers?.add(this.#end);
    exchange.work = { ...NO_WORK, clientGone: () => this.#stop(() => exchange.endStream('client_disconnected')), giveUp: () => this.#stop(() => undefined) };
  }

  start(): void {
    this.#write(': open\n\n');
    this.#services.openStreams.add(this.#end);
    if (this.#stopped) return;
    for (const url of this.#upstreams) this.#greet(url);
    if (this.#exchange.reply.aborted) this.#stop(() => this.#exchange.endStream('client_disconnected'));
  }

  get #upstreams(): readonly string[] {
    return this.#exchange.ctx.snapshot.registry.upstreams;
  }

  #tell(what: 'tools' | 'prompts' | 'resources'): void {
    if (what === 'tools') this.#toldOfTools += 1;
    this.#write(messageEvent(`{"jsonrpc":"2.0","method":"notifications/${what}/list_changed"}`));
  }

  #greet(url: string): void {
    this.#notToFollow.add(url);
    this.#services.legs.open(this.#exchange.ctx, url, (leg) => this.#exchange.guard(() => this.#follow(leg, this.#upstreams.length === 1)), () => this.#notToFollow.delete(url));
  }

  /** A server that was away, or came back without its streams, is followed again once it is known to be up. */
  #followAgain(): void {
    for (const url of this.#upstreams) {
      if (!this.#calls.has(url) && !this.#notToFollow.has(url) && this.#services.tools.upstream(url).state === 'up') this.#greet(url);
    }
  }

  /** A server without sessions, or without streams of them, stays in `#notToFollow`. */
  #follow(leg: Leg, only: boolean): void {
    const { ctx } = this.#exchange;
    if (this.#stopped || this.#exchange.reply.aborted || !leg.sessionBound) return;
    const { 'content-type': _type, ...headers } = leg.headers;
    const resume = this.#streamed.has(leg.url) ? '' : ctx.inbound.headers.lastEventId;
    let splitter: ReturnType<typeof createSseSplitter> | undefined;
    let status = 0;
    const done = (): void => {
      this.#calls.delete(leg.url);
      const isLost = status === NOT_FOUND && this.#streamed.delete(leg.url); // of one that never streamed, 404 means that it has no streams
      if (isLost) this.#services.legs.forget(ctx, leg);
      if (isLost || status === 0 || splitter !== undefined) this.#notToFollow.delete(leg.url);
    };
    const call = this.#services.client.send(
      {
        url: leg.url, httpMethod: 'GET', body: undefined,
        headers: { ...headers, accept: SSE_TYPE, ...(only && resume !== '' ? { 'last-event-id': resume } : {}) },
        answerTimeoutMs: ctx.snapshot.config.upstream.answer_timeout_ms,
        // A session's stream may stay silent for as long as the session lives.
        idleTimeoutMs: ctx.snapshot.config.session.mcp_session_ttl_s * 1000,
      },
      {
        onHead: (head, fields) => {
          status = head;
          if (head !== HTTP_OK || !isSse(fields['content-type'] ?? '')) return;
          this.#streamed.add(leg.url);
          splitter = createSseSplitter(ctx.snapshot.config.upstream.answer_bytes_max, (event) => this.#take(keepEvent(event), leg));
        },
        onData: (chunk) => {
          if (splitter?.push(chunk) === false) call.abort();
        },
        onEnd: done,
        onFault: done,
      },
    );
    this.#calls.set(leg.url, call);
  }

  #take(event: SseEvent, leg: Leg): void {
    this.#waiting += 1;
    this.#flow();
    this.#order = this.#order.then(() => this.#handle(event, leg)).catch(() => this.#stop(() => this.#exchange.cut(deny('gateway_fault')))).finally(() => {
      this.#waiting -= 1;
      this.#flow();
    });
  }

  async #handle(received: SseEvent, leg: Leg): Promise<void> {
    const { ctx } = this.#exchange;
    if (this.#endIfExpired()) return;
    const limits = limitsOf(ctx.snapshot.config);
    const firewall = this.#services.firewalls.of(ctx.snapshot, leg.url);
    const framing = firewall.screenFraming(framingOf(received));
    this.#exchange.addFindings(framing.findings);
    const event = framing.keep ? received : dataOnly(received);
    if (event.data === undefined || event.data.length === 0) {
      if (event.raw.length > 0) this.#write(event.raw);
      return;
    }
    const message = readServerMessage(event.data, this.#services.jsonGuard, limits);
    if (message.kind === 'invalid') return;
    if (message.method === TOOLS_CHANGED && await this.#isToldAlready(leg.url)) return;
    const screened = await firewall.screen(event.data, message.escapes);
    this.#exchange.addFindings(screened.findings);
    const refusal = screened.kind === 'block' ? screened.refusal : message.kind === 'request' ? this.#cannotAnswer(message.idText, leg) : undefined;
    if (message.kind === 'request') await this.#recordRequest(message.method, leg, refusal);
    // Nobody waits for a notification: one that may not pass is left out, and its finding is in the stream's record.
    if (refusal !== undefined || screened.kind === 'block') return;
    this.#write(screened.bytes === event.data ? event.raw : withData(event, screened.bytes));
  }

  /** The control thread looks first: what changed there for all is told to all by the gateway itself, and then not a second time. */
  async #isToldAlready(url: string): Promise<boolean> {
    const before = this.#toldOfTools;
    await this.#services.tools.refresh(url).catch(() => undefined);
    return this.#toldOfTools > before;
  }

  #cannotAnswer(idText: string, leg: Leg): Deny | undefined {
    const session = this.#exchange.ctx.mcpSession;
    if (session !== undefined && session !== 'none' && claimAnswer(session, idText, leg.url)) return undefined;
    return deny('mcp_invalid_request', { reasonCode: 'client_cannot_answer' });
  }

  #recordRequest(method: string, leg: Leg, refusal: Deny | undefined): Promise<void> {
    return new Promise((resolve) => this.#exchange.serverRequest(method, leg.url, refusal, resolve));
  }

  #write(bytes: Uint8Array | string): void {
    if (this.#exchange.write(bytes) || this.#clientFull) return;
    this.#clientFull = true;
    this.#flow();
    this.#exchange.reply.onDrain(() => {
      this.#clientFull = false;
      this.#flow();
    });
  }

  #tick(): void {
    if (this.#endIfExpired()) return;
    this.#write(': keep-alive\n\n');
    this.#followAgain();
  }

  /** A stream lives for hours, and longer than many a certificate: with the proof of who listens ends what he may hear. */
  #endIfExpired(): boolean {
    const { caller } = this.#exchange.ctx;
    if (caller === undefined || this.#services.nowMs() < caller.expiresMs) return false;
    this.#stop(() => this.#exchange.endStream('auth_invalid_identity'));
    return true;
  }

  /** What waits here, for a scan or a slow client, is not read on from the servers. */
  #flow(): void {
    for (const call of this.#calls.values()) {
      if (this.#clientFull || this.#waiting > 0) call.pause();
      else call.resume();
    }
  }

  #session(): McpSession | undefined {
    const session = this.#exchange.ctx.mcpSession;
    return session === 'none' ? undefined : session;
  }

  #stop(end: () => void): void {
    this.#stopped = true;
    this.#stopTicking();
    this.#services.listeners.delete(this.#listener);
    this.#services.openStreams.delete(this.#end);
    this.#session()?.closers.delete(this.#end);
    for (const call of this.#calls.values()) call.abort();
    this.#calls.clear();
    end();
  }
}
