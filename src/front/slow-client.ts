// What a client has not taken yet of what was written to it. uWebSockets.js cuts such a connection ten seconds after the last write, whether or not the client reads; and once it is
// to tell when a response is writable, it sends on only with another write. So it is written to until all is taken, and cut by us where nothing is taken for too long.

/** Below the library's time, which it rounds down to steps of 4 s. */
export const PUSH_MS = 4_000;
/** A client that reads, however slowly, takes something in this time. */
export const TAKES_NOTHING_MS_MAX = 120_000;

export interface SlowClientParts {
  /** Writes something, or goes on with what is left: true = the client has taken all. */
  readonly push: () => boolean;
  /** All is taken. */
  readonly taken: () => void;
  readonly cut: () => void;
}

export class SlowClient {
  readonly #parts: SlowClientParts;
  readonly #takesNothingMsMax: number;
  #timer: NodeJS.Timeout | undefined = undefined;
  #nothingMs = 0;

  constructor(parts: SlowClientParts, takesNothingMsMax = TAKES_NOTHING_MS_MAX) {
    this.#parts = parts;
    this.#takesNothingMsMax = takesNothingMsMax;
  }

  get waits(): boolean {
    return this.#timer !== undefined;
  }

  /** Something was not taken whole. */
  hold(): void {
    if (this.#timer !== undefined) return;
    this.#nothingMs = 0;
    this.#timer = setInterval(() => this.#tick(), PUSH_MS).unref();
  }

  /** The library can send again: the client has taken some of it. */
  writable(): void {
    this.#nothingMs = 0;
    if (this.waits) this.#push();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    this.#nothingMs += PUSH_MS;
    if (this.#nothingMs < this.#takesNothingMsMax) return this.#push();
    this.#parts.cut(); // while it waits: whoever hears of the end looks
    this.stop();
  }

  #push(): void {
    if (!this.#parts.push()) return;
    this.stop();
    this.#parts.taken();
  }
}
