// One request under way: counted while it is, the owner of its reply and, if it has a body to wait for, the listener of that. One object with
// methods, not a function for every event: those cost a microsecond per request and a share of every collection.
import type { InboundMessage } from './inbound.js';
import type { PeerLoad } from './peer-load.js';
import { BodyReader, type BodyFailure, type BodyListener, type BodyRoom } from './read-body.js';
import type { RouteContext } from './routes.js';
import type { AbortCause, Handle, HeaderPairs, Refuse } from './types.js';
import type { Holder } from './unread.js';
import type { HttpResponse } from './uws-types.js';
import { UwsReply, type ReplyOwner } from './write-outbound.js';

const US_PER_MS = 1000;
const SLOW_REASONS = { timed_out: 'body_timeout', too_slow: 'body_too_slow' } as const;
const JSON_HEADERS: HeaderPairs = [['content-type', 'application/json']];
const FAULT_PLAIN = JSON.stringify({ code: 'gateway_fault', message: 'The gateway failed.' });
const NO_ROOM: BodyRoom = { takeBytes: () => false };

export class RequestUnderWay implements ReplyOwner, BodyListener, Holder {
  readonly #context: RouteContext;
  readonly #inbound: InboundMessage;
  readonly #peer: PeerLoad | undefined;
  readonly #reply: UwsReply;
  readonly #handle: Handle;
  #reader: BodyReader | undefined = undefined;
  #awaitsBody = false;

  /** `peer` undefined: it takes no room, neither of its peer's nor of all. `handle`: whose it is once it is whole. */
  constructor(context: RouteContext, response: HttpResponse, inbound: InboundMessage, peer: PeerLoad | undefined, corsHeaders: HeaderPairs, handle: Handle) {
    this.#context = context;
    this.#inbound = inbound;
    this.#peer = peer;
    this.#handle = handle;
    peer?.enter();
    this.#reply = new UwsReply(response, this, corsHeaders);
    this.#reply.closeAfter = context.state !== 'open';
    context.active.add(this.#reply);
  }

  /** `announced` = Content-Length, or undefined for a chunked body. `endsConnection`: nothing behind it is taken for a request. */
  readBody(response: HttpResponse, announced: number | undefined, endsConnection: boolean, peer: PeerLoad): void {
    const { limits, deadlines, bodyMemory } = this.#context;
    this.#awaitsBody = true;
    if (endsConnection) this.#reply.closeAfter = true;
    this.#reader = new BodyReader(announced, limits, peer, deadlines, bodyMemory, this.#inbound.receivedUs / US_PER_MS, this);
    this.#reader.start(response);
  }

  /** It is about to be refused unread: what comes of its body is dropped, and then the connection ends. */
  dropBody(response: HttpResponse): void {
    const { limits, deadlines, bodyMemory } = this.#context;
    this.#reply.lingers = true;
    this.#reader = new BodyReader(undefined, limits, NO_ROOM, deadlines, bodyMemory, this.#inbound.receivedUs / US_PER_MS, this);
    this.#reader.startDropping(response);
  }

  handle(): void {
    this.#reply.handling = true;
    try {
      this.#handle(this.#inbound, this.#reply);
    } catch (error) {
      this.#fault(error);
    } finally {
      this.#reply.handling = false;
    }
  }

  refuse(code: Parameters<Refuse>[0], reasonCode: string, close: boolean): void {
    this.#reply.handling = true;
    this.#refuse(code, reasonCode, close);
    this.#reply.handling = false;
  }

  bodyWhole(body: Uint8Array, borrowed: boolean): void {
    this.#awaitsBody = false;
    this.#inbound.setBody(body, borrowed, this.#context.bodyMemory);
    this.handle();
  }

  /** The rest of the body will be dropped: the connection cannot be used again. */
  bodyFailed(failure: BodyFailure, bytes: number): void {
    this.#awaitsBody = false;
    // Its buffer is gone: the refusal may wait for its record, the room must not.
    this.#giveBack();
    this.#reply.closeAfter = true;
    this.#reply.lingers = this.#reader?.comes === true;
    this.#inbound.dropBody(bytes, failure === 'too_large');
    if (failure === 'too_large') this.handle();
    else this.refuse('gateway_overloaded', failure === 'no_room' ? this.#peer?.full ?? 'inflight_body_bytes' : SLOW_REASONS[failure], true);
  }

  bodyDropped(): void {
    this.#reply.hangUp();
  }

  replyDone(): void {
    this.#peer?.leave();
    this.#giveBack();
    if (!this.#reply.lingers) this.#reader?.cancel();
    this.#inbound.spend();
    if (!this.#reply.sending) this.replySent();
  }

  /** Until then its listener may not end: the rest of the answer would go with it. */
  replySent(): void {
    this.#context.unread.note(this, 0);
    this.#context.active.remove(this.#reply);
    if (this.#context.active.size === 0) this.#context.onIdle();
  }

  replyWaits(bytes: number): void {
    this.#context.unread.note(this, bytes);
  }

  get peer(): object {
    return this.#peer ?? this.#context;
  }

  cutUnread(): void {
    this.#reply.cutUnread();
  }

  /** Until its body is whole or refused; from then on a hang-up is the gateway's to record. */
  replyLost(cause: AbortCause): void {
    if (!this.#awaitsBody) return;
    this.#inbound.dropBody(this.#reader?.bytes ?? 0, false);
    if (cause === 'client') this.handle();
    else this.#refuse('gateway_fault', cause === 'gateway' ? 'thread_ending' : cause, true);
  }

  #refuse(code: Parameters<Refuse>[0], reasonCode: string, close: boolean): void {
    if (close) this.#reply.closeAfter = true;
    try {
      this.#context.refuse(code, reasonCode, this.#inbound, this.#reply);
    } catch (error) {
      this.#fault(error);
    }
  }

  #giveBack(): void {
    if (this.#reader === undefined || this.#reader.reservedBytes === 0) return;
    this.#peer?.giveBytes(this.#reader.reservedBytes);
    this.#reader.reservedBytes = 0;
  }

  /** A fault of the gateway itself must neither hang the client nor end the thread. */
  #fault(error: unknown): void {
    this.#context.onFault(error);
    if (this.#reply.began) this.#reply.destroy();
    else this.#reply.send(500, JSON_HEADERS, FAULT_PLAIN, true);
  }
}
