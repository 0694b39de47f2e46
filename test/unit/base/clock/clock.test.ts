// The system's clock: units and direction.
import { describe, expect, it } from 'vitest';
import { createWallClock, systemClock } from '../../../../src/base/clock/clock.js';

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

describe('the time of records', () => {
  const HOUR_MS = 3_600_000;
  const startedMs = 1_700_000_000_000;

  it('goes with the clock where it is set, by its own finer count in between', () => {
    const at = { wall: startedMs, counted: startedMs };
    const nowUs = createWallClock(() => at.wall, () => at.counted);
    const pass = (ms: number): number => {
      at.wall = Math.floor(at.wall + ms);
      at.counted += ms;
      return nowUs();
    };
    expect(pass(1.25)).toBe((startedMs + 1.25) * 1000);
    at.wall += HOUR_MS; // as after a sleep of the machine
    expect(pass(1)).toBe(at.wall * 1000);
    expect(pass(0.5)).toBe(at.wall * 1000 + 500);
    at.wall -= 2 * HOUR_MS;
    expect(pass(1)).toBe(at.wall * 1000);
  });

  it('does not jump because a thread was held up between two looks', () => {
    const at = { wall: startedMs, counted: startedMs };
    const nowUs = createWallClock(() => at.wall, () => at.counted);
    at.wall += 50;
    expect(nowUs()).toBe(startedMs * 1000);
  });
});
