// Long work in pieces: at once, or in several turns of the event loop, so that calls that wait for the thread get theirs in between.
import { setImmediate } from 'node:timers/promises';

/** Yields after each piece how many bytes it was. */
export type Pieces<T> = Generator<number, T, undefined>;

const TURN_BYTES = 64 * 1024; // to hash them takes some milliseconds, ten where a server means harm

export function atOnce<T>(work: Pieces<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/** The first turn is now, before it returns. What the work throws rejects. */
export async function inTurns<T>(work: Pieces<T>, turnBytes = TURN_BYTES): Promise<T> {
  let bytes = 0;
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    bytes += step.value;
    if (bytes < turnBytes) continue;
    bytes = 0;
    await setImmediate();
  }
}
