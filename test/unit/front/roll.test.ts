// The roll against a Set that does the same.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OFF_ROLL, Roll, type RollMember } from '../../../src/front/roll.js';

describe('a roll', () => {
  it('holds whom a set would hold', () => {
    fc.assert(fc.property(fc.array(fc.nat({ max: 9 }), { maxLength: 60 }), (steps) => {
      const members: RollMember[] = Array.from({ length: 10 }, () => ({ place: OFF_ROLL }));
      const roll = new Roll<RollMember>();
      const set = new Set<RollMember>();
      for (const member of steps.flatMap((step) => members[step] ?? [])) {
        if (set.delete(member)) roll.remove(member);
        else {
          set.add(member);
          roll.add(member);
        }
        expect(roll.size).toBe(set.size);
        expect(roll.all().every((one) => set.has(one))).toBe(true);
      }
      for (const member of members) {
        roll.remove(member);
        roll.remove(member);
      }
      expect(roll.size).toBe(0);
    }));
  });
  it('may be left while it is walked', () => {
    const roll = new Roll<RollMember>();
    for (let i = 0; i < 5; i++) roll.add({ place: OFF_ROLL });
    const seen = new Set<RollMember>();
    for (const member of roll.all()) {
      seen.add(member);
      roll.remove(member);
    }
    expect([seen.size, roll.size]).toEqual([5, 0]);
  });
});
