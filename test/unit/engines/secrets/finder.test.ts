// The finder: few patterns and many are looked for in two ways, which find the same places.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFinder } from '../../../../src/engines/secrets/finder.js';
import type { Pattern } from '../../../../src/engines/secrets/patterns.js';

const patternOf = (text: string, edge = 0): Pattern => ({ bytes: Buffer.from(text), before: edge, after: edge });
/** Of letters that no text here has. */
const OTHERS = Array.from({ length: 300 }, (_, n) => patternOf(`zzzz${n}`));

function placesOf(patterns: readonly Pattern[], text: string): string[] {
  const places: string[] = [];
  createFinder(patterns)(Buffer.from(text), (from, to) => places.push(`${from}-${to}`));
  return places.sort();
}

describe('createFinder', () => {
  it('finds each place of each pattern, those that overlap as well', () => {
    for (const more of [[], OTHERS]) expect(placesOf([patternOf('abab'), patternOf('baba'), patternOf('x'), ...more], '-ababab-x')).toEqual(['1-5', '2-6', '3-7', '8-9']);
  });

  it('takes the base64 characters beside a place that share bits with it', () => {
    for (const more of [[], OTHERS]) {
      expect(placesOf([patternOf('abcd', 1), ...more], '.xabcdy.')).toEqual(['1-7']);
      expect(placesOf([patternOf('abcd', 1), ...more], 'abcd')).toEqual(['0-4']);
      expect(placesOf([patternOf('abcd', 1), ...more], ' abcd=')).toEqual(['1-5']);
    }
  });

  it('finds the same among few patterns and among many', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '\u0000', 'é'), minLength: 1, maxLength: 9 });
    fc.assert(fc.property(fc.uniqueArray(word, { minLength: 1, maxLength: 6 }), fc.string({ unit: fc.constantFrom('a', 'b', '\u0000', 'é', '-'), maxLength: 60 }), (words, text) => {
      const patterns = words.map((one, n) => patternOf(one, n % 2));
      expect(placesOf([...patterns, ...OTHERS], text)).toEqual(placesOf(patterns, text));
    }), { numRuns: 2000 });
  });
});
