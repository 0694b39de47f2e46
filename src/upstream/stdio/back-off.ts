// How long a process that ended stays away: ever longer while it keeps ending, and from the beginning again once it has stayed up.

const STABLE_MS = 60_000; // who ran this long has another reason than last time
const FIRST_WAIT_MS = 500;
const WAIT_MAX_MS = 30_000;

export class BackOff {
  #notBeforeMs = 0;
  #count = 0;

  /** It is not started now. No wait is longer than the longest: what seems to be was worked out before the clock was set back. */
  rests(nowMs: number): boolean {
    return this.#notBeforeMs > nowMs && this.#notBeforeMs - nowMs <= WAIT_MAX_MS;
  }

  /** How long to wait before the next start. */
  ended(startedMs: number, nowMs: number): number {
    this.#count = nowMs - startedMs >= STABLE_MS ? 1 : this.#count + 1;
    const waitMs = Math.min(WAIT_MAX_MS, FIRST_WAIT_MS * 2 ** (this.#count - 1));
    this.#notBeforeMs = nowMs + waitMs;
    return waitMs;
  }
}
