// How late this thread's event loop comes round, and whether newcomers must be refused now instead of queued (after CoDel, RFC 8289).
// The queue is the kernel's: requests lie in their sockets until the loop comes to them. What it can't serve in time must be said early.

/** How often the loop is looked at; a wake-up costs an idle thread a few microseconds. */
const BEAT_MS = 20;
/** A loop that was late for less than this was busy with one thing (a collection, a policy being swapped), not overloaded. */
const INTERVAL_MS = 500;
const US_PER_MS = 1000;
const BEAT_US = BEAT_MS * US_PER_MS;
const INTERVAL_US = INTERVAL_MS * US_PER_MS;

export class LoopLateness {
  readonly #targetUs: number;
  readonly #nowUs: () => number;
  /** When the next beat is due. Under load that is soon after the loop's present turn began. */
  #dueUs: number;
  #lateSinceUs = 0;
  /** When the first request of this turn was taken in; 0 = none was. */
  #firstUs = 0;
  #timer: NodeJS.Timeout | undefined;
  /** The loop has been late at every beat of an interval. */
  shedding = false;
  /** By how much the last beat was late. */
  lateUs = 0;

  /** `shedAfterMs` 0 = never. `nowUs` in microseconds, monotonic. */
  constructor(shedAfterMs: number, nowUs: () => number) {
    this.#targetUs = shedAfterMs * US_PER_MS;
    this.#nowUs = nowUs;
    this.#dueUs = nowUs() + BEAT_US;
  }

  start(): void {
    this.#dueUs = this.#nowUs() + BEAT_US;
    this.#timer = setInterval(() => this.beat(), BEAT_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.shedding = false;
  }

  beat(): void {
    const nowUs = this.#nowUs();
    this.lateUs = Math.max(0, nowUs - this.#dueUs);
    this.#dueUs = nowUs + BEAT_US;
    this.#firstUs = 0;
    if (this.#targetUs === 0 || this.lateUs <= this.#targetUs) {
      this.#lateSinceUs = 0;
      this.shedding = false;
    } else if (this.#lateSinceUs === 0) this.#lateSinceUs = nowUs;
    else if (nowUs - this.#lateSinceUs >= INTERVAL_US) this.shedding = true;
  }

  /**
   * Whether a request that the loop comes to now has waited too long. While shedding, each turn of the loop takes in what fits into the target
   * and refuses the rest: the thread stays busy with what it admitted, and what it admitted is answered in a few turns.
   */
  isTooLate(nowUs: number): boolean {
    // One turn may be all it takes: a thousand dear calls that were ready when it began.
    if (this.#firstUs === 0) this.#firstUs = nowUs;
    else if (nowUs - this.#firstUs > INTERVAL_US && this.#targetUs > 0) this.shedding = true;
    return this.shedding && nowUs > this.#dueUs + this.#targetUs;
  }
}
