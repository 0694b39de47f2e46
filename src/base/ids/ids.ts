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
const VARIANTS = '89ab'; // RFC 9562 section 4.1

export function createIds(fill: (pool: Buffer) => void = (pool) => void randomFillSync(pool)): Ids {
  const pool = Buffer.allocUnsafeSlow(POOL_BYTES);
  let digits = '';
  let used = 0;

  /** Where 2 × `bytes` unused digits begin. */
  const take = (bytes: number): number => {
    if (used + 2 * bytes > digits.length) {
      fill(pool);
      digits = pool.toString('hex');
      used = 0;
    }
    const at = used;
    used += 2 * bytes;
    return at;
  };

  return {
    uuid() {
      const at = take(UUID_BYTES);
      const h = digits.slice(at, at + 2 * UUID_BYTES);
      return `${h.slice(0, 8)}-${h.slice(8, 12)}-4${h.slice(13, 16)}-${VARIANTS[h.charCodeAt(16) & 3] ?? '8'}${h.slice(17, 20)}-${h.slice(20)}`;
    },
    hex(bytes) {
      const at = take(bytes);
      return digits.slice(at, at + 2 * bytes);
    },
  };
}
