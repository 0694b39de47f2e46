// HalfSipHash-1-3 over bytes: a keyed 32-bit hash, so that a stranger can't choose object keys that all fall into one bucket.
import { randomBytes } from 'node:crypto';

/** Two secret 32-bit words. */
export interface HashSeed {
  readonly k0: number;
  readonly k1: number;
}

export function drawSeed(): HashSeed {
  const bytes = randomBytes(8);
  return { k0: bytes.readInt32LE(0), k1: bytes.readInt32LE(4) };
}

export class HalfSipHash {
  readonly #seed: HashSeed;
  #v0 = 0;
  #v1 = 0;
  #v2 = 0;
  #v3 = 0;

  constructor(seed: HashSeed) {
    this.#seed = seed;
  }

  /** Signed 32 bits of bytes[from, to). */
  hash(bytes: Uint8Array, from: number, to: number): number {
    this.#v0 = this.#seed.k0;
    this.#v1 = this.#seed.k1;
    this.#v2 = 0x6c796765 ^ this.#seed.k0;
    this.#v3 = 0x74656462 ^ this.#seed.k1;
    const tail = to - ((to - from) & 3);
    let at = from;
    for (; at < tail; at += 4) {
      this.#mix((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24));
    }
    let last = (to - from) << 24;
    for (let shift = 0; at < to; at += 1, shift += 8) last |= (bytes[at] ?? 0) << shift;
    this.#mix(last);
    this.#v2 ^= 0xff;
    for (let round = 0; round < 3; round += 1) this.#round();
    return this.#v1 ^ this.#v3;
  }

  #mix(word: number): void {
    this.#v3 ^= word;
    this.#round();
    this.#v0 ^= word;
  }

  #round(): void {
    let v0 = (this.#v0 + this.#v1) | 0;
    let v1 = ((this.#v1 << 5) | (this.#v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    let v2 = (this.#v2 + this.#v3) | 0;
    let v3 = ((this.#v3 << 8) | (this.#v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    this.#v0 = v0;
    this.#v1 = v1;
    this.#v2 = v2;
    this.#v3 = v3;
  }
}
