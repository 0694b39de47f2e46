// How many were taken in this second, by all threads together: one word of shared memory.

/** The word: the second, of which the last 12 bits tell it from its neighbours, and above a million taken in it. */
const TAKEN_BITS = 20;
const TAKEN_MASK = 2 ** TAKEN_BITS - 1;
const SECONDS = 2 ** (32 - TAKEN_BITS);
const MS_PER_SECOND = 1000;

export function createSecondMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
}

export class SecondCount {
  readonly #word: Int32Array;

  constructor(memory = createSecondMemory()) {
    this.#word = new Int32Array(memory);
  }

  /** False = so many as `most` were taken. `most`: at most a million. */
  take(most: number, nowMs: number): boolean {
    const second = Math.floor(nowMs / MS_PER_SECOND) % SECONDS;
    for (;;) {
      const seen = Atomics.load(this.#word, 0);
      const counted = seen >>> TAKEN_BITS;
      // Another thread may have looked at the clock just after this one, past the second's end: its count is not begun anew.
      const goesOn = counted === second || counted === (second + 1) % SECONDS;
      const taken = goesOn ? seen & TAKEN_MASK : 0;
      if (taken >= most) return false;
      const next = ((goesOn ? counted : second) << TAKEN_BITS) | (taken + 1);
      if (Atomics.compareExchange(this.#word, 0, seen, next) === seen) return true;
    }
  }
}
