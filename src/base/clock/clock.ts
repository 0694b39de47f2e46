// The clock everything is given, so that nothing reads time on its own.
import { performance } from 'node:perf_hooks'; // the global of that name is a getter, called anew each time

export interface Clock {
  /** Milliseconds since the epoch, whole. */
  nowMs(): number;
  /** Microseconds since the epoch. Goes on evenly, but where the system's clock is set: then it goes with it. */
  nowUs(): number;
  /** Monotonic milliseconds with a fraction, counted alike on every thread of the process; for durations only. */
  monotonicMs(): number;
}

/** The system tells whole milliseconds, and a thread may be held up between two looks: less than this is no other time. */
const SET_MS = 100;

/** `counted`: milliseconds since the epoch as the process began with it, and on with its own count, which no setting of the clock and no sleep of the machine moves. */
export function createWallClock(wallMs: () => number, counted: () => number): () => number {
  let aheadMs = 0;
  return () => {
    const countedMs = counted();
    const offMs = wallMs() - countedMs - aheadMs;
    if (offMs > SET_MS || offMs < -SET_MS) aheadMs += offMs;
    return Math.round((countedMs + aheadMs) * 1000);
  };
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  nowUs: createWallClock(() => Date.now(), () => performance.timeOrigin + performance.now()),
  monotonicMs: () => performance.now(),
};
