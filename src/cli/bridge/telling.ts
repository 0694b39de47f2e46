// What has no answer: notifications, in the order in which the client sent them, and its answers to questions, at once. Counted, so that the client is read no faster than they go.
import type { ClientMessage } from './client-message.js';

export interface TellingOptions {
  /** Never rejects. */
  readonly send: (message: ClientMessage) => Promise<void>;
  /** More lines may be read again. */
  readonly onRoom: () => void;
  readonly onDone: () => void;
}

const TELLING_MAX = 1_024; // not with the gateway yet; then no line is read
const TELLING_BYTES_MAX = 32 * 1024 * 1024;

export class Telling {
  readonly #options: TellingOptions;
  #last: Promise<unknown> = Promise.resolve();
  #count = 0;
  #bytes = 0;

  constructor(options: TellingOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#count >= TELLING_MAX || this.#bytes >= TELLING_BYTES_MAX;
  }

  get isIdle(): boolean {
    return this.#count === 0;
  }

  /** After `gate`, and after the notifications before it. */
  notify(message: ClientMessage, gate: Promise<unknown>): Promise<void> {
    const told = this.#counted(message, Promise.all([gate, this.#last]));
    this.#last = told;
    return told;
  }

  /** After `gate`; none waits for another, whose question may be later than its own answer. */
  reply(message: ClientMessage, gate: Promise<unknown>): Promise<void> {
    return this.#counted(message, gate);
  }

  async #counted(message: ClientMessage, before: Promise<unknown>): Promise<void> {
    this.#count += 1;
    this.#bytes += message.bytes.length;
    await before;
    await this.#options.send(message);
    const wasFull = this.isFull;
    this.#count -= 1;
    this.#bytes -= message.bytes.length;
    if (wasFull && !this.isFull) this.#options.onRoom();
    this.#options.onDone();
  }
}
