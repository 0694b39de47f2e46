// A client that takes what was written late: written to until it has all, cut where it takes nothing.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PUSH_MS, SlowClient, TAKES_NOTHING_MS_MAX } from '../../../src/front/slow-client.js';

beforeEach(() => { vi.useFakeTimers(); });
afterEach(() => { vi.useRealTimers(); });

function client(max?: number) {
  const state = { takes: false, pushes: 0, taken: 0, cuts: 0, waitedWhenCut: false };
  const slow = new SlowClient({
    push: () => {
      state.pushes += 1;
      return state.takes;
    },
    taken: () => { state.taken += 1; },
    cut: () => {
      state.cuts += 1;
      state.waitedWhenCut = slow.waits;
    },
  }, max);
  return { state, slow };
}

describe('a client that takes what was written late', () => {
  it('is written to before the library would cut it, until all is taken', () => {
    const { state, slow } = client();
    expect(slow.waits).toBe(false);
    slow.hold();
    slow.hold();
    vi.advanceTimersByTime(3 * PUSH_MS);
    expect([state.pushes, slow.waits]).toEqual([3, true]);
    state.takes = true;
    vi.advanceTimersByTime(PUSH_MS);
    expect([state.pushes, state.taken, slow.waits]).toEqual([4, 1, false]);
    vi.advanceTimersByTime(10 * PUSH_MS);
    expect([state.pushes, state.taken, state.cuts]).toEqual([4, 1, 0]);
  });

  it('gets the rest as soon as there is room for it', () => {
    const { state, slow } = client();
    slow.writable();
    expect(state.pushes).toBe(0);
    slow.hold();
    slow.writable();
    state.takes = true;
    slow.writable();
    slow.writable();
    expect([state.pushes, state.taken]).toEqual([2, 1]);
  });

  it('is never cut while it takes something now and then', () => {
    const { state, slow } = client();
    slow.hold();
    for (let times = 0; times < 100; times++) {
      vi.advanceTimersByTime(TAKES_NOTHING_MS_MAX - PUSH_MS);
      slow.writable();
    }
    expect([state.cuts, slow.waits]).toEqual([0, true]);
  });

  it('is cut once where it takes nothing for too long', () => {
    const { state, slow } = client(3 * PUSH_MS);
    slow.hold();
    vi.advanceTimersByTime(2 * PUSH_MS);
    expect(state.cuts).toBe(0);
    vi.advanceTimersByTime(10 * PUSH_MS);
    expect([state.cuts, state.taken, state.pushes, slow.waits, state.waitedWhenCut]).toEqual([1, 0, 2, false, true]);
  });

  it('that is gone is written to no more', () => {
    const { state, slow } = client();
    slow.hold();
    slow.stop();
    vi.advanceTimersByTime(TAKES_NOTHING_MS_MAX * 2);
    slow.writable();
    expect([state.pushes, state.cuts, slow.waits]).toEqual([0, 0, false]);
  });
});
