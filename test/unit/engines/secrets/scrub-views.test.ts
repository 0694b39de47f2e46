// Views of an answer in which a secret may stand: each knows of every byte where it came from, however many escapes lie before it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rawSpan, viewsOf } from '../../../../src/engines/secrets/scrub-views.js';

const viewed = (text: string) => [...viewsOf(Buffer.from(text))].map((view) => [view.bytes.toString(), Array.from({ length: view.bytes.length + 1 }, (_, at) => rawSpan(view, at, at)[1])] as const);

describe('viewsOf', () => {
  it('is the text alone where nothing is to be undone', () => {
    expect(viewed('ab')).toEqual([['ab', [0, 1, 2]]]);
    expect(viewed('50% \\g %zz').map(([text]) => text)).toEqual(['50% \\g %zz']);
  });

  it.each<[string, readonly (readonly [string, readonly number[]])[]]>([
    ['a\\nb', [['a\\nb', [0, 1, 2, 3, 4]], ['a\nb', [0, 1, 3, 4]], ['ab', [0, 3, 4]]]],
    ['\\u00e4\\u0041', [['\\u00e4\\u0041', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]], ['äA', [0, 0, 6, 12]]]],
    ['\\ud83d\\ude00!', [['\\ud83d\\ude00!', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]], ['😀!', [0, 0, 0, 0, 12, 13]]]],
    ['%41b%42', [['%41b%42', [0, 1, 2, 3, 4, 5, 6, 7]], ['AbB', [0, 3, 4, 7]]]],
    ['\r\na\n\nb\r', [['\r\na\n\nb\r', [0, 1, 2, 3, 4, 5, 6, 7]], ['ab', [2, 5, 7]]]],
    ['\\\\n%5c', [['\\\\n%5c', [0, 1, 2, 3, 4, 5, 6]], ['\\\\n\\', [0, 1, 2, 3, 6]], ['\\n%5c', [0, 2, 3, 4, 5, 6]], ['\\n\\', [0, 2, 3, 6]], ['\n%5c', [0, 3, 4, 5, 6]], ['\n\\', [0, 3, 6]], ['%5c', [3, 4, 5, 6]]]],
  ])('tells of every byte of %j where it began', (text, views) => {
    expect(viewed(text)).toEqual(views);
  });

  it('finds the way back to what any text was made of, through thousands of escapes', () => {
    const piece = fc.constantFrom<readonly [string, string]>(['a', 'a'], ['bc', 'bc'], ['\\n', '\n'], ['\\"', '"'], ['\\u0041', 'A'], ['\\x7a', 'z'], ['\\ud83d\\ude00', '😀'], ['ä', 'ä']);
    fc.assert(fc.property(fc.array(piece, { minLength: 1, maxLength: 3000, size: 'max' }), (pieces) => {
      const [raw, meant] = [pieces.map(([written]) => written).join(''), pieces.map(([, meaning]) => meaning).join('')];
      const view = [...viewsOf(Buffer.from(raw))].find(({ bytes }) => bytes.toString() === meant);
      const spans: unknown[] = [];
      const expected: unknown[] = [];
      let [from, rawFrom] = [0, 0];
      for (const [written, meaning] of pieces) {
        const [to, rawTo] = [from + Buffer.byteLength(meaning), rawFrom + Buffer.byteLength(written)];
        spans.push(view && rawSpan(view, from, to));
        expected.push([rawFrom, rawTo]);
        [from, rawFrom] = [to, rawTo];
      }
      expect(spans).toEqual(expected);
    }), { numRuns: 50 });
  });
});
