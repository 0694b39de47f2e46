// Reads a tool server's stream event by event, and no more of them in one turn of the event loop than other calls can wait for.
import { createSseSplitter, type SseEvent, type SseSplitter } from '../upstream/sse.js';

/**
 * So many in a turn, give or take those of one piece: one read brings half a megabyte, and of blank lines each is an event that is screened and
 * sent on.
 */
const EVENTS_A_TURN = 256;
const PIECE_BYTES = 2048;

export interface EventReceiver {
  onEvent(event: SseEvent): void;
  /** One is larger than it may be; nothing more is told. */
  onTooLarge(): void;
  /** Some of what came waits for another turn: nothing more should come until it is read. */
  onBehind(): void;
  /** Nothing waits any more. */
  onCaughtUp(): void;
  /** Runs what a later turn does, where nobody is left to catch what it throws. */
  guard(step: () => void): void;
}

export class EventTurns {
  readonly #splitter: SseSplitter;
  readonly #receiver: EventReceiver;
  /** Bytes that came, and whose turn has not. */
  #unread: Buffer | undefined;
  #events = 0;
  #stopped = false;

  constructor(eventBytesMax: number, receiver: EventReceiver) {
    this.#receiver = receiver;
    this.#splitter = createSseSplitter(eventBytesMax, (event) => {
      this.#events += 1;
      receiver.onEvent(event);
    });
  }

  get behind(): boolean {
    return this.#unread !== undefined;
  }

  /** Bytes of an event that is not whole yet. */
  get kept(): number {
    return this.#splitter.kept;
  }

  push(chunk: Uint8Array): void {
    if (this.#unread === undefined) this.#readSome(chunk);
    else this.#unread = Buffer.concat([this.#unread, chunk]);
  }

  /** Nothing more is told. */
  stop(): void {
    this.#stopped = true;
    this.#unread = undefined;
  }

  #readSome(bytes: Uint8Array): void {
    this.#events = 0;
    for (let at = 0; at < bytes.length && !this.#stopped; at += PIECE_BYTES) {
      if (this.#events >= EVENTS_A_TURN) {
        this.#readOnLater(bytes.subarray(at));
        return;
      }
      if (!this.#splitter.push(bytes.subarray(at, at + PIECE_BYTES))) {
        this.#receiver.onTooLarge();
        return;
      }
    }
  }

  #readOnLater(rest: Uint8Array): void {
    this.#unread = Buffer.from(rest);
    this.#receiver.onBehind();
    setImmediate(() => this.#receiver.guard(() => {
      const bytes = this.#unread;
      this.#unread = undefined;
      if (bytes !== undefined) this.#readSome(bytes);
      if (!this.#stopped && this.#unread === undefined) this.#receiver.onCaughtUp();
    }));
  }
}
