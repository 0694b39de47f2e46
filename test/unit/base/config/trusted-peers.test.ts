// Addresses and blocks in every form a socket or a person writes them.
import { describe, expect, it } from 'vitest';
import { parseTrustedPeers, plainAddress } from '../../../../src/base/config/trusted-peers.js';

describe('parseTrustedPeers', () => {
  it.each([
    [['10.0.0.0/8'], '10.255.0.1', true],
    [['10.0.0.0/8'], '11.0.0.1', false],
    [['10.0.0.0/8'], '::ffff:10.1.2.3', true],
    [['10.0.0.0/8'], '::ffff:0a01:0203', true],
    [['10.0.0.0/8'], '0000:0000:0000:0000:0000:ffff:0a01:0203', true],
    [['192.0.2.7'], '192.0.2.7', true],
    [['192.0.2.7'], '192.0.2.8', false],
    [['192.0.2.7/32'], '::ffff:192.0.2.7', true],
    [['::ffff:10.0.0.0/104'], '10.9.9.9', true],
    [['::ffff:10.0.0.1'], '10.0.0.1', true],
    [['fd00::/8'], 'fdff::1', true],
    [['fd00::/8'], 'fe00::1', false],
    [['2001:db8::1'], '2001:0db8:0000:0000:0000:0000:0000:0001', true],
    [['0.0.0.0/0'], '8.8.8.8', true],
    [['0.0.0.0/0'], '2001:db8::1', false],
    [[], '127.0.0.1', false],
    [['10.0.0.0/8'], '', false],
    [['10.0.0.0/8'], '10.0.0.1.evil', false],
    [['10.0.0.0/8'], '10.0.0.1, 10.0.0.2', false],
  ] as const)('%j says of %s: %s', (entries, ip, trusted) => {
    expect(parseTrustedPeers(entries)(ip)).toBe(trusted);
  });

  it.each(['', 'localhost', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0/8', '::/129', '::ffff:10.0.0.0/8', '10.0.0.0/0x8', '*'])('refuses the entry %j', (entry) => {
    expect(() => parseTrustedPeers([entry])).toThrow(RangeError);
  });
});

describe('plainAddress', () => {
  it('leaves what is no mapped address as it is', () => {
    expect(['::1', '1.2.3.4', 'x', '64:ff9b::1.2.3.4'].map(plainAddress)).toEqual(['::1', '1.2.3.4', 'x', '64:ff9b::1.2.3.4']);
  });
});
