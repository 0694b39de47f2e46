// Forwards one request to one tool server and brings its answer back: whole, or event by event.
import type { GuardLimits } from '../base/json/types.js';
import type { Exchange } from '../chain/exchange.js';
import { deny, type Deny } from '../chain/verdict.js';
import type { BreakerOutcome } from '../engines/limits/types.js';
import { createResponseFirewall, type ResponseFirewall } from '../response/index.js';
import type { Screened } from '../response/scanned.js';
import { createSseSplitter, type SseEvent, type SseSplitter } from '../upstream/sse.js';
import type { UpstreamCall, UpstreamFault, UpstreamSink } from '../upstream/types.js';
import { blameOf, CLIENT_ERROR_FROM, faultRefusal, isJson, isSse, limitsOf, saysSessionLost, SERVER_ERROR_FROM } from './answers.js';
import { claimAnswer } from './asked.js';
import { comparableId, readServerMessage, withId, type ServerMessage } from './message.js';
import type { Leg, TerminalServices } from './services.js';
import { dataOnly, framingOf, keepEvent, messageEvent, withData } from './sse-event.js';
import { renderRefusal } from '../mcp/errors.js';

const SSE_HEADERS: readonly (readonly [string, string])[] = [['content-type', 'text/event-stream'], ['cache-control', 'no-cache'], ['x-accel-buffering', 'no']];
const METHOD_NOT_FOUND = -32601;
const OK = 200;
const NOT_FOUND = 404;
const BAD_REQUEST = 400;
/** What a caller may have asked for, of a server that is well. */
const NOBODYS_FAILURE: ReadonlySet<string> = new Set(['answer_too_large', 'event_too_large', 'depth', 'keys', 'duplicate_key', 'lone_surrogate']);
const AFTER_ANSWER_MS = 500; // a stream ends with its answer (2025-11-25, basic/transports); one that does not would hold a connection for minutes

export function forwardCall(exchange: Exchange, url: string, services: TerminalServices): void {
  const { ctx } = exchange;
  services.legs.open(
    ctx, url,
    (leg) => exchange.guard(() => exchange.beforeWire(() => new ForwardedCall(exchange, services, url).send(leg))),
    (refusal) => {
      exchange.settle(blameOf(refusal, ctx.mcpSession === 'none'));
      exchange.refuse(refusal);
    },
  );
}

class ForwardedCall implements UpstreamSink {
  readonly #exchange: Exchange;
  readonly #services: TerminalServices;
  readonly #limits: GuardLimits;
  readonly #url: string;
  #firewall: ResponseFirewall | undefined;
  #scrubbed: readonly string[] = [];
  readonly #idText: string;
  #leg: Leg | undefined;
  #wireIdText = '';
  #call: UpstreamCall | undefined;
  #renewed = false;
  #status = 0;
  #contentType = '';
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #splitter: SseSplitter | undefined;
  /** Events whose turn has not come: the stream's head is not out yet, or one before them is still being scanned. */
  #queue: SseEvent[] = [];
  #busy = false;
  /** The client has not taken what it was sent. */
  #clientFull = false;
  /** The stream's line is being written: nothing can be sent or ended yet. */
  #beginning = false;
  #answered = false;
  #upstreamEnded = false;
  /** Nothing that still comes from upstream counts. */
  #done = false;
  /** Why the answer will not come; told once the stream has begun. */
  #cause: Deny | undefined;
  /** The client has said that it wants no answer: that none comes is then nobody's failure. */
  #cancelled = false;

  constructor(exchange: Exchange, services: TerminalServices, url: string) {
    this.#exchange = exchange;
    this.#services = services;
    this.#url = url;
    const { ctx } = exchange;
    this.#limits = limitsOf(ctx.snapshot.config);
    services.sentSecrets.remember(url, ctx.outbound?.secretValues ?? []);
    this.#idText = ctx.call?.idText ?? 'null';
    exchange.onGivenUp = () => this.#giveUp();
    // A legacy client that hangs up has not cancelled (2025-11-25, basic/transports): its session may still want the answer's effects.
    if (ctx.call?.era === 'modern' || ctx.mcpSession === 'none') exchange.onClientGone = () => this.#abandon();
    this.#mayBeCancelled();
  }

  /** In its session a client cancels by a message of its own. Servers leave a cancelled request unanswered: it must not hold a connection until the time is up. */
  #mayBeCancelled(): void {
    const { mcpSession } = this.#exchange.ctx;
    if (mcpSession === undefined || mcpSession === 'none') return;
    const running = {
      id: comparableId(this.#idText),
      cancelled: (): void => {
        if (this.#cancelled || this.#exchange.ended) return;
        this.#cancelled = true;
        this.#exchange.settle('neutral');
        // An answer that was under way already may still come.
        const stop = this.#services.every(AFTER_ANSWER_MS, () => {
          stop();
          this.#exchange.guard(() => { if (!this.#exchange.ended) this.#abandon(); });
        });
      },
    };
    mcpSession.running.add(running);
    this.#exchange.onEnded = () => void mcpSession.running.delete(running);
  }

  #blame(): BreakerOutcome {
    return this.#cancelled ? 'neutral' : 'failure';
  }

  send(leg: Leg): void {
    const { ctx } = this.#exchange;
    this.#leg = leg;
    if (this.#exchange.reply.aborted && this.#exchange.onClientGone !== undefined) {
      this.#exchange.refuse(deny('client_disconnected'));
      return;
    }
    // A lost session is renewed later, when the bytes of the handler are gone.
    if (leg.sessionBound) ctx.inbound.retain();
    let body = ctx.outboundBytes();
    this.#wireIdText = this.#idText;
    if (leg.shared) {
      this.#wireIdText = String(this.#services.nextId());
      body = withId(body, readServerMessage(body, this.#services.jsonGuard, this.#limits), this.#wireIdText);
    }
    const tool = ctx.tool === undefined || ctx.tool === 'none' ? undefined : ctx.tool.registered;
    const { upstream } = ctx.snapshot.config;
    this.#call = this.#services.client.send(
      { url: leg.url, httpMethod: 'POST', headers: leg.headers, body, answerTimeoutMs: tool?.timeoutMs ?? upstream.answer_timeout_ms, idleTimeoutMs: upstream.idle_timeout_ms },
      this.#guarded(),
    );
  }

  onHead(status: number, headers: Readonly<Record<string, string>>): void {
    this.#status = status;
    this.#contentType = headers['content-type'] ?? '';
    if (status === NOT_FOUND && this.#leg?.sessionBound === true && !this.#renewed) {
      this.#renew(this.#leg);
      return;
    }
    if (status !== OK || !isSse(this.#contentType)) return;
    this.#splitter = createSseSplitter(this.#exchange.ctx.snapshot.config.upstream.answer_bytes_max, (event) => this.#onEvent(event));
    if (!this.#exchange.mcpClient) return;
    this.#busy = true;
    this.#beginning = true;
    this.#exchange.beginStream(OK, SSE_HEADERS, () => {
      this.#busy = false;
      this.#beginning = false;
      this.#drain();
    });
  }

  onData(chunk: Uint8Array): void {
    if (this.#splitter !== undefined) {
      if (!this.#splitter.push(chunk)) this.#fail(deny('mcp_invalid_response', { reasonCode: 'event_too_large' }));
      return;
    }
    this.#bytes += chunk.length;
    if (this.#bytes > this.#exchange.ctx.snapshot.config.upstream.answer_bytes_max) {
      this.#fail(deny('mcp_invalid_response', { reasonCode: 'answer_too_large' }));
      return;
    }
    this.#parts.push(Buffer.from(chunk));
  }

  onEnd(): void {
    this.#upstreamEnded = true;
    if (this.#splitter !== undefined) this.#drain();
    else this.#finishWhole(this.#parts.length === 1 && this.#parts[0] !== undefined ? this.#parts[0] : Buffer.concat(this.#parts));
  }

  onFault(fault: UpstreamFault): void {
    this.#upstreamEnded = true;
    this.#cause = faultRefusal(fault);
    // Events that came before the fault still count, the answer may be among them.
    if (this.#splitter !== undefined) {
      this.#drain();
      return;
    }
    this.#exchange.settle(fault.crowdedOut === true ? 'neutral' : this.#blame());
    this.#finishWith(this.#cause);
  }

  /** A fault here must end as this request's answer, not as the thread's. */
  #guarded(): UpstreamSink {
    return {
      onHead: (status, headers) => this.#exchange.guard(() => this.onHead(status, headers)),
      onData: (chunk) => this.#exchange.guard(() => this.onData(chunk)),
      onEnd: () => this.#exchange.guard(() => this.onEnd()),
      onFault: (fault) => this.#exchange.guard(() => this.onFault(fault)),
    };
  }

  /** The session was lost before anything of this call was run: once, on a new one. */
  #renew(leg: Leg): void {
    const { ctx } = this.#exchange;
    this.#renewed = true;
    this.#call?.abort();
    this.#upstreamEnded = false;
    this.#parts = [];
    this.#bytes = 0;
    this.#services.legs.forget(ctx, leg);
    this.#services.legs.open(ctx, leg.url, (fresh) => this.#exchange.guard(() => this.send(fresh)), (refusal) => {
      this.#exchange.settle(blameOf(refusal, leg.shared));
      this.#exchange.refuse(refusal);
    });
  }

  #finishWhole(bytes: Uint8Array): void {
    if (this.#status === BAD_REQUEST && this.#leg?.sessionBound === true && !this.#renewed && saysSessionLost(bytes)) {
      this.#renew(this.#leg);
      return;
    }
    if (this.#status >= SERVER_ERROR_FROM) {
      this.#fail(deny('mcp_request_failed', { details: { upstream_status: this.#status } }));
      return;
    }
    if (!isJson(this.#contentType)) {
      this.#fail(deny(this.#status === OK ? 'mcp_invalid_response' : 'mcp_request_failed', { reasonCode: 'not_json', details: { upstream_status: this.#status, content_type: this.#contentType.slice(0, 100) } }));
      return;
    }
    const message = readServerMessage(bytes, this.#services.jsonGuard, this.#limits);
    if (message.kind !== 'response' || !this.#isOurs(message)) {
      this.#fail(deny(this.#status === OK ? 'mcp_invalid_response' : 'mcp_request_failed', { reasonCode: message.beyond ?? 'not_the_answer', details: { upstream_status: this.#status } }));
      return;
    }
    this.#release(this.#restoreId(bytes, message), (screened) => this.#answerWhole(screened, this.#status >= CLIENT_ERROR_FROM ? this.#status : OK));
  }

  #screen(bytes: Uint8Array): Screened | Promise<Screened> {
    return this.#currentFirewall().screen(bytes);
  }

  /** Built anew when the server was given another secret meanwhile. */
  #currentFirewall(): ResponseFirewall {
    const secrets = this.#services.sentSecrets.of(this.#url);
    if (this.#firewall === undefined || secrets !== this.#scrubbed) {
      this.#scrubbed = secrets;
      this.#firewall = createResponseFirewall(this.#exchange.ctx.snapshot.responseRules, this.#services.jsonGuard, this.#limits, secrets);
    }
    return this.#firewall;
  }

  #answerWhole(screened: Screened, status: number): void {
    if (screened.kind === 'block') {
      this.#exchange.settle('success');
      this.#exchange.refuse(screened.refusal);
      return;
    }
    this.#exchange.settle('success');
    this.#exchange.answer(status, [['content-type', 'application/json']], screened.bytes);
  }

  /** Some servers answer a request they could not read with id null. */
  #isOurs(message: ServerMessage): boolean {
    if (message.idText === this.#wireIdText || (message.isError && message.idText === 'null')) return true;
    return comparableId(message.idText) === comparableId(this.#wireIdText);
  }

  #restoreId(bytes: Uint8Array, message: ServerMessage): Uint8Array {
    return message.idText === this.#idText ? bytes : withId(bytes, message, this.#idText);
  }

  /** Screens a message, sets the taint its tool gives before the first byte leaves, then hands it on. */
  #release(bytes: Uint8Array, then: (screened: Screened) => void): void {
    const accept = (screened: Screened): void => {
      this.#exchange.addFindings(screened.findings);
      // What a tool tells before its answer, or in an error, it may have from the same source.
      if (screened.kind === 'release') this.#taint();
      then(screened);
    };
    const screened = this.#screen(bytes);
    if (!(screened instanceof Promise)) {
      accept(screened);
      return;
    }
    const failed: Screened = { kind: 'block', refusal: deny('response_blocked', { reasonCode: 'scan_failed' }), findings: [] };
    screened.then((late) => this.#exchange.guard(() => accept(late)), () => this.#exchange.guard(() => accept(failed)));
  }

  #taint(): void {
    const { ctx } = this.#exchange;
    if (ctx.tool === undefined || ctx.tool === 'none' || ctx.caller === undefined) return;
    const session = ctx.mcpSession === undefined || ctx.mcpSession === 'none' ? undefined : ctx.mcpSession.id;
    this.#services.sessionRisk.taint(ctx.caller.spiffeId, session, ctx.tool.registered.classification, ctx.tool.registered.name, ctx.nowMs);
  }

  #onEvent(event: SseEvent): void {
    if (this.#done) return;
    if (!this.#busy && this.#queue.length === 0) this.#take(event);
    else {
      this.#queue.push(keepEvent(event));
      this.#flow();
    }
  }

  /** What waits here, for a scan or a slow client, is not read on from the server: memory stays at one read's worth of events. */
  #flow(): void {
    if (this.#clientFull || this.#queue.length > 0) this.#call?.pause();
    else this.#call?.resume();
  }

  #drain(): void {
    while (!this.#busy) {
      const next = this.#queue.shift();
      if (next === undefined) break;
      this.#take(next);
    }
    this.#flow();
    if (!this.#busy && this.#upstreamEnded && this.#queue.length === 0) this.#finishStream();
  }

  /** What frames the data reaches the client as well. */
  #cleaned(event: SseEvent): SseEvent {
    if (!this.#exchange.mcpClient) return event;
    const { keep, findings } = this.#currentFirewall().screenFraming(framingOf(event));
    this.#exchange.addFindings(findings);
    return keep ? event : dataOnly(event);
  }

  #take(received: SseEvent): void {
    const event = this.#cleaned(received);
    if (event.data === undefined || event.data.length === 0) {
      this.#taint();
      if (event.raw.length > 0) this.#pass(event.raw);
      return;
    }
    const message = readServerMessage(event.data, this.#services.jsonGuard, this.#limits);
    switch (message.kind) {
      case 'invalid':
        this.#fail(deny('mcp_invalid_response', { reasonCode: message.beyond ?? 'not_json_rpc' }));
        return;
      case 'response':
        if (!this.#isOurs(message)) {
          this.#fail(deny('mcp_invalid_response', { reasonCode: 'not_the_answer' }));
          return;
        }
        break;
      case 'request':
        if (!this.#mayAsk(message)) return;
        break;
      case 'notification':
        if (message.method === 'notifications/tools/list_changed' && this.#leg !== undefined) void this.#services.tools.refresh(this.#leg.url).catch(() => undefined);
        break;
    }
    this.#screenEvent(event, message);
  }

  #screenEvent(event: SseEvent, message: ServerMessage): void {
    const kept = keepEvent(event); // a scan in the pool ends long after the splitter has taken its bytes back
    const data = kept.data ?? new Uint8Array(0);
    const bytes = message.kind === 'response' ? this.#restoreId(data, message) : data;
    let now = true;
    this.#busy = true;
    this.#release(bytes, (screened) => {
      this.#busy = false;
      if (screened.kind === 'block') this.#blockStream(screened.refusal);
      else this.#deliver(kept, message, screened.bytes, screened.bytes === data);
      if (!now) this.#drain();
    });
    now = false;
  }

  #deliver(event: SseEvent, message: ServerMessage, bytes: Uint8Array, unchanged: boolean): void {
    if (message.kind === 'response') this.#answered = true;
    if (!this.#exchange.mcpClient) {
      // Collapsed: of the stream only the answer reaches a caller that reads one JSON document.
      if (message.kind !== 'response') return;
      this.#answerWhole({ kind: 'release', bytes: Buffer.from(bytes), findings: [] }, OK);
      this.#endSoon();
      return;
    }
    const raw = unchanged ? event.raw : withData(event, bytes);
    if (message.kind === 'request') {
      this.#busy = true;
      this.#exchange.serverRequest(message.method, this.#leg?.url ?? '', undefined, () => {
        this.#pass(raw);
        this.#busy = false;
        this.#drain();
      });
      return;
    }
    this.#pass(raw);
  }

  /** A tool server may ask only a client that has a session to answer in; others get "no such method" in their name. */
  #mayAsk(message: ServerMessage): boolean {
    const { ctx } = this.#exchange;
    const leg = this.#leg;
    if (leg === undefined) return false;
    if (ctx.mcpSession !== undefined && ctx.mcpSession !== 'none' && this.#exchange.mcpClient && claimAnswer(ctx.mcpSession, message.idText, leg.url)) return true;
    this.#exchange.serverRequest(message.method, leg.url, deny('mcp_invalid_request', { reasonCode: 'client_cannot_answer' }), () => {
      const body = Buffer.from(`{"jsonrpc":"2.0","id":${message.idText},"error":{"code":${METHOD_NOT_FOUND},"message":"The client cannot answer requests."}}`);
      const { upstream } = ctx.snapshot.config;
      this.#services.client.send({ url: leg.url, httpMethod: 'POST', headers: leg.headers, body, answerTimeoutMs: upstream.answer_timeout_ms, idleTimeoutMs: upstream.idle_timeout_ms }, IGNORE);
    });
    return false;
  }

  #pass(raw: Uint8Array): void {
    if (!this.#exchange.mcpClient) return;
    if (this.#exchange.write(raw) || this.#clientFull) return;
    this.#clientFull = true;
    this.#flow();
    this.#exchange.reply.onDrain(() => {
      this.#clientFull = false;
      this.#flow();
    });
  }

  #endSoon(): void {
    const stop = this.#services.every(AFTER_ANSWER_MS, () => {
      stop();
      this.#giveUp();
    });
  }

  #giveUp(): void {
    this.#done = true;
    this.#queue = [];
    this.#call?.abort();
  }

  #blockStream(refusal: Deny): void {
    this.#giveUp();
    this.#exchange.settle('success');
    this.#finishWith(refusal);
  }

  /** A refusal after the stream began is its last event, under the request's id. */
  #finishWith(refusal: Deny): void {
    const { ctx } = this.#exchange;
    // What a broken stream still owes can be fetched on the session's own stream (2025-11-25, basic/transports: resumability).
    if (this.#splitter !== undefined) this.#taint();
    if (this.#splitter === undefined || !this.#exchange.mcpClient) {
      this.#exchange.refuse(refusal);
      return;
    }
    if (!this.#answered) {
      const rendered = renderRefusal(refusal, { decisionId: ctx.decisionId, traceId: ctx.traceId, idText: this.#idText, isMcpClient: true, resourceMetadataUrl: '' });
      this.#exchange.write(messageEvent(rendered.body));
    }
    this.#exchange.endStream(refusal.code);
  }

  #finishStream(): void {
    if (this.#exchange.ended) return;
    if (!this.#answered) {
      const cause = this.#cause ?? deny('mcp_invalid_response', { reasonCode: 'stream_ended_without_answer' });
      this.#exchange.settle(this.#lessonOf(cause));
      this.#finishWith(cause);
      return;
    }
    this.#exchange.settle('success');
    this.#exchange.endStream();
  }

  /** A message that its server refuses, or an answer larger or odder than is passed on, may be the caller's doing: it must not stop the tool for others. */
  #lessonOf(refusal: Deny): BreakerOutcome {
    const refused = this.#status >= CLIENT_ERROR_FROM && this.#status < SERVER_ERROR_FROM;
    return refused || NOBODYS_FAILURE.has(refusal.reasonCode ?? '') ? 'neutral' : this.#blame();
  }

  #fail(refusal: Deny): void {
    this.#giveUp();
    this.#upstreamEnded = true;
    this.#cause = refusal;
    this.#exchange.settle(this.#lessonOf(refusal));
    if (!this.#beginning) this.#finishWith(refusal);
  }

  /** The client is gone: cancels upstream; the breaker learns nothing of it. */
  #abandon(): void {
    this.#giveUp();
    this.#exchange.settle('neutral');
    // What a cancelled stream still owes could be fetched on the session's own stream, like a broken one's.
    if (this.#cancelled) this.#taint();
    if (this.#splitter !== undefined && this.#exchange.mcpClient) this.#exchange.endStream('client_disconnected');
    else this.#exchange.refuse(deny('client_disconnected'));
  }
}

const IGNORE: UpstreamSink = { onHead: () => undefined, onData: () => undefined, onEnd: () => undefined, onFault: () => undefined };
