// The way back to a client whose connection another gateway thread holds.
import type { AbortCause, HeaderPairs, Reply } from '../front/types.js';
import type { PeerMessage } from './relay.js';

/** Bytes on their way to the client; above it the client counts as slow. */
const UNDER_WAY_BYTES_MAX = 256 * 1024;

export type PostBack = (message: PeerMessage, transfer?: readonly ArrayBuffer[]) => void;

export class RelayedReply implements Reply {
  aborted = false;
  readonly #post: PostBack;
  readonly #id: number;
  readonly #onDone: () => void;
  #done = false;
  #began = false;
  #underWay = 0;
  #abortListener: ((cause: AbortCause) => void) | undefined = undefined;
  #drainListener: (() => void) | undefined = undefined;

  constructor(post: PostBack, id: number, onDone: () => void) {
    this.#post = post;
    this.#id = id;
    this.#onDone = onDone;
  }

  onAbort(listener: (cause: AbortCause) => void): void {
    if (this.aborted) listener('client');
    else this.#abortListener = listener;
  }

  send(status: number, headers: HeaderPairs, body: Uint8Array | string, close = false): void {
    if (this.#done || this.#began) return;
    this.#postBytes(body, (bytes) => ({ kind: 'answer', id: this.#id, status, headers, body: bytes, close }));
    this.#finish();
  }

  begin(status: number, headers: HeaderPairs): void {
    if (this.#done || this.#began) return;
    this.#began = true;
    this.#post({ kind: 'begin', id: this.#id, status, headers });
  }

  write(chunk: Uint8Array | string): boolean {
    if (this.#done || !this.#began || chunk.length === 0) return true;
    this.#underWay += chunk.length;
    this.#postBytes(chunk, (bytes) => ({ kind: 'chunk', id: this.#id, chunk: bytes }));
    return this.#underWay <= UNDER_WAY_BYTES_MAX;
  }

  onDrain(listener: () => void): void {
    this.#drainListener = listener;
  }

  end(): void {
    if (this.#done || !this.#began) return;
    this.#post({ kind: 'end', id: this.#id });
    this.#finish();
  }

  destroy(): void {
    if (this.#done) return;
    this.#post({ kind: 'cut', id: this.#id });
    this.#finish();
  }

  /** The client hung up, or this thread is ending: then the listener still gives the answer. */
  abort(cause: AbortCause): void {
    if (this.#done) return;
    const listener = this.#abortListener;
    if (cause === 'client') {
      this.aborted = true;
      this.#finish();
    }
    listener?.(cause);
  }

  /** The client took so much of what was written. */
  taken(bytes: number): void {
    const wasFull = this.#underWay > UNDER_WAY_BYTES_MAX;
    this.#underWay -= bytes;
    if (wasFull && this.#underWay <= UNDER_WAY_BYTES_MAX) this.#drainListener?.();
  }

  #postBytes(bytes: Uint8Array | string, message: (bytes: Uint8Array | string) => PeerMessage): void {
    if (typeof bytes === 'string') {
      this.#post(message(bytes));
      return;
    }
    const copy = exactCopy(bytes);
    this.#post(message(copy), [copy.buffer]);
  }

  #finish(): void {
    this.#done = true;
    this.#abortListener = undefined;
    this.#drainListener = undefined;
    this.#onDone();
  }
}

/** A view would take all of the memory that it looks into along. */
export function exactCopy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
