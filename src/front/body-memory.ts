// Memory of large bodies, used again. For every 10 to 64 MB of new memory the engine marks its whole heap: that was a third of what a body cost.
import { whenUnused } from '../base/clock/timers.js';
import { moveBuffer } from '../base/native/external-memory.js';

/** Smaller bodies are not worth the way here. */
export const LARGE_BODY_BYTES = 16 * 1024;
export const KEPT_BODY_BYTES_MAX = 64 * 1024 * 1024;
const GRAIN_BYTES = 16 * 1024;
/** A body leaves at most as much of its memory unused as it has itself. */
const SLACK_FACTOR = 2;
const KEPT_UNUSED_MS = 10_000;

export class BodyMemory {
  readonly #keptBytesMax: number;
  /** The one used last is the last. */
  readonly #kept: ArrayBuffer[] = [];
  #keptBytes = 0;
  /** Memory that nobody asks for is not kept. */
  readonly #used = whenUnused(KEPT_UNUSED_MS, () => {
    this.#kept.length = 0;
    this.#keptBytes = 0;
  });

  constructor(keptBytesMax = KEPT_BODY_BYTES_MAX) {
    this.#keptBytesMax = keptBytesMax;
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** `bytes` of memory, with whatever was there. */
  take(bytes: number): Buffer {
    if (bytes < LARGE_BODY_BYTES) return Buffer.allocUnsafeSlow(bytes);
    const at = this.#kept.findLastIndex(({ byteLength }) => byteLength >= bytes && byteLength <= bytes * SLACK_FACTOR + GRAIN_BYTES);
    const [known] = at === -1 ? [] : this.#kept.splice(at, 1);
    if (known === undefined) return Buffer.allocUnsafeSlow(Math.ceil(bytes / GRAIN_BYTES) * GRAIN_BYTES).subarray(0, bytes);
    this.#keptBytes -= known.byteLength;
    return Buffer.from(known, 0, bytes);
  }

  /**
   * Takes back what `take` gave. It is detached first: whatever view of it is left somewhere is empty from now on, and never shows another's body.
   * Only where nothing outside of JavaScript reads from it any more.
   */
  giveBack({ buffer }: Uint8Array): void {
    if (!(buffer instanceof ArrayBuffer) || buffer.byteLength < LARGE_BODY_BYTES) return;
    const own = moveBuffer(buffer);
    this.#kept.push(own);
    this.#keptBytes += own.byteLength;
    while (this.#keptBytes > this.#keptBytesMax) this.#keptBytes -= this.#kept.shift()?.byteLength ?? 0;
    this.#used();
  }
}
