// How much a process may write that nobody asked for: one thread reads all of them, and a flood of one must not slow the others.
export const REST_MS = 10;

/** More than calls can be given up at once, whose answers are owed to nobody any more. */
const LINES_PER_SECOND_MAX = 20_000;
const WINDOW_MS = 1_000;
/** Of what is no part of an answer, between two rests. */
const BYTES_AT_ONCE_MAX = 256 * 1024;

export class Unasked {
  readonly #answerBytesMax: number;
  readonly #nowMs: () => number;
  #windowMs = 0;
  #lines = 0;
  /** Since the last line that somebody asked for. */
  #bytes = 0;

  /** Up to `answerBytesMax` it may be an answer that is still coming in, and nobody's answer is to wait. */
  constructor(answerBytesMax: number, nowMs: () => number) {
    this.#answerBytesMax = answerBytesMax;
    this.#nowMs = nowMs;
  }

  /** So many bytes came in. */
  read(bytes: number): void {
    this.#bytes += bytes;
  }

  /** A line for somebody came in. */
  asked(): void {
    this.#bytes = 0;
  }

  /** A line for nobody, or of no sense, came in: why the process is to be ended, where it is. */
  unasked(): string | undefined {
    const nowMs = this.#nowMs();
    if (nowMs - this.#windowMs >= WINDOW_MS) {
      this.#windowMs = nowMs;
      this.#lines = 0;
    }
    this.#lines += 1;
    return this.#lines > LINES_PER_SECOND_MAX ? `it wrote more than ${LINES_PER_SECOND_MAX} lines in a second that nobody asked for` : undefined;
  }

  /** True: nothing is to be read for REST_MS. */
  takeRest(): boolean {
    if (this.#bytes <= this.#answerBytesMax + BYTES_AT_ONCE_MAX) return false;
    this.#bytes = this.#answerBytesMax;
    return true;
  }
}
