// The timer of all calls, on a clock that stands still until it is moved.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Timed, TimeWheel } from '../../../../src/upstream/h1/time-wheel.js';

const LATE_MS = 40; // two ticks

class Alarm extends Timed {
  rang: number[] = [];
  readonly #now: () => number;
  readonly #then: (() => void) | undefined;

  constructor(now: () => number, then?: () => void) {
    super();
    this.#now = now;
    this.#then = then;
  }

  onDue(): void {
    this.rang.push(this.#now());
    this.#then?.();
  }
}

function makeWheel(): { wheel: TimeWheel; now: () => number; passTo: (ms: number, stepMs?: number) => void } {
  let nowMs = 1234.5;
  const wheel = new TimeWheel(() => nowMs);
  const passTo = (ms: number, stepMs = 7): void => {
    while (nowMs < ms) {
      nowMs = Math.min(ms, nowMs + stepMs);
      wheel.turn();
    }
  };
  return { wheel, now: () => nowMs, passTo };
}

describe('the timer of all calls', () => {
  it('tells everyone once, never early and at most two ticks late, whatever the delay', () => {
    fc.assert(fc.property(fc.array(fc.double({ min: 0, max: 45_000, noNaN: true }), { minLength: 1, maxLength: 40 }), (delays) => {
      const { wheel, now, passTo } = makeWheel();
      const start = now();
      const alarms = delays.map((delayMs) => {
        const alarm = new Alarm(now);
        wheel.add(alarm, delayMs, start);
        return { alarm, dueMs: start + delayMs };
      });
      passTo(start + 50_000);
      for (const { alarm, dueMs } of alarms) {
        expect(alarm.rang).toHaveLength(1);
        expect(alarm.rang[0]).toBeGreaterThanOrEqual(dueMs);
        expect(alarm.rang[0]).toBeLessThanOrEqual(dueMs + LATE_MS);
      }
    }), { numRuns: 50 });
  });

  it('tells nobody who was taken out, and taking out twice is nothing', () => {
    const { wheel, now, passTo } = makeWheel();
    const [kept, taken] = [new Alarm(now), new Alarm(now)];
    wheel.add(kept, 100, now());
    wheel.add(taken, 100, now());
    wheel.remove(taken);
    wheel.remove(taken);
    passTo(now() + 500);
    expect([kept.rang.length, taken.rang.length]).toEqual([1, 0]);
  });

  it('lets whoever is told add himself again and take others out', () => {
    const { wheel, now, passTo } = makeWheel();
    const other = new Alarm(now);
    const again: Alarm = new Alarm(now, () => {
      wheel.remove(other);
      if (again.rang.length < 3) wheel.add(again, 30, now());
    });
    wheel.add(again, 50, now());
    wheel.add(other, 50, now());
    passTo(now() + 1000);
    expect(again.rang).toHaveLength(3);
    expect(other.rang).toHaveLength(0);
  });

  it('tells all when the thread stood still for longer than a turn', () => {
    const { wheel, now, passTo } = makeWheel();
    const alarms = [10, 5000, 15_000, 59_000, 61_000].map((delayMs) => {
      const alarm = new Alarm(now);
      wheel.add(alarm, delayMs, now());
      return alarm;
    });
    passTo(now() + 60_000, 60_000);
    expect(alarms.map((alarm) => alarm.rang.length)).toEqual([1, 1, 1, 1, 0]);
    passTo(now() + 2000);
    expect(alarms[4]?.rang).toHaveLength(1);
  });

  it('starts anew after it had nothing to wait for', () => {
    const { wheel, now, passTo } = makeWheel();
    const [first, second] = [new Alarm(now), new Alarm(now)];
    wheel.add(first, 10, now());
    passTo(now() + 100);
    passTo(now() + 100_000, 50_000);
    wheel.add(second, 10, now());
    passTo(now() + 100);
    expect([first.rang.length, second.rang.length]).toEqual([1, 1]);
  });
});
