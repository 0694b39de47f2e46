// Forwards one request to one tool server and brings its answer back: whole here, event by event in answer-stream.ts.
import type { Exchange } from '../chain/exchange.js';
import type { UpstreamWork } from '../chain/upstream-work.js';
import { deny, type Deny } from '../chain/verdict.js';
import type { BreakerOutcome } from '../engines/limits/types.js';
import type { RunningCall } from '../engines/mcp-session/types.js';
import { isJson, isSse, JSON_HEADERS } from '../mcp/media-types.js';
import { dataEvent } from '../mcp/message-events.js';
import { comparableId } from '../mcp/message-id.js';
import { isMethodNotFound } from '../mcp/other-era.js';
import type { UpstreamCall, UpstreamFault, UpstreamSink } from '../upstream/types.js';
import type { Room } from './answer-memory.js';
import { AFTER_ANSWER_MS, AnswerStream } from './answer-stream.js';
import { accessRefusal, BAD_REQUEST, blameOf, CLIENT_ERROR_FROM, faultRefusal, HTTP_OK, limitsOf, NOT_FOUND, saysSessionLost, SERVER_ERROR_FROM } from './answers.js';
import { askForInput, readQuestion, type InputRound } from './input-round.js';
import { aliasOf } from './legs.js';
import { answerMapping, answersUnmappable, headersWith, mapRequest, statusFor, tellServerCancelled } from './mapped-call.js';
import { withId, withName } from './message.js';
import { MessageScreen } from './message-screen.js';
import { RestOfStream, type StreamPlace } from './rest-of-stream.js';
import { runningCallsOf } from './running-calls.js';
import type { Leg, TerminalServices } from './services.js';
import { endWithRefusal } from './stream-refusal.js';
import type { StreamedCall } from './streamed-call.js';

/** The client copies what is smaller, with other requests of the turn. */
const SENT_AS_IT_LIES_BYTES = 64 * 1024;
/** So much each request under way is taken for (front.inflight_body_bytes_max): a smaller answer is within that, and most are. */
const COUNTED_FROM_BYTES = 16 * 1024;
/** What a caller may have asked for, of a server that is well. */
const NOBODYS_FAILURE: ReadonlySet<string> = new Set(['answer_too_large', 'event_too_large', 'depth', 'keys', 'duplicate_key', 'lone_surrogate', 'ambiguous_key']);
const NOTHING = Buffer.alloc(0);
const NO_SECRETS: readonly string[] = Object.freeze([]);

export function forwardCall(exchange: Exchange, url: string, services: TerminalServices): void {
  const { ctx } = exchange;
  if (ctx.tool === 'none') ctx.server = url;
  const toWire = (leg: Leg): void => {
    if (!answersUnmappable(exchange, leg)) exchange.beforeWire(() => new ForwardedCall(exchange, services, url).send(leg));
  };
  const known = services.legs.known(ctx, url);
  if (known !== undefined) return toWire(known);
  services.legs.open(
    ctx, url,
    (leg) => exchange.guard(() => toWire(leg)),
    (refusal) => {
      exchange.settle(blameOf(refusal, ctx.mcpSession === 'none'));
      exchange.refuse(refusal);
    },
  );
}

class ForwardedCall implements UpstreamSink, UpstreamWork, StreamedCall {
  readonly #exchange: Exchange;
  readonly #services: TerminalServices;
  readonly #screen: MessageScreen;
  #leg: Leg | undefined;
  #call: UpstreamCall | undefined;
  #renewed = false;
  /** The call has ended, and nothing reads the body any more; but it may be sent again until the request is decided. */
  #bodyIsFree = false;
  #status = 0;
  #contentType = '';
  /** Of an answer that comes whole: nearly always in one part, and a list would take as much room as all else here. */
  #part: Uint8Array | undefined;
  #parts: Uint8Array[] | undefined;
  #bytes = 0;
  /** What these, or its events, take, once that is much. */
  #room: Room | undefined;
  /** Nothing of an answer is kept any more. */
  #isEmpty = false;
  #paused = false;
  /** Of one that comes as events. */
  #stream: AnswerStream | undefined;
  /** The client has said that it wants no answer: that none comes is then nobody's failure. */
  #cancelled = false;
  /** A legacy client that hangs up has not cancelled (2025-11-25, basic/transports): its session may still want the answer's effects. */
  readonly #abandonable: boolean;
  /** How its session knows this call. */
  #running: RunningCall | undefined;
  /** Of a call that a server of 2026-07-28 answered with a question: what goes with it this time, and how often it was asked before. */
  readonly #round: InputRound | undefined;
  readonly #beganMs: number;

  constructor(exchange: Exchange, services: TerminalServices, url: string, round?: InputRound) {
    this.#exchange = exchange;
    this.#round = round;
    this.#beganMs = round === undefined ? exchange.ctx.nowMs : services.nowMs(); // what a person took to answer is not the server's
    this.#services = services;
    this.#screen = new MessageScreen(exchange, services, url);
    const { ctx } = exchange;
    services.sentSecrets.remember(url, ctx.outbound?.secretValues ?? NO_SECRETS);
    this.#abandonable = ctx.call?.era === 'modern' || ctx.mcpSession === 'none';
    exchange.work = this;
    this.#mayBeCancelled();
  }

  send(leg: Leg): void {
    const { ctx } = this.#exchange;
    this.#leg = leg;
    if (this.#exchange.ended) return; // cancelled while its session was renewed
    if (this.#exchange.reply.aborted && this.#abandonable) {
      this.#exchange.refuse(deny('client_disconnected'));
      return;
    }
    // A lost session is renewed later, when the bytes of the handler are gone; and what is large is sent from where it is.
    const isLarge = ctx.outboundBytes().length >= SENT_AS_IT_LIES_BYTES;
    if (leg.sessionBound || leg.mappedTo !== undefined || isLarge) ctx.inbound.retain();
    let body = ctx.outboundBytes();
    this.#screen.wireIdText = this.#screen.idText;
    // Where calls share a session, or a connection before they are answered, an id of its own tells each one's answer from every other's.
    if (leg.shared || this.#round !== undefined || ctx.snapshot.config.upstream.pipelining > 1) {
      this.#screen.wireIdText = String(this.#services.nextId());
      const asItCame = ctx.outbound?.bytes === undefined; // where a secret was put in, the id may have moved
      body = withId(body, asItCame && ctx.call !== undefined ? ctx.call : this.#screen.read(body), this.#screen.wireIdText);
    }
    const alias = aliasOf(ctx);
    if (alias !== undefined) body = withName(body, alias, this.#services.jsonGuard, limitsOf(ctx.snapshot.config));
    if (leg.mappedTo !== undefined) body = mapRequest(ctx, leg.mappedTo, body, this.#services.version, this.#round?.members);
    this.#screen.adapt = answerMapping(ctx, leg.mappedTo);
    const { upstream } = ctx.snapshot.config;
    this.#bodyIsFree = false;
    this.#paused = false;
    ctx.inbound.lendBody?.();
    this.#call = this.#services.client.send(
      { url: leg.url, httpMethod: 'POST', headers: headersWith(ctx, leg), body, bodyStays: isLarge, answerTimeoutMs: this.#answerTimeoutMs(), idleTimeoutMs: upstream.idle_timeout_ms },
      this,
    );
  }

  #answerTimeoutMs(): number {
    const { tool, snapshot } = this.#exchange.ctx;
    return (tool === undefined || tool === 'none' ? undefined : tool.registered.timeoutMs) ?? snapshot.config.upstream.answer_timeout_ms;
  }

  // The client calls these four: a fault in one must end as this request's answer, not as the thread's.

  onHead(status: number, headers: Readonly<Record<string, string>>): void {
    try {
      this.#takeHead(status, headers['content-type'] ?? '');
    } catch (fault) {
      this.#exchange.fault(fault);
    }
  }

  onData(chunk: Uint8Array): void {
    try {
      if ((this.#stream !== undefined || this.#part !== undefined) && this.#isOver()) this.fail(deny('mcp_timeout', { reasonCode: 'total_timeout' }));
      else if (this.#stream === undefined) this.#takeBytes(chunk);
      else this.#stream.push(chunk);
    } catch (fault) {
      this.#exchange.fault(fault);
    }
  }

  onEnd(): void {
    try {
      this.#bodyIsFree = this.#call?.bodyIsFree === true;
      if (this.#stream !== undefined) {
        this.#stream.upstreamEnded(undefined);
        return;
      }
      this.#exchange.answered();
      const bytes = this.#parts === undefined ? this.#part ?? NOTHING : Buffer.concat(this.#parts);
      this.#part = this.#parts = undefined; // it may wait for its scan, and need not do so twice
      this.#finishWhole(bytes);
    } catch (fault) {
      this.#exchange.fault(fault);
    }
  }

  onFault(cause: UpstreamFault): void {
    try {
      const refusal = faultRefusal(cause);
      if (this.#stream !== undefined) {
        this.#stream.upstreamEnded(refusal);
        return;
      }
      this.#exchange.answered();
      // What could not even be written is the caller's doing.
      this.#exchange.settle(cause.crowdedOut === true || (cause.kind === 'protocol' && !cause.maybeSent) ? 'neutral' : this.#blame());
      this.#refuse(refusal);
    } catch (fault) {
      this.#exchange.fault(fault);
    }
  }

  flow(holdsBack: boolean): void {
    this.#pause(holdsBack || this.#room?.waits === true);
  }

  holds(bytes: number, stalled: boolean): void {
    this.#hold(bytes);
    this.#room?.stall(stalled);
  }

  get crowded(): boolean {
    return this.#services.answerMemory.isFull;
  }

  #hold(bytes: number): void {
    if (this.#isEmpty || (this.#room === undefined && bytes <= COUNTED_FROM_BYTES)) return;
    this.#room ??= this.#services.answerMemory.room(this.#leg?.url ?? '', () => this.flow(this.#stream?.holdsBack === true));
    this.#room.holds(bytes);
  }

  #pause(paused: boolean): void {
    if (paused === this.#paused) return;
    this.#paused = paused;
    if (paused) this.#call?.pause();
    else this.#call?.resume();
  }

  /** Of what has come, and of what may still come, nothing is kept. */
  left(): void {
    this.#isEmpty = true;
    this.#part = this.#parts = undefined;
    this.#room?.holds(0);
  }

  giveUp(): void {
    this.#stream?.stop();
    this.#stream?.rest?.stop();
    this.#call?.abort();
    this.left();
  }

  readsOn(place: StreamPlace): boolean {
    if (this.#leg === undefined || this.#stream === undefined || this.#cancelled) return false;
    const { ctx } = this.#exchange;
    this.#stream.rest ??= new RestOfStream(this.#services, this.#answerTimeoutMs(), ctx.snapshot.config.upstream.idle_timeout_ms, {
      guard: (step) => this.#exchange.guard(step),
      began: (call) => {
        this.#call = call;
        this.#paused = false;
        this.flow(this.#stream?.holdsBack === true);
      },
      onData: (chunk) => this.onData(chunk),
      ended: (cause) => this.#exchange.guard(() => this.#stream?.upstreamEnded(cause)),
    });
    return this.#stream.rest.follow(this.#leg, place);
  }

  fail(refusal: Deny): void {
    this.giveUp();
    this.settleWith(refusal);
    if (this.#stream === undefined) this.#refuse(refusal);
    else this.#stream.refuse(refusal);
  }

  asksInput(answer: Uint8Array): boolean {
    const leg = this.#leg;
    const question = leg?.mappedTo === 'modern' ? readQuestion(answer) : undefined;
    if (leg === undefined || question === undefined) return false;
    this.giveUp();
    this.#over();
    this.#exchange.settle('success');
    askForInput(this.#exchange, this.#services, leg, question, this.#round?.count ?? 0, (round) => new ForwardedCall(this.#exchange, this.#services, leg.url, round).send(leg));
    return true;
  }

  /** A message that its server refuses, or an answer larger or odder than is passed on, may be the caller's doing: it must not stop the tool for others. */
  settleWith(refusal: Deny): void {
    const refused = this.#status >= CLIENT_ERROR_FROM && this.#status < SERVER_ERROR_FROM;
    this.#exchange.settle(refused || NOBODYS_FAILURE.has(refusal.reasonCode ?? '') ? 'neutral' : this.#blame());
  }

  decided(): void {
    if (this.#bodyIsFree) this.#exchange.ctx.inbound.bodyReturned?.();
    this.#bodyIsFree = false;
    this.#over();
  }

  #over(): void {
    if (this.#running !== undefined) runningCallsOf(this.#exchange)?.over(this.#running);
  }

  clientGone(): void {
    if (this.#abandonable) this.#abandon();
    else this.#stream?.clientGone();
  }

  /** In its session, or where it can't hang up on one call alone, a client cancels by a message of its own. Servers leave a cancelled request unanswered: it must not hold a connection until the time is up. */
  #mayBeCancelled(): void {
    const calls = runningCallsOf(this.#exchange);
    if (calls === undefined) return;
    this.#running = { id: comparableId(this.#screen.idText), server: this.#screen.server, cancelled: () => this.#cancel() };
    calls.began(this.#running);
  }

  #cancel(): void {
    if (this.#cancelled || this.#exchange.ended) return;
    this.#cancelled = true;
    this.#exchange.settle('neutral');
    // An answer that was under way already may still come.
    const stop = this.#services.every(AFTER_ANSWER_MS, () => {
      stop();
      this.#exchange.guard(() => { if (!this.#exchange.ended) this.#abandon(); });
    });
  }

  #blame(): BreakerOutcome {
    return this.#cancelled || this.#room?.hasWaited === true ? 'neutral' : 'failure';
  }

  /** Asked when something has come: silence has an end of its own. MCP 2025-11-25, basic/lifecycle, Timeouts: a maximum regardless of progress. */
  #isOver(): boolean {
    return this.#services.nowMs() - this.#beganMs > this.#exchange.ctx.snapshot.config.upstream.total_timeout_ms;
  }

  #takeHead(status: number, contentType: string): void {
    const leg = this.#leg;
    this.#status = status;
    this.#contentType = contentType;
    if (leg === undefined) return;
    if (status !== HTTP_OK || !isSse(contentType)) return;
    this.#stream = new AnswerStream(this.#exchange, this.#services, this.#screen, this, leg);
    this.#stream.begin();
  }

  #takeBytes(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#exchange.ctx.snapshot.config.upstream.answer_bytes_max) this.fail(deny('mcp_invalid_response', { reasonCode: 'answer_too_large' }));
    else {
      if (this.#part === undefined) this.#part = Buffer.from(chunk);
      else (this.#parts ??= [this.#part]).push(Buffer.from(chunk));
      this.#hold(this.#bytes);
    }
  }

  /** The session was lost before anything of this call was run: once, on a new one. */
  #renew(leg: Leg): void {
    const { ctx } = this.#exchange;
    this.#renewed = true;
    this.#call?.abort();
    this.#bytes = 0;
    this.#room?.holds(0);
    this.#services.legs.forget(ctx, leg);
    this.#services.legs.open(ctx, leg.url, (fresh) => this.#exchange.guard(() => this.send(fresh)), (refusal) => {
      this.#exchange.settle(blameOf(refusal, leg.shared));
      this.#exchange.refuse(refusal);
    });
  }

  /** 404 says it, unless the body says that the server has no such method: then the session lives, and the request has its answer. */
  #isSessionLost(bytes: Uint8Array): boolean {
    if (this.#status === BAD_REQUEST) return saysSessionLost(bytes);
    if (this.#status !== NOT_FOUND) return false;
    const message = this.#screen.read(bytes);
    return message.kind !== 'response' || !message.isError || !this.#screen.isOurs(message) || !isMethodNotFound(bytes);
  }

  #finishWhole(bytes: Uint8Array): void {
    const status = this.#status;
    if (this.#leg?.sessionBound === true && !this.#renewed && this.#isSessionLost(bytes)) {
      this.#renew(this.#leg);
      return;
    }
    if (status >= SERVER_ERROR_FROM) {
      this.fail(deny('mcp_request_failed', { details: { upstream_status: status } }));
      return;
    }
    if (!isJson(this.#contentType)) {
      this.fail(accessRefusal(status) ?? deny(status === HTTP_OK ? 'mcp_invalid_response' : 'mcp_request_failed', { reasonCode: 'not_json', details: { upstream_status: status, ...this.#screen.shownType(this.#contentType) } }));
      return;
    }
    const message = this.#screen.read(bytes);
    if (message.kind !== 'response' || !this.#screen.isOurs(message)) {
      this.fail(accessRefusal(status) ?? deny(status === HTTP_OK ? 'mcp_invalid_response' : 'mcp_request_failed', { reasonCode: message.beyond ?? 'not_the_answer', details: { upstream_status: status } }));
      return;
    }
    const restored = this.#screen.restore(bytes, message);
    this.#screen.release(restored, restored === bytes ? message.escapes : undefined, (screened) => {
      this.#exchange.settle('success');
      if (screened.kind === 'block') this.#refuse(screened.refusal);
      else if (this.asksInput(screened.bytes)) return;
      else if (this.#exchange.streams) {
        this.#exchange.write(dataEvent(screened.bytes));
        this.#exchange.endStream();
      } else this.#exchange.answer(statusFor(this.#exchange.ctx, this.#leg, status, message, screened.bytes), JSON_HEADERS, screened.bytes);
    });
  }

  /** After a question to the client its stream is open, and a refusal is its last event. */
  #refuse(refusal: Deny): void {
    if (this.#exchange.streams) endWithRefusal(this.#exchange, this.#screen.idText, refusal);
    else this.#exchange.refuse(refusal);
  }

  /** The client is gone: cancels upstream; the breaker learns nothing of it. */
  #abandon(): void {
    this.giveUp();
    this.#exchange.settle('neutral');
    // What a cancelled stream still owes could be fetched on the session's own stream, like a broken one's.
    if (this.#cancelled) this.#screen.taint();
    if (this.#leg?.mappedTo === 'legacy') tellServerCancelled(this.#services, this.#exchange.ctx, this.#leg, this.#screen.wireIdText);
    if (this.#stream?.hasBegun === true || this.#exchange.streams) this.#exchange.endStream('client_disconnected');
    else this.#exchange.refuse(deny('client_disconnected'));
  }
}
