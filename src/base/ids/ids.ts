// Random ids cut from a pooled block of randomness: one system call serves hundreds of requests.
import { randomFillSync } from 'node:crypto';

export interface Ids {
  /** A UUIDv4 (RFC 9562 section 5.4). */
  uuid(): string;
  /** 2n lower-case hex digits. */
  hex(bytes: number): string;
}

const POOL_BYTES = 4096; // 256 UUIDs a refill
const HEX_RADIX = 16;

export function createIds(fill: (pool: Buffer) => void = (pool) => void randomFillSync(pool)): Ids {
  const pool = Buffer.allocUnsafeSlow(POOL_BYTES);
  let used = POOL_BYTES;

  const take = (bytes: number): number => {
    if (used + bytes > POOL_BYTES) {
      fill(pool);
      used = 0;
    }
    const at = used;
    used += bytes;
    return at;
  };

  return {
    uuid() {
      const at = take(HEX_RADIX);
      pool[at + 6] = ((pool[at + 6] ?? 0) & 0x0f) | 0x40;
      pool[at + 8] = ((pool[at + 8] ?? 0) & 0x3f) | 0x80;
      const h = pool.toString('hex', at, at + HEX_RADIX);
      return `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20)}`;
    },
    hex(bytes) {
      const at = take(bytes);
      return pool.toString('hex', at, at + bytes);
    },
  };
}
