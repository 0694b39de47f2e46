// How long a gateway thread that ended stays away: at first not at all, and ever longer while it keeps ending.

const STABLE_MS = 60_000; // who ran this long has another reason than last time
const FIRST_WAIT_MS = 1000;
const WAIT_MAX_MS = 30_000;

export class RestartPace {
  restarts = 0;
  readonly #nowMs: () => number;
  readonly #ends = new Map<number, { count: number; atMs: number }>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** How long to wait before the next start. */
  ended(index: number): number {
    this.restarts += 1;
    const nowMs = this.#nowMs();
    const last = this.#ends.get(index);
    const count = last === undefined || nowMs - last.atMs > STABLE_MS ? 0 : last.count + 1;
    this.#ends.set(index, { count, atMs: nowMs });
    return count === 0 ? 0 : Math.min(WAIT_MAX_MS, FIRST_WAIT_MS * 2 ** (count - 1));
  }
}
