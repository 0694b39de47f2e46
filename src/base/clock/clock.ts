// The clock everything is given, so that nothing reads time on its own.
import { performance } from 'node:perf_hooks'; // the global of that name is a getter, called anew each time

export interface Clock {
  /** Milliseconds since the epoch, whole. */
  nowMs(): number;
  /** Microseconds since the epoch. */
  nowUs(): number;
  /** Monotonic milliseconds with a fraction; for durations only. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  nowUs: () => Math.round((performance.timeOrigin + performance.now()) * 1000),
  monotonicMs: () => performance.now(),
};
