// The system's clock: units and direction.
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock/clock.js';

describe('the system clock', () => {
  it('counts whole milliseconds and microseconds of one epoch', () => {
    expect(Number.isInteger(systemClock.nowMs())).toBe(true);
    expect(Number.isInteger(systemClock.nowUs())).toBe(true);
    expect(String(systemClock.nowUs()).length - String(systemClock.nowMs()).length).toBe(3);
  });

  it('never goes back where it measures durations', () => {
    let last = systemClock.monotonicMs();
    for (let i = 0; i < 10_000; i++) {
      const now = systemClock.monotonicMs();
      expect(now).toBeGreaterThanOrEqual(last);
      last = now;
    }
  });
});
