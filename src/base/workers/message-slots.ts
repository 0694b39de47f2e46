// The memory that messages are copied into for a worker pool: shared with its threads, and used again. V8 does not count shared memory, so what was made anew for each
// message would lie there until something else has it collect; and counted, it would have the whole heap collected for every few messages.
import { whenUnused } from '../../base/clock/timers.js';

/** Sizes are rounded up, so that messages of about one size share their slots. */
const STEP_BYTES = 64 * 1024;
const KEPT_UNUSED_MS = 10_000;

/** Slots are made where none fits, and kept while messages come: as many as the pool's threads had under way at once, of the sizes they had. */
export class MessageSlots {
  readonly #free: SharedArrayBuffer[] = [];
  readonly #used = whenUnused(KEPT_UNUSED_MS, () => {
    this.#free.length = 0;
  });

  /** A copy of `bytes`, in a slot that nobody else has until it is given back. */
  copy(bytes: Uint8Array): Uint8Array<SharedArrayBuffer> {
    const view = new Uint8Array(this.#take(bytes.length), 0, bytes.length);
    view.set(bytes);
    return view;
  }

  /** Only where it is certain that no thread reads it any more. */
  giveBack({ buffer }: Uint8Array<SharedArrayBuffer>): void {
    this.#free.push(buffer);
    this.#used();
  }

  /** The smallest that is large enough, else a new one instead of the largest: it serves whatever that one did. */
  #take(length: number): SharedArrayBuffer {
    this.#free.sort((one, other) => one.byteLength - other.byteLength);
    const fitting = this.#free.findIndex((slot) => slot.byteLength >= length);
    const [taken] = this.#free.splice(fitting, 1); // -1: the last
    return taken !== undefined && fitting >= 0 ? taken : new SharedArrayBuffer(Math.max(1, Math.ceil(length / STEP_BYTES)) * STEP_BYTES);
  }
}
