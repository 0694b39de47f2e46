// Folding character by character is folding the whole text: what is dropped, replaced and spelled out is the same, and its places are found again.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldText } from '../../../../src/engines/dlp/fold.js';

const MARKS = /[\p{M}\p{Cf}\u115f\u1160\u3164]/gu;
const folded = (text: string): string => Buffer.from(foldText(Buffer.from(text))?.bytes ?? Buffer.from(text)).toString('utf8');
/** The Unicode part of folding, over a whole text; the look-alikes have no part in it where both sides are folded once more. */
const whole = (text: string): string => folded(text.normalize('NFKD').replace(MARKS, ''));
const ODD = ['é', 'e\u0301\u0323', '\ufdfa', '한글', '각', 'ﬁ', '①', 'ａｋｉａ', '\u{1d400}', '😀', '\u200b', '\ufeff', 'Ǆ', '㌀', 'ſ', 'İ', '\u0345\u0301', 'аеоw', '—', '中文', '\u00a0', '\u0f77', '\u{1f1e9}'];

describe('folding', () => {
  it.each([['ａｋｉａ', 'akia'], ['раssword', 'password'], ['pass\u200bword', 'password'], ['\ufb01ne', 'fine'], ['a\u0301\u0323b', 'ab'], ['\u{e0061}\u{e006b}', 'ak'], ['中文', '中文'], ['Zwölf', 'Zwolf'], ['😀 \u2014', '😀 -']])('%j reads %j', (text, read) => {
    expect(folded(text)).toBe(read);
  });

  it('of any text is that of the whole text in its compatibility form', () => {
    fc.assert(fc.property(fc.array(fc.oneof(fc.constantFrom(...ODD), fc.string({ unit: 'binary', maxLength: 6 }))), (parts) => {
      const text = Buffer.from(parts.join('')).toString('utf8').replace(/[\u{e0000}-\u{e007f}]/gu, ''); // tags spell ASCII that the compatibility form drops
      expect(folded(text)).toBe(whole(text));
    }), { numRuns: 3000 });
  });

  it('makes room for letters that stand for many', () => {
    expect(folded('\ufdfa'.repeat(1000))).toBe('\ufdfa'.normalize('NFKD').repeat(1000));
    expect(foldText(Buffer.from('plain'))).toBeUndefined();
    expect(foldText(Buffer.from('中文'))).toBeUndefined();
  });

  it('finds what a place of its text came from', () => {
    const text = 'x\ufdfa ä—key\u200bs 😀z';
    const reading = foldText(Buffer.from(text));
    const read = Buffer.from(reading?.bytes ?? []);
    const from = (part: string): string => {
      const at = read.indexOf(part);
      return Buffer.from(text).subarray(...(reading?.toInput(at, at + Buffer.byteLength(part)) ?? [0, 0])).toString('utf8');
    };
    expect([from('a'), from('-'), from('keys'), from('z'), from('😀z'), from('x')]).toEqual(['ä', '—', 'key\u200bs', 'z', '😀z', 'x']);
  });

  it('reads bytes that are no UTF-8 as the characters that replace them', () => {
    expect(Buffer.from(foldText(Buffer.from([0x61, 0xff, 0x62]))?.bytes ?? []).toString('utf8')).toBe('a\ufffdb');
  });
});
