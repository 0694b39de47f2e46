// What an approver sees of arguments: nothing is pushed out of sight, hidden, or left out without a word.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ARGUMENTS_KEPT_MAX, keepArguments, previewOf, unseenCharacters, visibleText } from '../../../../src/engines/step-up/arguments-shown.js';

describe('keepArguments', () => {
  it('keeps the beginning, whole characters of it, and the length of all', () => {
    expect(keepArguments('{}')).toEqual({ text: '{}', length: 2 });
    const long = keepArguments('x'.repeat(ARGUMENTS_KEPT_MAX + 5));
    expect([long.text.length, long.length, unseenCharacters({ argumentsText: long.text, argumentsLength: long.length })]).toEqual([ARGUMENTS_KEPT_MAX, ARGUMENTS_KEPT_MAX + 5, 5]);
    expect(keepArguments(`${'x'.repeat(ARGUMENTS_KEPT_MAX - 1)}😀`).text).toHaveLength(ARGUMENTS_KEPT_MAX - 1);
  });

  it('takes what is not kept for unseen', () => {
    expect([unseenCharacters({ argumentsText: '{}', argumentsLength: 2 }), unseenCharacters({ argumentsText: '', argumentsLength: 9 })]).toEqual([0, 9]);
    expect([unseenCharacters({}), unseenCharacters({ argumentsText: '{}' })]).toEqual([Infinity, Infinity]);
  });
});

describe('visibleText', () => {
  it.each([
    ['{"a":"b c"}', '{"a":"b c"}'],
    [`ls -l${' '.repeat(450)}; rm`, 'ls -l⟨·×450⟩; rm'],
    [`a${' '.repeat(7)}b`, `a${' '.repeat(7)}b`],
    [`${'a'.repeat(40)}b`, '⟨a×40⟩b'],
    [`"${'\\n'.repeat(40)}x"`, '"⟨\\n×40⟩x"'],
    [`"${'\\u00a0'.repeat(33)}x"`, '"⟨\\u00a0×33⟩x"'],
    ['"\\"\\\\"', '"\\"\\\\"'],
    ['😀'.repeat(40), '⟨😀×40⟩'],
    ['⟨·×450⟩', '\\u27e8·×450⟩'],
    ['a\u202eb\u200bc\u0007d\u2028e\u00a0f\u2800g\u3164h\ufeff', 'a\\u202eb\\u200bc\\u0007d\\u2028e\\u00a0f\\u2800g\\u3164h\\ufeff'],
    ['\u{e0041}', '\\udb40\\udc41'],
    ['\\\u{e0041}', '\\\\udb40\\udc41'],
    [`\\${' '.repeat(8)}`, '\\⟨·×8⟩'],
    [`${'\u00a0 '.repeat(2)}`, '\\u00a0 \\u00a0 '],
    ['\u009b2J\u001b[2J', '\\u009b2J\\u001b[2J'],
    ['grüße 漢字', 'grüße 漢字'],
  ])('shows %j as %j', (text, shown) => {
    expect(visibleText(text)).toBe(shown);
  });

  it('lets nothing through that hides or steers, and drops nothing', () => {
    fc.assert(fc.property(fc.array(fc.oneof(fc.string({ unit: 'binary', maxLength: 5 }), fc.constantFrom(' '.repeat(9), 'x'.repeat(33), '\\', '\\u', '⟨', '×3⟩')), { maxLength: 8 }), (pieces) => {
      const shown = visibleText(pieces.join(''));
      expect(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]| {8}/u.test(shown)).toBe(false);
      const again = shown.replace(/⟨(.|\\u[0-9a-f]{4}|\\.)×(\d+)⟩/gsu, (_run, unit: string, times: string) => (unit === '·' ? ' ' : unit).repeat(Number(times)));
      expect(again.length).toBeGreaterThanOrEqual(pieces.join('').length);
    }), { numRuns: 1000 });
  });
});

describe('previewOf', () => {
  it('shows what follows a long run of blanks', () => {
    expect(previewOf(keepArguments(`{"command":"ls -l${' '.repeat(450)}; rm -rf /"}`))).toBe('{"command":"ls -l⟨·×450⟩; rm -rf /"}');
  });

  it('says how much it leaves out', () => {
    const all = JSON.stringify({ x: 'xy'.repeat(5000) });
    const [, shown = '', left = ''] = /^(.*)… \+(\d+) characters$/s.exec(previewOf(keepArguments(all))) ?? [];
    expect([all.startsWith(shown), shown.length, Number(left)]).toEqual([true, 400, all.length - 400]);
    expect(previewOf({ text: '', length: 812 })).toBe('… +812 characters');
    expect(previewOf({ text: '{}', length: 3 })).toBe('{}… +1 characters');
  });
});
