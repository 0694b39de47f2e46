// The memory that large messages are copied into for the scan pool: shared with its threads, and used again. Were it made anew for each message, V8 would
// collect the whole heap for every few of them, and every other call waits meanwhile.

/** Kept for the next messages at most: four of ten megabytes. */
const KEPT_BYTES_MAX = 48 * 1024 * 1024;
/** Sizes are rounded up, so that messages of about one size share their slots. */
const STEP_BYTES = 64 * 1024;

export class ScanSlots {
  #free: SharedArrayBuffer[] = [];
  #freeBytes = 0;

  /** A copy of `bytes`, in a slot that nobody else has until it is given back. */
  copy(bytes: Uint8Array): Uint8Array<SharedArrayBuffer> {
    const view = new Uint8Array(this.#take(bytes.length), 0, bytes.length);
    view.set(bytes);
    return view;
  }

  /** Only where it is certain that no thread reads it any more. */
  giveBack({ buffer }: Uint8Array<SharedArrayBuffer>): void {
    if (this.#freeBytes + buffer.byteLength > KEPT_BYTES_MAX) return;
    this.#free.push(buffer);
    this.#freeBytes += buffer.byteLength;
  }

  /** The smallest that is large enough, else a new one. */
  #take(length: number): SharedArrayBuffer {
    const fitting = this.#free.filter((slot) => slot.byteLength >= length);
    const smallest = fitting.reduce<SharedArrayBuffer | undefined>((best, slot) => (best === undefined || slot.byteLength < best.byteLength ? slot : best), undefined);
    if (smallest === undefined) return new SharedArrayBuffer(Math.max(1, Math.ceil(length / STEP_BYTES)) * STEP_BYTES);
    this.#free = this.#free.filter((slot) => slot !== smallest);
    this.#freeBytes -= smallest.byteLength;
    return smallest;
  }
}
