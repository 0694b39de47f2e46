// What answers hold together: who reads on above the bound, who waits, and who goes on when there is room.
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { AnswerMemory, READ_BYTES } from '../../../src/terminals/answer-memory.js';

const BOUND = 10 * READ_BYTES;

function rig(count: number, serverOf: (room: number) => string = () => 'a') {
  const memory = new AnswerMemory(BOUND);
  const rooms = Array.from({ length: count }, (_, n) => memory.room(serverOf(n), () => undefined));
  const [one, two, three] = rooms as [typeof rooms[0] & object, typeof rooms[0] & object, typeof rooms[0] & object];
  return { memory, one, two, three, waiting: () => rooms.map(({ waits }) => waits) };
}

describe('answers above the bound', () => {
  it('wait but for the one that has held room longest, and go on in its place when it has ended', async () => {
    const { memory, one, two, three, waiting } = rig(3);
    for (const room of [one, two, three]) room.holds(4 * READ_BYTES);
    expect(waiting()).toEqual([false, false, true]);
    two.holds(5 * READ_BYTES);
    one.holds(20 * READ_BYTES);
    expect([waiting(), memory.bytes]).toEqual([[false, true, true], 29 * READ_BYTES]);
    one.holds(0);
    await turn();
    expect([waiting(), memory.bytes]).toEqual([[false, false, false], 9 * READ_BYTES]);
    expect([one.hasWaited, two.hasWaited, three.hasWaited]).toEqual([false, true, true]);
  });

  it('of one server do not hold up those of another', async () => {
    const { one, two, three, waiting } = rig(3, (n) => (n < 2 ? 'drips' : 'well'));
    one.holds(BOUND);
    two.holds(READ_BYTES);
    three.holds(READ_BYTES);
    three.holds(2 * READ_BYTES);
    expect(waiting()).toEqual([false, true, false]);
    three.holds(0);
    await turn();
    expect(waiting()).toEqual([false, true, false]);
  });

  it('go on only as many as find room', async () => {
    const { one, two, three, waiting } = rig(3);
    one.holds(BOUND);
    two.holds(READ_BYTES);
    three.holds(BOUND);
    one.holds(0);
    await turn();
    expect(waiting()).toEqual([false, false, true]);
    two.holds(0);
    await turn();
    expect(waiting()).toEqual([false, false, false]);
  });

  it('do not wait for one whose client stalls, nor for what is left by one that waited', async () => {
    const { memory, one, two, three, waiting } = rig(3);
    one.holds(BOUND);
    two.holds(READ_BYTES);
    three.holds(READ_BYTES);
    one.stall(true);
    await turn();
    expect(waiting()).toEqual([false, false, true]);
    two.holds(0);
    await turn();
    expect(waiting()).toEqual([false, false, false]);
    one.stall(false);
    one.holds(BOUND + 1);
    expect(waiting()).toEqual([true, false, false]);
    three.holds(0);
    one.holds(0);
    await turn();
    expect([waiting(), memory.bytes]).toEqual([[false, false, false], 0]);
  });
});
