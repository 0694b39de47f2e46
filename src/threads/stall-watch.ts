// Sees a thread whose event loop stands still: each thread counts in shared memory while its loop turns, and the control thread looks.

const BEAT_MS = 250;

export function createBeats(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer(threads * Int32Array.BYTES_PER_ELEMENT);
}

/** In a gateway thread. */
export function keepBeating(beats: SharedArrayBuffer, index: number, every: (ms: number, tick: () => void) => () => void): () => void {
  const words = new Int32Array(beats);
  return every(BEAT_MS, () => void Atomics.add(words, index, 1));
}

export interface StallWatchOptions {
  readonly stallMs: number;
  readonly nowMs: () => number;
  readonly stalled: (index: number) => void;
  readonly recovered: (index: number) => void;
}

export class StallWatch {
  readonly everyMs = 2 * BEAT_MS;
  readonly #words: Int32Array;
  readonly #options: StallWatchOptions;
  readonly #seen: { beats: number; atMs: number; stalled: boolean }[];

  constructor(beats: SharedArrayBuffer, threads: number, options: StallWatchOptions) {
    this.#words = new Int32Array(beats);
    this.#options = options;
    this.#seen = Array.from({ length: threads }, () => ({ beats: 0, atMs: options.nowMs(), stalled: false }));
  }

  stalled(): number[] {
    return this.#seen.flatMap(({ stalled }, index) => (stalled ? [index] : []));
  }

  /** Another thread begins in this place. */
  begin(index: number): void {
    this.#seen[index] = { beats: Atomics.load(this.#words, index), atMs: this.#options.nowMs(), stalled: false };
  }

  look(runs: (index: number) => boolean): void {
    const nowMs = this.#options.nowMs();
    for (const [index, seen] of this.#seen.entries()) {
      const beats = Atomics.load(this.#words, index);
      if (beats !== seen.beats || !runs(index)) {
        seen.beats = beats;
        seen.atMs = nowMs;
        if (seen.stalled && runs(index)) this.#options.recovered(index);
        seen.stalled = false;
      } else if (!seen.stalled && nowMs - seen.atMs >= this.#options.stallMs) {
        seen.stalled = true;
        this.#options.stalled(index);
      }
    }
  }
}
