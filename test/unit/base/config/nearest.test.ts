// The nearest known word.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, nearest, proposal } from '../../../../src/base/config/nearest.js';

describe('nearest', () => {
  it.each([
    ['stauts', 'status'],
    ['aprove', 'approve'],
    ['STATUS', 'status'],
    ['relaod', 'reload'],
  ])('proposes for %s what was meant', (word, meant) => {
    expect(nearest(word, ['status', 'reload', 'approve', 'deny'])).toBe(meant);
  });

  it('proposes nothing for a word that is like none', () => {
    expect(nearest('xylophone', ['status', 'reload'])).toBeUndefined();
    expect(proposal('xylophone', [])).toBeUndefined();
  });

  it('does not compare a word longer than any slip', () => {
    expect(nearest('s'.repeat(1_000_000), ['status'])).toBeUndefined();
  });

  it('is a distance: zero for itself alone, and the same both ways', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
        expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});
