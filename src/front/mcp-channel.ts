// A connection that carries many messages at once, be it a WebSocket or the stream of an HTTP+SSE client: each message is a request of its own, with its
// own way through all layers; a legacy client has one session on it.
import type { PeerEvidence } from '../engines/identity/types.js';
import type { RunningCall } from '../engines/mcp-session/types.js';
import { channelHeaders, SESSIONLESS, traced, type ChannelHeaders } from './channel-headers.js';
import { messageOf } from './channel-messages.js';
import { ChannelReply, type ChannelEnd, type ChannelReplyKind } from './channel-reply.js';
import { CLOSE, type ChannelWire } from './channel-wire.js';
import { InboundMessage } from './inbound.js';
import type { PeerLoad } from './peer-load.js';
import { OFF_ROLL, type RollMember } from './roll.js';
import { overloadReason, type ChannelLimits, type RouteContext } from './routes.js';
import type { Inbound, Refuse } from './types.js';
import type { Holder } from './unread.js';

/** What a client that reads has not taken yet: above it, streams pause. */
const SLOW_BYTES = 64 * 1024;
/** A stream that was refused is asked for again with a later message: a caller without a token left gets one within this time. */
const STREAM_RETRY_US = 1_000_000;
const US_PER_MS = 1000;
const UNAUTHORIZED = 401;
const NOT_FOUND = 404;
const NONE_RUNNING: ReadonlySet<RunningCall> = new Set();

export interface ChannelFacts {
  readonly path: string;
  /** What its opening offered as evidence; layer 3 judges it with every message. */
  readonly evidence: PeerEvidence;
  readonly peer: PeerLoad;
}

/** What is not said by a message of its own: why a message never arrived whole. */
export type Unreadable = 'too_large' | 'not_utf8';

export class McpChannel implements ChannelEnd, RollMember, Holder {
  place = OFF_ROLL;
  readonly #context: RouteContext;
  readonly #limits: ChannelLimits;
  readonly #facts: ChannelFacts;
  #wire: ChannelWire | undefined = undefined;
  #headers: ChannelHeaders = SESSIONLESS;
  #expiresMs = Infinity;
  #endSession: (() => void) | undefined = undefined;
  #stream: ChannelReply | undefined = undefined;
  #streamAskedUs = -STREAM_RETRY_US;
  /** Nothing is taken any more; closed when what is under way is answered. */
  #draining: { readonly code: number; readonly reason: string; readonly streamEnds: boolean } | undefined = undefined;
  #backlog = false;
  #underWay = 0;
  #refusing = 0;
  /** Made with the first message: thousands may be idle. */
  #replies: Set<ChannelReply> | undefined = undefined;
  #running: Set<RunningCall> | undefined = undefined;

  constructor(context: RouteContext, limits: ChannelLimits, facts: ChannelFacts) {
    this.#context = context;
    this.#limits = limits;
    this.#facts = facts;
  }

  opened(wire: ChannelWire): void {
    this.#wire = wire;
    this.#facts.peer.channels += 1;
    this.#context.channels.add(this);
    // The gateway was told to stop while it was being opened.
    if (this.#context.state !== 'open') this.drain(CLOSE.goingAway, 'shutdown', true);
  }

  /** `body` is detached when this returns. `posted`: the request that brought it, where a message has one of its own. */
  take(body: Uint8Array, isBinary: boolean, posted?: Inbound): void {
    const context = this.#context;
    const inbound = this.#inbound('POST', isBinary, posted);
    const closing = context.state !== 'open' || this.#draining !== undefined;
    if (closing) return this.#refuse('gateway_fault', 'connection_closing', inbound, body);
    const overload = this.#overloadReason(inbound.receivedUs, body);
    if (overload !== undefined) return this.#refuse('gateway_overloaded', overload, inbound, body);
    const isInSession = this.hasSession;
    const reply = this.#enter('message');
    reply.bytes = body.length;
    if (isBinary) reply.closeCode = CLOSE.unsupportedData;
    if (body.length > context.limits.bodyBytesMax) {
      reply.closeCode = CLOSE.tooBig;
      reply.idText = context.requestIdOf(body);
      inbound.dropBody(body.length, true);
    } else inbound.setBody(body, true);
    this.#handle(inbound, reply);
    if (isInSession) this.#openStream(inbound.receivedUs);
  }

  /** A message was on its way that the library did not hand over, and has cut the connection for: it has its record all the same. */
  recordUnreadable(why: Unreadable): void {
    const inbound = this.#inbound('POST', false);
    inbound.dropBody(why === 'too_large' ? this.#context.limits.bodyBytesMax + 1 : 0, why === 'too_large');
    this.#handle(inbound, this.#enter('message'));
  }

  drained(): void {
    const buffered = this.#wire?.bufferedBytes ?? 0;
    this.#context.unread.note(this, buffered);
    if (buffered > SLOW_BYTES) return;
    this.#backlog = buffered > 0;
    for (const reply of [...(this.#replies ?? [])]) reply.drained();
  }

  /** The library answers pings, also of who reads no answer. */
  pinged(): void {
    if ((this.#wire?.bufferedBytes ?? 0) > this.#limits.bufferedBytesMax) this.close(CLOSE.tryAgainLater, 'gateway_overloaded');
  }

  closed(): void {
    if (this.#wire === undefined) return;
    this.#wire = undefined;
    this.#context.channels.remove(this);
    this.#context.unread.note(this, 0);
    this.#facts.peer.channels -= 1;
    for (const reply of [...(this.#replies ?? [])]) reply.abort();
    const end = this.#endSession;
    this.#endSession = undefined;
    end?.();
  }

  /** Closes once what is under way is answered, and takes nothing more. `streamEnds`: the session's stream is about to be ended, and its record says by whom. */
  drain(code: number, reason: string, streamEnds = false): void {
    this.#draining ??= { code, reason, streamEnds };
    this.#closeIfDrained();
  }

  /** At once. What is under way has lost its client. */
  close(code: number, reason: string): void {
    this.#wire?.end(code, reason);
  }

  /** It lives for hours, and longer than many a certificate: with the proof of who it is ends what it may hear. A session's stream sees to that itself, and says so in its record. */
  closeIfExpired(nowUs: number): void {
    if (this.#stream === undefined && nowUs / US_PER_MS >= this.#expiresMs) this.close(CLOSE.policyViolation, 'auth_invalid_identity');
  }

  get peer(): PeerLoad {
    return this.#facts.peer;
  }
  cutUnread(): void {
    this.close(CLOSE.tryAgainLater, 'gateway_overloaded');
  }

  // What the gateway asks of its client's connection.

  get hasSession(): boolean {
    return this.#endSession !== undefined;
  }
  get running(): ReadonlySet<RunningCall> {
    return this.#running ?? NONE_RUNNING;
  }
  began(call: RunningCall): void {
    (this.#running ??= new Set()).add(call);
  }
  over(call: RunningCall): void {
    this.#running?.delete(call);
  }
  provenUntil(expiresMs: number): void {
    this.#expiresMs = expiresMs;
  }
  openSession(id: string, protocolVersion: string, end: () => void): void {
    if (this.#wire === undefined) return end();
    this.#headers = channelHeaders(id, protocolVersion);
    this.#endSession = end;
  }

  // What its replies tell.

  write(message: Uint8Array | string): boolean {
    const wire = this.#wire;
    if (wire === undefined) return true;
    if (this.#backlog && wire.bufferedBytes > this.#limits.bufferedBytesMax) {
      this.close(CLOSE.tryAgainLater, 'gateway_overloaded');
      return true;
    }
    if (wire.send(message)) return true;
    this.#backlog = true;
    this.#context.unread.note(this, wire.bufferedBytes);
    return wire.bufferedBytes <= SLOW_BYTES;
  }

  answer(reply: ChannelReply, status: number, body: Uint8Array | string, close: boolean): void {
    if (reply.kind === 'session_stream') return this.#streamRefused(status);
    const message = messageOf(body, reply.idText);
    if (message !== undefined) this.write(message);
    if (reply.closeCode !== 0) this.close(reply.closeCode, reply.closeCode === CLOSE.tooBig ? 'request_too_large' : 'mcp_invalid_request');
    else if (status === UNAUTHORIZED) this.drain(CLOSE.policyViolation, 'auth_invalid_identity');
    else if (close) this.close(CLOSE.internalError, 'gateway_fault');
  }

  streamEnded(reply: ChannelReply): void {
    if (reply.kind !== 'session_stream' || this.#context.state !== 'open') return;
    const isExpired = this.#context.nowUs() / US_PER_MS >= this.#expiresMs;
    this.drain(CLOSE.policyViolation, isExpired ? 'auth_invalid_identity' : 'session_not_found');
  }

  replyCut(reply: ChannelReply): void {
    if (!reply.lost || this.#draining === undefined) return this.close(CLOSE.internalError, 'gateway_fault');
    // All on it is lost, and it ends anyway: what can be answered is, before. A call that is not whole shows in how it ends.
    if (reply.kind === 'message') this.#draining = { ...this.#draining, code: CLOSE.internalError, reason: 'gateway_fault' };
  }

  replyDone(reply: ChannelReply): void {
    const { active } = this.#context;
    this.#replies?.delete(reply);
    if (reply === this.#stream) this.#stream = undefined;
    if (reply.kind === 'refused') this.#refusing -= 1;
    else {
      this.#facts.peer.leave();
      if (reply.bytes > 0) this.#facts.peer.giveBytes(reply.bytes);
    }
    if (reply.kind === 'message') this.#underWay -= 1;
    active.remove(reply);
    this.#closeIfDrained();
    if (active.size === 0) this.#context.onIdle();
  }

  #closeIfDrained(): void {
    if (this.#draining === undefined || this.#underWay > 0) return;
    const { code, reason, streamEnds } = this.#draining;
    if (!streamEnds || this.#stream === undefined) this.close(code, reason);
  }

  /** On success the message's bytes are counted, and its reply must give them back. */
  #overloadReason(nowUs: number, body: Uint8Array): string | undefined {
    const { peer } = this.#facts;
    if (this.#isFull(body)) return 'requests_per_socket';
    return overloadReason(this.#context, peer, nowUs) ?? (peer.takeBytes(body.length) ? undefined : peer.full);
  }

  /** A cancellation, or the answer to a tool server's question, may be what the requests under way wait for: for as many there is room beside them. */
  #isFull(body: Uint8Array): boolean {
    const { requestsMax } = this.#limits;
    if (this.#underWay < requestsMax) return false;
    return this.#underWay >= 2 * requestsMax || this.#context.requestIdOf(body) !== undefined;
  }

  #inbound(httpMethod: Inbound['httpMethod'], isBinary: boolean, posted?: Inbound): InboundMessage {
    const headers = isBinary ? this.#headers.binary : this.#headers.text;
    return new InboundMessage(httpMethod, this.#facts.path, posted?.evidence ?? this.#facts.evidence, posted === undefined ? headers : traced(headers, posted.headers), this.#context.nowUs());
  }

  #enter(kind: ChannelReplyKind): ChannelReply {
    const reply = new ChannelReply(this, kind);
    if (kind === 'refused') this.#refusing += 1;
    else this.#facts.peer.enter();
    if (kind === 'message') this.#underWay += 1;
    (this.#replies ??= new Set()).add(reply);
    this.#context.active.add(reply);
    return reply;
  }

  #handle(inbound: InboundMessage, reply: ChannelReply): void {
    try {
      this.#context.handle(inbound, reply);
    } catch (fault) {
      this.#context.onFault(fault);
      reply.destroy();
    }
  }

  /** What is refused here may wait for its record without taking room; but who sends on and on must not make it wait for thousands. */
  #refuse(code: Parameters<Refuse>[0], reasonCode: string, inbound: InboundMessage, body: Uint8Array): void {
    if (this.#refusing >= this.#limits.requestsMax) this.close(CLOSE.tryAgainLater, 'gateway_overloaded');
    const reply = this.#enter('refused');
    reply.idText = this.#context.requestIdOf(body);
    inbound.dropBody(body.length, false);
    try {
      this.#context.refuse(code, reasonCode, inbound, reply);
    } catch (fault) {
      this.#context.onFault(fault);
      reply.destroy();
    }
  }

  /** What a client of Streamable HTTP asks for with GET: asked for with the first message after initialize, which by the protocol says that the client is ready. */
  #openStream(nowUs: number): void {
    if (this.#stream !== undefined || this.#wire === undefined || this.#draining !== undefined || nowUs - this.#streamAskedUs < STREAM_RETRY_US) return;
    this.#streamAskedUs = nowUs;
    if (overloadReason(this.#context, this.#facts.peer, nowUs) !== undefined) return;
    const reply = this.#enter('session_stream');
    this.#stream = reply;
    this.#handle(this.#inbound('GET', false), reply);
  }

  #streamRefused(status: number): void {
    if (status === NOT_FOUND) this.drain(CLOSE.policyViolation, 'session_not_found');
    else if (status === UNAUTHORIZED) this.drain(CLOSE.policyViolation, 'auth_invalid_identity');
  }
}
