// The HMAC against node:crypto, for keys and texts of every length class.
import { createHmac, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createHmacSha256 } from '../../../../src/base/crypto/hmac.js';

describe('createHmacSha256', () => {
  it('gives RFC 4231 test case 1', () => {
    expect(createHmacSha256(Buffer.alloc(20, 0x0b))('Hi There')).toBe('b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7');
  });

  it('equals the Hmac object of the platform for keys and texts of any length', () => {
    for (const keyBytes of [0, 1, 31, 32, 63, 64, 65, 200]) {
      const key = randomBytes(keyBytes);
      const hmac = createHmacSha256(key);
      for (const text of ['', 'a', 'äöü€😀', 'x'.repeat(63), 'x'.repeat(64), 'x'.repeat(5000)]) {
        expect(hmac(text)).toBe(createHmac('sha256', key).update(text).digest('hex'));
      }
    }
  });
});
