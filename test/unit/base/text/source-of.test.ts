// Whom a peer address stands for.
import { describe, expect, it } from 'vitest';
import { sourceOf } from '../../../../src/base/text/source-of.js';

describe('the source of an address', () => {
  it.each([
    ['203.0.113.9', '203.0.113.9'], ['', ''], ['::1', '0:0:0:0::/64'], ['::', '0:0:0:0::/64'], ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'], ['2001:db8:1:2::', '2001:db8:1:2::/64'], ['2001:0:0:1::5', '2001:0:0:1::/64'], ['fe80::1:2:3:4:5', 'fe80:0:0:1::/64'],
  ])('%s is %s', (ip, source) => {
    expect(sourceOf(ip)).toBe(source);
  });

  it('is one for all addresses of a network', () => {
    expect(sourceOf('2001:db8:7:8:ffff::1')).toBe(sourceOf('2001:db8:7:8::'));
    expect(sourceOf('2001:db8:7:9::')).not.toBe(sourceOf('2001:db8:7:8::'));
  });
});
