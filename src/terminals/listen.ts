// GET: the stream on which the session's tool servers, and the gateway itself, speak without being asked (2025-11-25 and older).
import type { Exchange } from '../chain/exchange.js';
import { deny, type Deny } from '../chain/verdict.js';
import type { McpSession } from '../engines/mcp-session/types.js';
import { SSE_HEADERS, SSE_TYPE } from '../mcp/media-types.js';
import { messageEvent } from '../mcp/message-events.js';
import { modernMeta } from '../mcp/other-era.js';
import { listChanged, TOOLS_CHANGED, type ListenFilter } from '../mcp/subscriptions.js';
import type { Screened } from '../response/scanned.js';
import type { SseEvent } from '../upstream/sse.js';
import { HTTP_OK, limitsOf, NOT_FOUND } from './answers.js';
import { claimAnswer } from './asked.js';
import { clientFacts } from './client-facts.js';
import { isEventOwner, noteEventOwner } from './event-owners.js';
import { asForeignError } from './foreign-error.js';
import { LongStream, type StreamEnd } from './long-stream.js';
import { readServerMessage } from './message.js';
import { refuseSessionless } from './protocol-refusal.js';
import type { Leg, StreamListener, TerminalServices } from './services.js';
import { dataOnly, framingOf, withData } from './sse-event.js';
import { UpstreamSubscription } from './upstream-subscription.js';
import { watchedAt, whenWatchedChanges } from './watched-resources.js';

const STREAMS_PER_SESSION_MAX = 4; // a client needs one; a second may be a reconnect whose old connection is not known to be gone
/** What a client with a handshake is told without asking. */
const ALL_LISTS: ListenFilter = Object.freeze({ toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true, resourceSubscriptions: [] });

const NO_SESSION = {
  message: 'GET opens a session\'s stream: name the session in Mcp-Session-Id and accept text/event-stream.',
  remediation: 'Send JSON-RPC messages with POST, or point an MCP client (Streamable HTTP) here; GET /health says whether the gateway is well.',
};

export function listen(exchange: Exchange, services: TerminalServices): void {
  const { ctx } = exchange;
  const session = ctx.mcpSession;
  if (session === undefined || session === 'none' || !exchange.mcpClient) {
    if (ctx.call?.era === 'modern') refuseSessionless(exchange, 'GET opens a session\'s stream, and 2026-07-28 has no sessions.', 'Hear of changes by subscriptions/listen, with POST.');
    else refuseSessionless(exchange, NO_SESSION.message, NO_SESSION.remediation);
    return;
  }
  exchange.beginStream(HTTP_OK, SSE_HEADERS, () => new SessionStream(exchange, services, session).start());
}

class SessionStream {
  readonly #exchange: Exchange;
  readonly #services: TerminalServices;
  readonly #session: McpSession;
  readonly #stream: LongStream;
  readonly #followed = new Set<string>();
  /** Servers that are being greeted, or that have no such stream. */
  readonly #notToFollow = new Set<string>();
  /** Servers that have given this session a stream. */
  readonly #streamed = new Set<string>();
  /** How often the gateway itself has said that tools changed. */
  #toldOfTools = 0;

  constructor(exchange: Exchange, services: TerminalServices, session: McpSession) {
    this.#exchange = exchange;
    this.#services = services;
    this.#session = session;
    const stream = new LongStream(exchange, services, { onTick: () => this.#followAgain() });
    this.#stream = stream;
    const listener: StreamListener = { session, tell: (what) => this.#tell(what) };
    services.listeners.add(listener);
    const { closers } = session;
    const [oldest] = closers;
    if (oldest !== undefined && closers.size >= STREAMS_PER_SESSION_MAX) oldest();
    closers.add(stream.end);
    stream.whenOver(() => {
      services.listeners.delete(listener);
      session.closers.delete(stream.end);
    });
  }

  start(): void {
    this.#stream.start(': open\n\n');
    if (this.#stream.stopped) return;
    for (const url of this.#upstreams) this.#greet(url);
  }

  get #upstreams(): readonly string[] {
    return this.#exchange.ctx.snapshot.registry.upstreams;
  }

  #tell(what: 'tools' | 'prompts' | 'resources'): void {
    if (what === 'tools') this.#toldOfTools += 1;
    this.#stream.write(messageEvent(listChanged(what)));
  }

  #greet(url: string): void {
    this.#notToFollow.add(url);
    this.#services.legs.open(this.#exchange.ctx, url, (leg) => this.#exchange.guard(() => this.#follow(leg, this.#upstreams.length === 1)), () => this.#notToFollow.delete(url));
  }

  /** A server that was away, or came back without its streams, is followed again once it is known to be up. */
  #followAgain(): void {
    for (const url of this.#upstreams) {
      if (!this.#followed.has(url) && !this.#notToFollow.has(url) && this.#services.tools.upstream(url).state === 'up') this.#greet(url);
    }
  }

  /** A server without sessions, or without streams of them, stays in `#notToFollow`, and so does one that is subscribed to. */
  #follow(leg: Leg, only: boolean): void {
    const { ctx } = this.#exchange;
    if (leg.mappedTo === 'modern') return this.#subscribe(leg.url);
    if (this.#stream.stopped || !leg.sessionBound) return;
    const { 'content-type': _type, ...headers } = leg.headers;
    const { lastEventId } = ctx.inbound.headers;
    const resumes = lastEventId !== '' && !this.#streamed.has(leg.url) && (only || isEventOwner(this.#session, lastEventId, leg.url));
    this.#followed.add(leg.url);
    this.#stream.follow(
      {
        url: leg.url, httpMethod: 'GET', body: undefined,
        headers: { ...headers, accept: SSE_TYPE, ...(resumes ? { 'last-event-id': lastEventId } : {}) },
        answerTimeoutMs: ctx.snapshot.config.upstream.answer_timeout_ms,
        // A session's stream may stay silent for as long as the session lives.
        idleTimeoutMs: ctx.snapshot.config.session.mcp_session_ttl_s * 1000,
      },
      (event) => this.#handle(event, leg),
      (end) => this.#ended(leg, end),
    );
  }

  #ended(leg: Leg, { began, status }: StreamEnd): void {
    this.#followed.delete(leg.url);
    const isLost = status === NOT_FOUND && this.#streamed.delete(leg.url); // of one that never streamed, 404 means that it has no streams
    if (isLost) this.#services.legs.forget(this.#exchange.ctx, leg);
    if (began) this.#streamed.add(leg.url);
    if (isLost || status === 0 || began) this.#notToFollow.delete(leg.url);
  }

  /** Its server has no streams of sessions: what they would carry is subscribed to. Whether the client may hear of a resource was decided when it asked to. */
  #subscribe(url: string): void {
    const session = this.#session;
    const wanted = (): ListenFilter => ({ ...ALL_LISTS, resourceSubscriptions: watchedAt(session, url) });
    const subscription = new UpstreamSubscription(this.#stream, url, wanted, { idText: undefined, metaText: modernMeta('', clientFacts(this.#exchange.ctx, this.#services.version)), mayHear: () => true });
    this.#stream.whenOver(whenWatchedChanges(session, () => subscription.reopen()));
    subscription.open();
  }

  async #handle(received: SseEvent, leg: Leg): Promise<void> {
    const { ctx } = this.#exchange;
    const framing = this.#services.firewalls.of(ctx.snapshot, leg.url).screenFraming(framingOf(received));
    this.#exchange.addFindings(framing.findings);
    const event = framing.keep ? received : dataOnly(received);
    if (event.id !== undefined && this.#upstreams.length > 1) noteEventOwner(this.#session, event.id, leg.url);
    if (event.data === undefined || event.data.length === 0) {
      if (event.raw.length > 0) this.#stream.write(event.raw);
      return;
    }
    const message = readServerMessage(event.data, this.#services.jsonGuard, limitsOf(ctx.snapshot.config));
    if (message.kind === 'invalid') return;
    if (message.method === TOOLS_CHANGED && await this.#isToldAlready(leg.url)) return;
    // With Last-Event-ID a server may send the answer to a call whose stream broke.
    const own = message.isError ? asForeignError(event.data) : event.data;
    const screened = await this.#stream.screen(leg, own, own === event.data ? message.escapes : undefined);
    const refusal = screened.kind === 'block' ? screened.refusal : message.kind === 'request' ? this.#cannotAnswer(message.idText, leg) : undefined;
    if (message.kind === 'request') await this.#recordRequest(message.method, leg, refusal, screened.findings);
    // Nobody waits for a notification: one that may not pass is left out, and its finding is in the stream's record.
    if (refusal !== undefined || screened.kind === 'block') return;
    this.#stream.write(screened.bytes === event.data ? event.raw : withData(event, screened.bytes));
  }

  /** The control thread looks first: what changed there for all is told to all by the gateway itself, and then not a second time. */
  async #isToldAlready(url: string): Promise<boolean> {
    const before = this.#toldOfTools;
    await this.#services.tools.refresh(url).catch(() => undefined);
    return this.#toldOfTools > before;
  }

  #cannotAnswer(idText: string, leg: Leg): Deny | undefined {
    return claimAnswer(this.#session, idText, leg.url) ? undefined : deny('mcp_invalid_request', { reasonCode: 'client_cannot_answer' });
  }

  #recordRequest(method: string, leg: Leg, refusal: Deny | undefined, findings: Screened['findings']): Promise<void> {
    return new Promise((resolve) => this.#exchange.serverRequest(method, leg.url, refusal, resolve, findings));
  }
}
