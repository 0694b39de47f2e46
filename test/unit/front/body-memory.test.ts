// Memory of large bodies: used again, never seen by two, bounded, and let go when nobody asks for it.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BodyMemory, LARGE_BODY_BYTES } from '../../../src/front/body-memory.js';

const MIB = 1024 * 1024;

describe('memory of large bodies', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
  afterEach(() => void vi.useRealTimers());

  it('is used again, and every view of it from before is empty', () => {
    const memory = new BodyMemory();
    const first = memory.take(100_000);
    const part = first.subarray(10, 20);
    first.fill('a');
    memory.giveBack(first);
    const second = memory.take(90_000);
    expect([second.length, second.toString('latin1', 0, 3)]).toEqual([90_000, 'aaa']);
    expect([first.length, part.length, first.buffer.byteLength]).toEqual([0, 0, 0]);
    expect(memory.take(90_000).buffer).not.toBe(second.buffer);
  });

  it('is not given for a body that would leave most of it unused, nor for one that does not fit', () => {
    const memory = new BodyMemory();
    memory.giveBack(memory.take(4 * MIB));
    expect(memory.take(4 * MIB + 1).buffer.byteLength).toBeGreaterThan(4 * MIB);
    expect(memory.take(LARGE_BODY_BYTES).buffer.byteLength).toBe(LARGE_BODY_BYTES);
    expect(memory.keptBytes).toBe(4 * MIB);
    expect(memory.take(2 * MIB).buffer.byteLength).toBe(4 * MIB);
    expect(memory.keptBytes).toBe(0);
  });

  it('is bounded: what was kept longest goes first', () => {
    const memory = new BodyMemory(3 * MIB);
    const taken = ['x', 'y', 'z', 'w'].map((letter) => memory.take(MIB).fill(letter));
    for (const body of taken) memory.giveBack(body);
    expect(memory.keptBytes).toBe(3 * MIB);
    expect(Array.from({ length: 3 }, () => memory.take(MIB).toString('latin1', 0, 1))).toEqual(['w', 'z', 'y']);
    memory.giveBack(memory.take(4 * MIB));
    expect(memory.keptBytes).toBe(0);
  });

  it('is let go after a while in which no large body came', () => {
    const memory = new BodyMemory();
    memory.giveBack(memory.take(MIB));
    vi.advanceTimersByTime(10_000);
    expect(memory.keptBytes).toBe(MIB);
    vi.advanceTimersByTime(10_000);
    expect([memory.keptBytes, vi.getTimerCount()]).toEqual([0, 0]);
    memory.giveBack(memory.take(MIB));
    expect(vi.getTimerCount()).toBe(1);
  });
});

describe('memory of small bodies', () => {
  it('is not kept, and stays whose it was', () => {
    const memory = new BodyMemory();
    const small = memory.take(LARGE_BODY_BYTES - 1).fill('a');
    memory.giveBack(small);
    expect([memory.keptBytes, small.length, small.buffer.byteLength]).toEqual([0, LARGE_BODY_BYTES - 1, LARGE_BODY_BYTES - 1]);
  });
});
