// Which spellings some reader takes for a name: measured against the case mappings of every character.
import { describe, expect, it } from 'vitest';
import { isSpellingOf } from '../../../../src/base/json/spellings.js';

const CODE_POINTS = 0x110000;

function isSpelling(name: string, spelling: string): boolean {
  // In the midst of other bytes: nothing beyond either end is read.
  const inner = Buffer.from(spelling);
  const bytes = Buffer.concat([Buffer.from('x'), inner, Buffer.from('\u017f\0')]);
  return isSpellingOf(Buffer.from(name), bytes, 1, 1 + inner.length);
}

describe('a spelling of a name', () => {
  it('has for a letter each character whose case form the letter is, and no other', () => {
    const found: string[] = [];
    const letters = [...'aiksz'].map((letter) => ({ letter, name: Buffer.from(letter) }));
    for (let point = 1; point < CODE_POINTS; point++) {
      if (point >= 0xd800 && point < 0xe000) continue;
      const sign = String.fromCodePoint(point);
      const bytes = Buffer.from(sign);
      const forms = [sign.toLowerCase(), sign.toUpperCase().toLowerCase()];
      for (const { letter, name } of letters) {
        const is = isSpellingOf(name, bytes, 0, bytes.length);
        if (is) found.push(sign);
        if (!is && forms.includes(letter)) throw new Error(`${letter} is a case form of U+${point.toString(16)}`);
      }
    }
    // U+0130 has two characters in lower case with JavaScript, and one where a character is mapped by itself (Java, C#).
    expect(found.sort()).toEqual([...'AIKSZaiksz', '\u0130', '\u0131', '\u017f', '\u212a'].sort());
  });

  it.each([['params', 'PARAM\u017f'], ['params', 'params'], ['progressToken', 'progre\u017f\u017fTo\u212aen'], ['uri', 'ur\u0131'], ['uri', 'ur\u0130'], ['_meta', '_META'], ['a/b.c', 'A/B.C'], ['id', 'ID\0'], ['id', 'id\0\u00e9']])('of %s is %j', (name, spelling) => {
    expect(isSpelling(name, spelling)).toBe(true);
  });

  it.each([['params', 'param'], ['params', 'paramss'], ['params', 'param\u017f\u017f'], ['id', 'i'], ['id', ''], ['id', '\0id'], ['id', 'i\0d'], ['uri', 'ur\u00ef'], ['uri', 'ur\u00c4'], ['s', '\u00c5'], ['k', '\u212b'], ['a@b', 'a`b'], ['a_b', 'a\u007fb'], ['_meta', '\u007fmeta'], ['s', 's\u0307']])('of %s is not %j', (name, other) => {
    expect(isSpelling(name, other)).toBe(false);
  });
});
