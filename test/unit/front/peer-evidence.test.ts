// Addresses of peers as text.
import { BlockList, isIP } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAddress, isLoopbackAddress } from '../../../src/front/peer-evidence.js';

const v6 = (...words: readonly number[]) => Uint8Array.from(words.flatMap((word) => [word >> 8, word & 255]));

describe('addresses', () => {
  it.each([
    [Uint8Array.of(127, 0, 0, 1), '127.0.0.1'],
    [v6(0, 0, 0, 0, 0, 0xffff, 0x7f00, 1), '127.0.0.1'],
    [v6(0, 0, 0, 0, 0, 0, 0, 1), '::1'],
    [v6(0, 0, 0, 0, 0, 0, 0, 0), '::'],
    [v6(0x2001, 0xdb8, 0, 0, 1, 0, 0, 1), '2001:db8::1:0:0:1'],
    [v6(0x2001, 0xdb8, 0, 1, 0, 0, 0, 0x10), '2001:db8:0:1::10'],
    [v6(0xfe80, 0, 0, 0, 0, 0, 0, 0), 'fe80::'],
    [v6(1, 0, 2, 3, 4, 5, 6, 7), '1:0:2:3:4:5:6:7'],
    [v6(0x10, 0, 0, 0x100, 1, 1, 1, 1), '10::100:1:1:1:1'],
    [new Uint8Array(0), ''],
  ])('formats %j', (bytes, text) => {
    expect(formatAddress(bytes)).toBe(text);
  });
  it('writes every IPv6 address so that it is read as the same one', () => {
    const word = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
    fc.assert(fc.property(fc.array(word, { minLength: 8, maxLength: 8 }), (words) => {
      const text = formatAddress(v6(...words));
      if (isIP(text) === 4) return;
      expect(isIP(text)).toBe(6);
      const list = new BlockList();
      list.addAddress(text, 'ipv6');
      expect(list.check(words.map((part) => part.toString(16)).join(':'), 'ipv6')).toBe(true);
    }));
  });
  it('knows loopback', () => {
    expect(['127.0.0.1', '127.9.9.9', '::1'].every(isLoopbackAddress)).toBe(true);
    expect(['128.0.0.1', '12.7.0.1', '::2', '', '1270.0.0.1'].some(isLoopbackAddress)).toBe(false);
  });
});
