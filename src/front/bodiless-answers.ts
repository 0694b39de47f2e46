// Of an answer without a body uWebSockets.js does not tell whether it is taken: a client that asks on and never reads would have them pile up without end.

/** A thread's, for probes and preflights; a further one ends its connection, which a client that reads opens again. */
const KEPT_A_MINUTE = 100;
const US_PER_MINUTE = 60_000_000;

export class BodilessAnswers {
  readonly #nowUs: () => number;
  #minute = 0;
  #kept = 0;

  constructor(nowUs: () => number) {
    this.#nowUs = nowUs;
  }

  /** Whether one more leaves its connection open. */
  keep(): boolean {
    const minute = Math.floor(this.#nowUs() / US_PER_MINUTE);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#kept = 0;
    }
    this.#kept += 1;
    return this.#kept <= KEPT_A_MINUTE;
  }
}
