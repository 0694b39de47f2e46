// The way back of one message of a channel: an answer is one message, and of a stream each event is one.
import { createSseSplitter, type SseSplitter } from '../upstream/sse.js';
import { OFF_ROLL } from './roll.js';
import type { AbortCause, Carrier, HeaderPairs, LossCause, Reply } from './types.js';
import type { ActiveReply } from './write-outbound.js';

/** The channel, as its replies need it. */
export interface ChannelEnd extends Carrier {
  /** False = the client is slow. */
  write(message: Uint8Array | string): boolean;
  /** A whole answer. `close`: the connection is to end with it. */
  answer(reply: ChannelReply, status: number, body: Uint8Array | string, close: boolean): void;
  /** The last event of a stream was written. */
  streamEnded(reply: ChannelReply): void;
  /** The answer will never be whole. */
  replyCut(reply: ChannelReply): void;
  replyDone(reply: ChannelReply): void;
}

/** What is counted while the message is under way. */
export type ChannelReplyKind =
  | 'message'
  /** Refused unread: it takes no room. */
  | 'refused'
  /** What the tool servers of the session say without being asked. */
  | 'session_stream';

export class ChannelReply implements Reply, ActiveReply {
  place = OFF_ROLL;
  aborted = false;
  closeAfter = false;
  readonly carrier: ChannelEnd;
  readonly kind: ChannelReplyKind;
  /** The id of a request that no layer has read. */
  idText: string | undefined = undefined;
  /** The code that the channel is closed with once this is answered; 0 = it stays open. */
  closeCode = 0;
  /** Bytes of the message, while they count. */
  bytes = 0;
  /** Its thread or its connection is ending, and it with them. */
  lost = false;
  #began = false;
  #done = false;
  #events: SseSplitter | undefined = undefined;
  #drained = true;
  #abortListener: ((cause: AbortCause) => void) | undefined = undefined;
  #drainListener: (() => void) | undefined = undefined;

  constructor(carrier: ChannelEnd, kind: ChannelReplyKind) {
    this.carrier = carrier;
    this.kind = kind;
  }

  onAbort(listener: (cause: AbortCause) => void): void {
    if (this.aborted) listener('client');
    else this.#abortListener = listener;
  }

  send(status: number, _headers: HeaderPairs, body: Uint8Array | string, close = false): void {
    if (this.#done || this.#began) return;
    this.#done = true;
    this.carrier.answer(this, status, body, close);
    this.#finish();
  }

  begin(): void {
    if (this.#done || this.#began) return;
    this.#began = true;
    // Each event was bounded by upstream.answer_bytes_max before it came here.
    this.#events = createSseSplitter(Infinity, (event) => {
      // The channel may end with any of them.
      if (!this.#done && event.data !== undefined && event.data.length > 0) this.#drained = this.carrier.write(event.data);
    });
  }

  write(chunk: Uint8Array | string): boolean {
    if (this.#done || this.#events === undefined || chunk.length === 0) return true;
    this.#drained = true;
    this.#events.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
    return this.#drained;
  }

  onDrain(listener: () => void): void {
    this.#drainListener = listener;
  }

  end(): void {
    if (this.#done || !this.#began) return;
    this.#done = true;
    this.carrier.streamEnded(this);
    this.#finish();
  }

  destroy(): void {
    if (this.#done) return;
    this.#done = true;
    this.carrier.replyCut(this);
    this.#finish();
  }

  /** The client has taken what was written. */
  drained(): void {
    if (!this.#done) this.#drainListener?.();
  }

  /** The connection is gone. */
  abort(): void {
    if (this.#done) return;
    this.aborted = true;
    this.#done = true;
    const listener = this.#abortListener;
    this.#finish();
    listener?.('client');
  }

  lose(cause: LossCause): void {
    this.lost = true;
    if (!this.#done) this.#abortListener?.(cause);
  }

  #finish(): void {
    this.#abortListener = undefined;
    this.#drainListener = undefined;
    this.carrier.replyDone(this);
  }
}
