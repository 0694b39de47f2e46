// What a matcher must find, on either engine.
import { describe, expect, it } from 'vitest';
import type { Matcher, Pattern } from '../../../../src/base/matcher/types.js';
import { hitsOf } from './hits.js';

type Build = (patterns: readonly Pattern[]) => Matcher;

const bytes = (text: string): Uint8Array => Buffer.from(text);

/** Pattern, text, whether it is found. */
const CASES: readonly (readonly [Omit<Pattern, 'id'>, string, boolean])[] = [
  [{ source: 'abc$' }, 'xabc', true],
  [{ source: 'abc$' }, 'abc\n', false],
  [{ source: 'abc$', multiline: true }, 'abc\nx', true],
  [{ source: '^abc' }, 'x\nabc', false],
  [{ source: '^abc', multiline: true }, 'x\nabc', true],
  [{ source: 'a.b' }, 'a\u00e9b', true],
  [{ source: 'a.b' }, 'a\u{1f600}b', true],
  [{ source: 'a.b' }, 'a\u00e9\u00e9b', false],
  [{ source: 'a.b' }, 'a\nb', false],
  [{ source: 'a.b', dotAll: true }, 'a\nb', true],
  [{ source: 'a.{2}b' }, 'a\u00e9b', false],
  [{ source: 'a.{2}b' }, 'a\u00e9\u20acb', true],
  [{ source: 'a.+.+b' }, 'a\u00e9b', false],
  [{ source: 'a[^x]b' }, 'a\u20acb', true],
  [{ source: 'a[^x]{0,3}b' }, 'a\u20ac\u20ac\u20acb', true],
  [{ source: 'a[^x]{0,3}b' }, 'a\u20ac\u20ac\u20ac\u20acb', false],
  [{ source: 'a\\W?b' }, 'a\u20acb', true],
  [{ source: 'a\\Sb' }, 'a\u000bb', true],
  [{ source: 'a\\sb' }, 'a\u000bb', false],
  [{ source: 'a[\\s]b' }, 'a\u000bb', false],
  [{ source: 'a[\\S]b' }, 'a\u00e9b', true],
  [{ source: 'a[\\S]b' }, 'a b', false],
  [{ source: 'a\\vb' }, 'a\nb', false],
  [{ source: 'a\\vb' }, 'a\u000bb', true],
  [{ source: 'secret', caseless: true }, 'xSeCrEt', true],
  [{ source: 'secret', caseless: true }, '\u017fecret', true],
  [{ source: '(?i)token', keywords: ['token'] }, 'TO\u212aEN', true],
  [{ source: 'secret' }, 'SECRET', false],
  [{ source: '\\bkey\\b' }, '\u00e9key\u00e9', true],
  [{ source: 'x\\By' }, 'xy', true],
  [{ source: 'pass[0-9]', keywords: ['PASS'] }, 'pass1', true],
  [{ source: 'pass[0-9]', keywords: ['token', 'key'] }, 'pass1', false],
  [{ source: 'pass[0-9]', keywords: ['token', 'key'] }, 'pass1 KEY', true],
  [{ source: '\\.\\*', keywords: ['.*'] }, 'a.*b', true],
];

export function describeMatcher(engine: Matcher['engine'], build: Build): void {
  describe(`the ${engine} matcher`, () => {
    it.each(CASES)('%j on %j: %s', (pattern, text, found) => {
      const matcher = build([{ id: 7, ...pattern }]);
      expect(matcher.engine).toBe(engine);
      expect(hitsOf(matcher, text)).toEqual(found ? [7] : []);
      if (found || pattern.keywords === undefined) expect(matcher.find(7, bytes(text), 9).length > 0).toBe(found);
      matcher.close();
    });

    it('gives ids ascending, each once', () => {
      const matcher = build([{ id: 30, source: 'b+' }, { id: 4, source: 'a', keywords: ['a'] }, { id: 17, source: '[ab]c' }, { id: 5, source: 'zz' }]);
      expect(hitsOf(matcher, 'bbabcacbba')).toEqual([4, 17, 30]);
      expect(hitsOf(matcher, '')).toEqual([]);
      matcher.close();
    });

    it('takes a set of no patterns', () => {
      const matcher = build([]);
      expect(hitsOf(matcher, 'anything \u017f')).toEqual([]);
      matcher.close();
    });

    it('finds places in bytes, of group 1 where there is one, at most max', () => {
      const matcher = build([{ id: 1, source: 'key=([a-z]+)' }, { id: 2, source: 'k[a-z]+' }, { id: 3, source: '(x)?y' }]);
      const text = bytes('\u00e9 key=abc; key=de; y');
      expect(matcher.find(1, text, 9)).toEqual([{ from: 7, to: 10 }, { from: 16, to: 18 }]);
      expect(matcher.find(1, text, 1)).toEqual([{ from: 7, to: 10 }]);
      expect(matcher.find(2, text, 9)).toEqual([{ from: 3, to: 6 }, { from: 12, to: 15 }]);
      expect(matcher.find(3, text, 9)).toEqual([{ from: 5, to: 6 }, { from: 14, to: 15 }, { from: 20, to: 21 }]);
      expect(matcher.find(1, text, 0)).toEqual([]);
      expect(() => matcher.find(99, text, 1)).toThrow(RangeError);
      matcher.close();
    });

    it('reads views and shared memory', () => {
      const matcher = build([{ id: 0, source: '^key$' }]);
      const shared = new Uint8Array(new SharedArrayBuffer(16));
      shared.set(bytes('xxkeyxx'));
      expect(hitsOf(matcher, shared.subarray(2, 5))).toEqual([0]);
      expect(matcher.find(0, shared.subarray(2, 5), 1)).toEqual([{ from: 0, to: 3 }]);
      expect(hitsOf(matcher, shared)).toEqual([]);
      matcher.close();
    });

    it('throws on a repeated id, on a pattern no engine takes, and after close', () => {
      expect(() => build([{ id: 1, source: 'a' }, { id: 1, source: 'b' }])).toThrow(TypeError);
      expect(() => build([{ id: 1, source: '(?=a)' }])).toThrow(SyntaxError);
      const matcher = build([{ id: 1, source: 'a' }]);
      matcher.close();
      expect(() => matcher.candidates(bytes('a'))).toThrow();
    });
  });
}
