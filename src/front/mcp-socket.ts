// One WebSocket: each of its messages is a request of its own, with its own way through all layers; a legacy client has one session on it.
import type { PeerEvidence } from '../engines/identity/types.js';
import type { RunningCall } from '../engines/mcp-session/types.js';
import { InboundMessage } from './inbound.js';
import type { PeerLoad } from './peer-load.js';
import { OFF_ROLL, type RollMember } from './roll.js';
import { overloadReason, type RouteContext, type WebSocketLimits } from './routes.js';
import { frameOf } from './socket-frames.js';
import { SESSIONLESS, socketHeaders, type SocketHeaders } from './socket-headers.js';
import { SocketReply, type SocketEnd, type SocketReplyKind } from './socket-reply.js';
import type { Inbound, Refuse } from './types.js';
import type { WebSocket } from './uws-types.js';

/** Close codes (RFC 6455, section 7.4.1, and IANA's registry for 1013); `abnormal` is only ever heard of, from the library. */
export const CLOSE = { goingAway: 1001, unsupportedData: 1003, abnormal: 1006, policyViolation: 1008, tooBig: 1009, internalError: 1011, tryAgainLater: 1013 } as const;
/** What a client that reads has not taken yet: above it, streams pause. */
const SLOW_BYTES = 64 * 1024;
/** A stream that was refused is asked for again with a later message: a caller without a token left gets one within this time. */
const STREAM_RETRY_US = 1_000_000;
const US_PER_MS = 1000;
const UNAUTHORIZED = 401;
const NOT_FOUND = 404;
const NONE_RUNNING: ReadonlySet<RunningCall> = new Set();

export interface McpSocketFacts {
  /** `/` or `/mcp`. */
  readonly path: string;
  /** What the upgrade offered as evidence; layer 3 judges it with every message. */
  readonly evidence: PeerEvidence;
  readonly peer: PeerLoad;
}

/** What is not said by a message of its own: why a message never arrived whole. */
export type Unreadable = 'too_large' | 'not_utf8';

export class McpSocket implements SocketEnd, RollMember {
  place = OFF_ROLL;
  readonly #context: RouteContext;
  readonly #limits: WebSocketLimits;
  readonly #facts: McpSocketFacts;
  #socket: WebSocket<unknown> | undefined = undefined;
  #headers: SocketHeaders = SESSIONLESS;
  #expiresMs = Infinity;
  #endSession: (() => void) | undefined = undefined;
  #stream: SocketReply | undefined = undefined;
  #streamAskedUs = -STREAM_RETRY_US;
  /** Nothing is taken any more; closed when what is under way is answered. */
  #draining: { readonly code: number; readonly reason: string; readonly streamEnds: boolean } | undefined = undefined;
  #backlog = false;
  #underWay = 0;
  #refusing = 0;
  /** Made with the first message: thousands may be idle. */
  #replies: Set<SocketReply> | undefined = undefined;
  #running: Set<RunningCall> | undefined = undefined;

  constructor(context: RouteContext, limits: WebSocketLimits, facts: McpSocketFacts) {
    this.#context = context;
    this.#limits = limits;
    this.#facts = facts;
  }

  opened(socket: WebSocket<unknown>): void {
    this.#socket = socket;
    this.#facts.peer.sockets += 1;
    this.#context.sockets.add(this);
    // The gateway was told to stop while the upgrade was under way.
    if (this.#context.state !== 'open') this.drain(CLOSE.goingAway, 'shutdown', true);
  }

  /** `message` is detached when this returns. */
  take(message: ArrayBuffer, isBinary: boolean): void {
    const context = this.#context;
    const inbound = this.#inbound('POST', isBinary);
    const body = Buffer.from(message);
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
    const buffered = this.#socket?.getBufferedAmount() ?? 0;
    if (buffered > SLOW_BYTES) return;
    this.#backlog = buffered > 0;
    for (const reply of [...(this.#replies ?? [])]) reply.drained();
  }

  /** The library answers pings, also of who reads no answer. */
  pinged(): void {
    if ((this.#socket?.getBufferedAmount() ?? 0) > this.#limits.bufferedBytesMax) this.close(CLOSE.tryAgainLater, 'gateway_overloaded');
  }

  closed(): void {
    if (this.#socket === undefined) return;
    this.#socket = undefined;
    this.#context.sockets.remove(this);
    this.#facts.peer.sockets -= 1;
    this.#context.gate.leave();
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
    this.#socket?.end(code, reason);
  }

  /** It lives for hours, and longer than many a certificate: with the proof of who it is ends what it may hear. A session's stream sees to that itself, and says so in its record. */
  closeIfExpired(nowUs: number): void {
    if (this.#stream === undefined && nowUs / US_PER_MS >= this.#expiresMs) this.close(CLOSE.policyViolation, 'auth_invalid_identity');
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
    if (this.#socket === undefined) return end();
    this.#headers = socketHeaders(id, protocolVersion);
    this.#endSession = end;
  }

  // What its replies tell.

  write(frame: Uint8Array | string): boolean {
    const socket = this.#socket;
    if (socket === undefined) return true;
    if (this.#backlog && socket.getBufferedAmount() > this.#limits.bufferedBytesMax) {
      this.close(CLOSE.tryAgainLater, 'gateway_overloaded');
      return true;
    }
    if (socket.send(frame, false, false) === 1) return true;
    this.#backlog = true;
    return socket.getBufferedAmount() <= SLOW_BYTES;
  }

  answer(reply: SocketReply, status: number, body: Uint8Array | string, close: boolean): void {
    if (reply.kind === 'session_stream') return this.#streamRefused(status);
    const frame = frameOf(body, reply.idText);
    if (frame !== undefined) this.write(frame);
    if (reply.closeCode !== 0) this.close(reply.closeCode, reply.closeCode === CLOSE.tooBig ? 'request_too_large' : 'mcp_invalid_request');
    else if (status === UNAUTHORIZED) this.drain(CLOSE.policyViolation, 'auth_invalid_identity');
    else if (close) this.close(CLOSE.internalError, 'gateway_fault');
  }

  streamEnded(reply: SocketReply): void {
    if (reply.kind !== 'session_stream' || this.#context.state !== 'open') return;
    const isExpired = this.#context.nowUs() / US_PER_MS >= this.#expiresMs;
    this.drain(CLOSE.policyViolation, isExpired ? 'auth_invalid_identity' : 'session_not_found');
  }

  replyCut(): void {
    this.close(CLOSE.internalError, 'gateway_fault');
  }

  replyDone(reply: SocketReply): void {
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

  #inbound(httpMethod: Inbound['httpMethod'], isBinary: boolean): InboundMessage {
    return new InboundMessage(httpMethod, this.#facts.path, this.#facts.evidence, isBinary ? this.#headers.binary : this.#headers.text, this.#context.nowUs());
  }

  #enter(kind: SocketReplyKind): SocketReply {
    const reply = new SocketReply(this, kind);
    if (kind === 'refused') this.#refusing += 1;
    else this.#facts.peer.enter();
    if (kind === 'message') this.#underWay += 1;
    (this.#replies ??= new Set()).add(reply);
    this.#context.active.add(reply);
    return reply;
  }

  #handle(inbound: InboundMessage, reply: SocketReply): void {
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
    if (this.#stream !== undefined || this.#socket === undefined || this.#draining !== undefined || nowUs - this.#streamAskedUs < STREAM_RETRY_US) return;
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
