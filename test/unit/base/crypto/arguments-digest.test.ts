// The digest of arguments: its algorithm, and that the native addon and its twin agree on every text.
import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createArgumentsDigest } from '../../../../src/base/crypto/arguments-digest.js';
import { canonicalArguments } from '../../../../src/base/json/canonical.js';
import { loadAddon } from '../../../../src/base/native/load-addon.js';

const KEY = Buffer.alloc(32, 7);
const ABSENT = '/nonexistent/arguments_digest.node';
const addon = loadAddon<{ open(key?: Uint8Array): object; digest(hasher: object, bytes: Uint8Array, from: number, to: number): string | undefined }>('arguments_digest', 1);

const whole = (digest: ReturnType<typeof createArgumentsDigest>, text: string): string => {
  const bytes = Buffer.from(`"before"${text}"after"`);
  return digest(bytes, 8, bytes.length - 7);
};

/** JSON text with white space, escapes and unsorted keys wherever they may stand. */
const spelled = fc.letrec<{ value: string; string: string; text: string }>((tie) => ({
  string: fc.array(fc.oneof(
    fc.constantFrom('a', 'Z', '0', ' ', '\\n', '\\"', '\\\\', '\\/', '\\b', '\\f', '\\r', '\\t', '\\u0041', '\\u0022', '\\u005C', '\\u000a', '\\u001F', '\\u0008', '\\u007f', '\\u00e9', '\\u20AC', '\\ud83d\\ude00', '\\uFFFF'),
    fc.constantFrom('é', '€', '😀', '\u2028', '\u007f'),
  ), { maxLength: 8 }).map((parts) => `"${parts.join('')}"`),
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom('1', '-0', '1.0', '1E400', '9007199254740993', 'true', 'false', 'null'),
    tie('string'),
    fc.array(tie('text'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
    fc.uniqueArray(fc.tuple(tie('string'), tie('text')), { maxLength: 5, selector: ([key]) => JSON.parse(key) as string }).map((members) => `{${members.map(([key, value]) => `${key} :${value}`).join(',')}}`),
  ),
  text: fc.tuple(fc.constantFrom('', ' ', '\n\t', '\r\n'), tie('value'), fc.constantFrom('', ' ')).map(([before, value, after]) => `${before}${value}${after}`),
}));

describe('the digest of arguments', () => {
  it.each([['with a key', KEY], ['plain', undefined]] as const)('is over the canonical form (%s)', (_how, key) => {
    const expected = (text: string): string => (key === undefined ? `sha256:${createHash('sha256').update(text).digest('hex')}` : `hmac-sha256:${createHmac('sha256', key).update(text).digest('hex')}`);
    for (const digest of [createArgumentsDigest(key), createArgumentsDigest(key, ABSENT)]) {
      expect(whole(digest, '{ "b": 1.50, "a": "\\u0041" }')).toBe(expected('{"a":"A","b":1.50}'));
      expect(whole(digest, '{}')).toBe(expected('{}'));
      expect(whole(digest, `{"a":"${'x'.repeat(100_000)}"}`)).toBe(expected(`{"a":"${'x'.repeat(100_000)}"}`));
    }
  });

  it('takes a key longer than a block as HMAC does', () => {
    const key = Buffer.alloc(100, 9);
    expect(whole(createArgumentsDigest(key), '{}')).toBe(`hmac-sha256:${createHmac('sha256', key).update('{}').digest('hex')}`);
  });

  it('is the same natively and by the twin', () => {
    const native = createArgumentsDigest(KEY);
    const twin = createArgumentsDigest(KEY, ABSENT);
    fc.assert(fc.property(spelled.text, (text) => {
      expect(JSON.parse(text)).toBeDefined();
      expect(whole(native, text)).toBe(whole(twin, text));
    }), { numRuns: 5_000 });
  });

  // The addon looks through a long string piece by piece.
  it('is the same wherever in a long string its escapes and its end are', () => {
    const native = createArgumentsDigest(KEY);
    const twin = createArgumentsDigest(KEY, ABSENT);
    const piece = 16 * 1024;
    for (const length of [piece - 8, 2 * piece - 8]) {
      for (let more = 0; more < 16; more++) {
        const plain = 'x'.repeat(length + more);
        for (const tail of ['', '\\"', '\\n', '\\\\', '\\u0041', '\\ud83d\\ude00', 'é', '\\\\\\"\\n', '\\"'.repeat(20), '\\"y']) {
          for (const text of [`"${plain}${tail}"`, `{"b":"${plain}${tail}","a":"${tail}"}`, `["${tail}${plain}", 1]`]) expect(whole(native, text), `${length + more} ${tail}`).toBe(whole(twin, text));
        }
      }
    }
  });
});

describe.skipIf(addon === undefined)('the native addon', () => {
  const digest = (text: string): string | undefined => addon?.digest(addon.open(), Buffer.from(text), 0, Buffer.byteLength(text));
  const sum = (text: string): string => createHash('sha256').update(text).digest('hex');

  it('does what most arguments need by itself', () => {
    for (const text of ['{"text":"The quick\\nbrown fox"}', '{"b":1,"a":[1,{"d":2,"c":3}]}', '{"a":"é\\u00e9"}']) {
      expect(digest(text)).toBe(sum(canonicalArguments(Buffer.from(text), 0, Buffer.byteLength(text))));
    }
  });

  it.each(['{"é":1}', '{"\\u0061":1}', '[1', '{"a"}', '{"a":1,}', '"\\ud800"', '"\\x"', '{"a":1}}', `${'['.repeat(500)}${']'.repeat(500)}`, ''])('leaves %j to the twin', (text) => {
    expect(digest(text)).toBeUndefined();
  });

  it('refuses spans that are not within the bytes', () => {
    const hasher = addon?.open() ?? {};
    expect(() => addon?.digest(hasher, Buffer.from('{}'), 0, 3)).toThrow(RangeError);
    expect(() => addon?.digest(hasher, Buffer.from('{}'), 2, 1)).toThrow(RangeError);
    expect(() => addon?.digest({}, Buffer.from('{}'), 0, 2)).toThrow(TypeError);
    expect(() => addon?.digest(hasher, Buffer.from('{}'), -1, 2)).toThrow(TypeError);
  });
});
