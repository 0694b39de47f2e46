// Slots are used again, never by two messages at one time, and only so many are kept.
import { expect, it, vi } from 'vitest';
import { MessageSlots } from '../../../../src/base/workers/message-slots.js';

const MIB = 1024 * 1024;
const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);

it('a slot that was given back is used again, and shows nothing of what it held', () => {
  const slots = new MessageSlots();
  const first = slots.copy(filled(100_000, 7));
  slots.giveBack(first);
  const second = slots.copy(filled(500, 8));
  expect(second.buffer).toBe(first.buffer);
  expect([second.length, [...new Set(second)]]).toEqual([500, [8]]);
});

it('what is under way keeps its slot, and a copy outlives what it was made of', () => {
  const slots = new MessageSlots();
  const source = filled(1000, 1);
  const [one, other] = [slots.copy(source), slots.copy(filled(1000, 2))];
  source.fill(9);
  expect(one.buffer).not.toBe(other.buffer);
  expect([...new Set(one), ...new Set(other)]).toEqual([1, 2]);
});

it('the smallest that is large enough is taken', () => {
  const slots = new MessageSlots();
  const [large, small] = [slots.copy(filled(MIB, 1)), slots.copy(filled(1000, 1))];
  slots.giveBack(large);
  slots.giveBack(small);
  expect(slots.copy(filled(2000, 2)).buffer).toBe(small.buffer);
  expect(slots.copy(filled(MIB - 5, 2)).buffer).toBe(large.buffer);
});

it('an empty message has its copy, too', () => {
  expect(new MessageSlots().copy(new Uint8Array(0))).toHaveLength(0);
});

it('a new one takes the place of the largest: many small messages at once do not make as many large ones', () => {
  const slots = new MessageSlots();
  for (const one of Array.from({ length: 15 }, () => slots.copy(filled(20_000, 1)))) slots.giveBack(one);
  for (let bytes = 100_000; bytes < 3 * MIB; bytes += 100_000) slots.giveBack(slots.copy(filled(bytes, 1)));
  const held = Array.from({ length: 15 }, () => slots.copy(filled(20_000, 1)));
  expect(held.reduce((sum, { buffer }) => sum + buffer.byteLength, 0)).toBeLessThan(5 * MIB);
});

it('they are let go after a while in which no message came', () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  try {
    const slots = new MessageSlots();
    const first = slots.copy(filled(1000, 1));
    slots.giveBack(first);
    vi.advanceTimersByTime(10_000);
    const again = slots.copy(filled(1000, 1));
    expect(again.buffer).toBe(first.buffer);
    slots.giveBack(again);
    vi.advanceTimersByTime(20_000);
    expect([slots.copy(filled(1000, 1)).buffer === first.buffer, vi.getTimerCount()]).toEqual([false, 0]);
  } finally {
    vi.useRealTimers();
  }
});

it('no more are there than were under way at once, whatever sizes come', () => {
  const slots = new MessageSlots();
  const seen = new Set<SharedArrayBuffer>();
  for (let round = 0; round < 50; round++) {
    const held = Array.from({ length: 3 }, (_, n) => slots.copy(filled(((round * 7 + n * 3) % 11) * 100_000, 1)));
    expect(new Set(held.map(({ buffer }) => buffer)).size).toBe(3);
    for (const one of held) slots.giveBack(one);
    if (round > 10) for (const { buffer } of held) seen.add(buffer);
  }
  expect(seen.size).toBe(3); // made once, for the largest that came
});
