// One entry per key for as long as it is busy: what counts requests under way by address or by caller.

/** Idle entries kept before the first look for them: making one anew for every request would cost more than keeping a few thousand. */
const IDLE_KEPT_MAX = 4096;

/** Entries are found or made; idle ones are forgotten in sweeps, so that a lookup is all that a request costs. Holds at most twice what is busy, and `IDLE_KEPT_MAX` more. */
export class Roster<Entry> {
  readonly #make: (key: string) => Entry;
  readonly #isIdle: (entry: Entry) => boolean;
  readonly #entries = new Map<string, Entry>();
  #sweepAt = IDLE_KEPT_MAX;

  constructor(make: (key: string) => Entry, isIdle: (entry: Entry) => boolean) {
    this.#make = make;
    this.#isIdle = isIdle;
  }

  get size(): number {
    return this.#entries.size;
  }

  of(key: string): Entry {
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    if (this.#entries.size >= this.#sweepAt) this.#sweep();
    const entry = this.#make(key);
    this.#entries.set(key, entry);
    return entry;
  }

  /** The next sweep comes when the table has doubled, so that a table of busy entries is not walked for every newcomer. */
  #sweep(): void {
    for (const [key, entry] of this.#entries) {
      if (this.#isIdle(entry)) this.#entries.delete(key);
    }
    this.#sweepAt = Math.max(IDLE_KEPT_MAX, 2 * this.#entries.size);
  }
}
