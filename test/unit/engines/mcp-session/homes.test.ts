// Sign-posts to the threads that have sessions: right or absent, and never more than there is room for.
import { describe, expect, it } from 'vitest';
import { createHomesMemory, SessionHomes } from '../../../../src/engines/mcp-session/homes.js';
import { NOBODY } from '../../../../src/engines/mcp-session/places.js';

describe('the home of a session', () => {
  it('is the thread that took it last, until that one leaves it', () => {
    const memory = createHomesMemory(16);
    const [first, second] = [new SessionHomes(memory, 2), new SessionHomes(memory, 3)];
    expect(first.ownerOf('s')).toBe(NOBODY);
    first.settle('s');
    second.settle('s');
    expect([first.ownerOf('s'), second.ownerOf('t')]).toEqual([3, NOBODY]);
    first.leave('s');
    expect(first.ownerOf('s')).toBe(3);
    second.leave('s');
    expect([first.ownerOf('s'), first.table.size]).toEqual([NOBODY, 0]);
  });

  it('is nowhere when its thread has ended; those of others stay', () => {
    const memory = createHomesMemory(16);
    const [first, second] = [new SessionHomes(memory, 2), new SessionHomes(memory, 3)];
    first.settle('a');
    first.settle('b');
    second.settle('c');
    second.leaveAllOf(2);
    expect(['a', 'b', 'c'].map((id) => second.ownerOf(id))).toEqual([NOBODY, NOBODY, 3]);
  });

  it('is not known where there is no room', () => {
    const homes = new SessionHomes(createHomesMemory(8), 2);
    for (let n = 0; n < 100; n++) homes.settle(`s${n}`);
    expect(homes.table.size).toBeLessThanOrEqual(16);
    expect([homes.ownerOf('s0'), homes.ownerOf('s99')]).toEqual([2, NOBODY]);
  });
});
