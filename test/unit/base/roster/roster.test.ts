// What is busy stays, what is idle is forgotten, and the table follows what is busy.
import { describe, expect, it } from 'vitest';
import { Roster } from '../../../../src/base/roster/roster.js';

describe('a roster', () => {
  const make = () => new Roster((key) => ({ key, busy: 0 }), (entry) => entry.busy === 0);

  it('finds again what it made', () => {
    const roster = make();
    expect(roster.of('a')).toBe(roster.of('a'));
    expect(roster.of('b').key).toBe('b');
  });

  it('never forgets who is busy, whoever else comes', () => {
    const roster = make();
    const own = roster.of('own');
    own.busy = 1;
    for (let i = 0; i < 100_000; i++) roster.of(`stranger-${i}`);
    expect(roster.of('own')).toBe(own);
    expect(roster.size).toBeLessThanOrEqual(4097);
  });

  it('grows no further than twice what is busy', () => {
    const roster = make();
    for (let i = 0; i < 10_000; i++) roster.of(`busy-${i}`).busy = 1;
    for (let i = 0; i < 100_000; i++) roster.of(`stranger-${i}`);
    expect(roster.size).toBeLessThanOrEqual(2 * 10_000 + 4096);
  });
});
