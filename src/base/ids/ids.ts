// Random ids cut from a pooled block of randomness: one system call serves hundreds of requests.
import { randomFillSync } from 'node:crypto';

export interface Ids {
  /** A UUIDv4 (RFC 9562 section 5.4). */
  uuid(): string;
  /** 2n lower-case hex digits. */
  hex(bytes: number): string;
}

const POOL_BYTES = 4096; // 256 UUIDs a refill
const UUID_BYTES = 16;
const UUID_CHARS = 36;
const DASH = 0x2d;
const HEX_DIGITS = Buffer.from('0123456789abcdef', 'latin1');

export function createIds(fill: (pool: Buffer) => void = (pool) => void randomFillSync(pool)): Ids {
  const pool = Buffer.allocUnsafeSlow(POOL_BYTES);
  const written = Buffer.allocUnsafeSlow((POOL_BYTES / UUID_BYTES) * UUID_CHARS);
  let digits = '';
  let digitsUsed = 0;
  let uuids = '';
  let uuidsUsed = 0;

  return {
    // Cut from one text: put together one by one, each would be a chain of nine pieces, which whoever reads it has to walk.
    uuid() {
      if (uuidsUsed === uuids.length) {
        fill(pool);
        writeUuids(pool, written);
        uuids = written.toString('latin1');
        uuidsUsed = 0;
      }
      return uuids.slice(uuidsUsed, (uuidsUsed += UUID_CHARS));
    },
    hex(bytes) {
      if (digitsUsed + 2 * bytes > digits.length) {
        fill(pool);
        digits = pool.toString('hex');
        digitsUsed = 0;
      }
      return digits.slice(digitsUsed, (digitsUsed += 2 * bytes));
    },
  };
}

/** Version and variant as RFC 9562 sections 4.1 and 5.4 have them, the other bits as drawn. */
function writeUuids(random: Uint8Array, to: Uint8Array): void {
  let end = 0;
  for (let i = 0; i < random.length; i++) {
    const place = i % UUID_BYTES;
    let byte = random[i] ?? 0;
    if (place === 6) byte = 0x40 | (byte & 0x0f);
    else if (place === 8) byte = 0x80 | (byte & 0x3f);
    if (place === 4 || place === 6 || place === 8 || place === 10) to[end++] = DASH;
    to[end++] = HEX_DIGITS[byte >> 4] ?? 0;
    to[end++] = HEX_DIGITS[byte & 0x0f] ?? 0;
  }
}
