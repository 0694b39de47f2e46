// Keys cut out of what operators are told: wherever a string holds one, and nothing told where that can't be done.
import { expect, it } from 'vitest';
import { createKeyCutter } from '../../../src/response/key-cutter.js';

it('cuts keys out of strings and names, in each encoding, as they stand now', () => {
  let keys: readonly string[] = [];
  const cut = createKeyCutter(() => keys);
  const text = JSON.stringify({ a: 'x swordfish-"77"', 'swordfish-"77"': [Buffer.from('swordfish-"77"').toString('hex')] });
  expect(cut(text)).toBe(text);
  keys = ['swordfish-"77"'];
  expect(cut(text)).toBe('{"a":"x [secret]","[secret]":["[secret]"]}');
  expect(cut('{"a":1}')).toBe('{"a":1}');
});

it('tells nothing where a key can\'t be cut out', () => {
  expect(createKeyCutter(() => KEYS)('{"at":1234567890123}')).toBeUndefined();
});
const KEYS = ['12345678'];
