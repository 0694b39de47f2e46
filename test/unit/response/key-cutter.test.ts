// Keys cut out of what operators are told: wherever a string holds one, and nothing told where that can't be done.
import { expect, it } from 'vitest';
import { createKeyCutter } from '../../../src/response/key-cutter.js';

const KEY = 'swordfish-"77"-sword';

it('cuts keys out of strings and names, in each encoding, as they stand now', () => {
  let keys: readonly string[] = [];
  const cut = createKeyCutter(() => keys);
  const text = JSON.stringify({ a: `x ${KEY}`, [KEY]: [Buffer.from(KEY).toString('hex')] });
  expect(cut(text)).toBe(text);
  keys = [KEY];
  expect(cut(text)).toBe('{"a":"x [secret]","[secret]":["[secret]"]}');
  expect(cut('{"a":1}')).toBe('{"a":1}');
});

it('leaves words alone that are no key for being short', () => {
  const text = '{"caller":"spiffe://poc.local/platform"}';
  expect(createKeyCutter(() => SHORT)(text)).toBe(text);
});
const SHORT = ['platform'];

it('tells nothing where a key can\'t be cut out', () => {
  expect(createKeyCutter(() => DIGITS)('{"at":12345678901234567}')).toBeUndefined();
});
const DIGITS = ['1234567890123456'];
