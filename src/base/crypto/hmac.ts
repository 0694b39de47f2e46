// HMAC-SHA-256 (RFC 2104) by two one-shot hashes: a quarter of the cost of a Hmac object, which the hot path would make per call.
import { hash } from 'node:crypto';

const BLOCK_BYTES = 64; // SHA-256's block, RFC 6234 section 6
const INNER = 0x36;
const OUTER = 0x5c;
const DIGEST_BYTES = 32;
const SCRATCH_BYTES = 16 * 1024;
const UTF8_BYTES_MAX = 3; // per UTF-16 code unit

/** Lower-case hex of the HMAC of `text` under `key`. */
export type Hmac = (text: string) => string;

export function createHmacSha256(key: Uint8Array): Hmac {
  const block = Buffer.alloc(BLOCK_BYTES);
  block.set(key.length > BLOCK_BYTES ? hash('sha256', key, 'buffer') : key);
  const inner = block.map((byte) => byte ^ INNER);
  const outer = Buffer.concat([block.map((byte) => byte ^ OUTER), Buffer.alloc(DIGEST_BYTES)]);
  // Reused for every text that fits: a fresh buffer a call would cost more than the hash.
  const scratch = Buffer.allocUnsafeSlow(BLOCK_BYTES + SCRATCH_BYTES);
  scratch.set(inner);
  return (text) => {
    let message = scratch;
    if (text.length * UTF8_BYTES_MAX > SCRATCH_BYTES) {
      message = Buffer.allocUnsafe(BLOCK_BYTES + Buffer.byteLength(text));
      message.set(inner);
    }
    const end = BLOCK_BYTES + message.write(text, BLOCK_BYTES, 'utf8');
    outer.set(hash('sha256', message.subarray(0, end), 'buffer'), BLOCK_BYTES);
    return hash('sha256', outer, 'hex');
  };
}
