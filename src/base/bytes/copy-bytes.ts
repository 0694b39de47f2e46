// Copies a piece of a text that may be one of millions.

/** Up to here a loop is faster than the view that `set` needs. */
const LOOPED_BYTES_MAX = 64;

/** Copies bytes[from, to) to `out` at `at`; where the next goes. */
export function copyBytes(out: Uint8Array, at: number, bytes: Uint8Array, from: number, to: number): number {
  if (to - from > LOOPED_BYTES_MAX) out.set(bytes.subarray(from, to), at);
  else for (let n = from; n < to; n += 1) out[at + n - from] = bytes[n] ?? 0;
  return at + to - from;
}
