// How long a process that ended stays away, also where the clock is set meanwhile.
import { expect, it } from 'vitest';
import { BackOff } from '../../../../src/upstream/stdio/back-off.js';

const HOUR_MS = 3_600_000;

it('rests until its wait is over, and not for the hour that the clock was set back by', () => {
  const backOff = new BackOff();
  expect(backOff.rests(HOUR_MS)).toBe(false);
  const waitMs = backOff.ended(HOUR_MS, HOUR_MS);
  expect([HOUR_MS, HOUR_MS + waitMs - 1, HOUR_MS + waitMs].map((ms) => backOff.rests(ms))).toEqual([true, true, false]);
  expect(backOff.rests(0)).toBe(false);
});
