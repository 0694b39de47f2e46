// When a thread is late, for how long, and who is refused for it; the clock is the test's.
import { describe, expect, it } from 'vitest';
import { LoopLateness } from '../../../src/front/lateness.js';

const BEAT = 20_000;
function late(shedAfterMs: number) {
  let nowUs = 1_000_000;
  const lateness = new LoopLateness(shedAfterMs, () => nowUs);
  return {
    lateness,
    /** The next beat comes when it is due, and this much later. */
    beat(lateMs: number, times = 1): void {
      for (let i = 0; i < times; i++) {
        nowUs += BEAT + lateMs * 1000;
        lateness.beat();
      }
    },
    /** Whether a request is too late that the loop comes to this long after its last beat. */
    tooLate: (ms: number) => lateness.isTooLate(nowUs + ms * 1000),
  };
}

describe('a thread', () => {
  it('that is on time sheds nothing, however long a request takes to come', () => {
    const { beat, tooLate } = late(100);
    beat(0, 100);
    beat(100, 100);
    expect(tooLate(10_000)).toBe(false);
  });

  it('that is late once, for however long, sheds nothing', () => {
    const { beat, lateness } = late(100);
    beat(60_000);
    expect([lateness.shedding, lateness.lateUs]).toEqual([false, 60_000_000]);
    beat(0);
    beat(60_000);
    expect(lateness.shedding).toBe(false);
  });

  it('that is late for a whole interval sheds what waited longer than the target, and serves the rest', () => {
    const { beat, tooLate, lateness } = late(100);
    beat(101, 5);
    expect(lateness.shedding).toBe(false);
    beat(101);
    expect(lateness.shedding).toBe(true);
    expect([tooLate(0), tooLate(120), tooLate(121)]).toEqual([false, false, true]);
  });

  it('stops at the first beat that is on time, and needs a whole interval again', () => {
    const { beat, lateness } = late(100);
    beat(200, 10);
    expect(lateness.shedding).toBe(true);
    beat(100);
    expect(lateness.shedding).toBe(false);
    beat(200, 3);
    expect(lateness.shedding).toBe(false);
  });

  it('that takes in requests for a whole interval in one turn sheds the rest of that turn', () => {
    const { beat, tooLate, lateness } = late(100);
    beat(0);
    // After a standstill the first ones are no crowd.
    expect([5_000, 5_100, 5_500].map(tooLate)).toEqual([false, false, false]);
    expect([tooLate(5_501), lateness.shedding]).toEqual([true, true]);
    beat(5_600);
    expect([lateness.shedding, tooLate(1), tooLate(121)]).toEqual([true, false, true]);
    beat(0);
    expect(lateness.shedding).toBe(false);
  });

  it('told never to shed only says how late it is', () => {
    const { beat, tooLate, lateness } = late(0);
    beat(5_000, 50);
    expect([tooLate(0), tooLate(5_000), lateness.shedding, lateness.lateUs]).toEqual([false, false, false, 5_000_000]);
  });
});
