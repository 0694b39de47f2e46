// 128-bit keyed hashes of texts: what shared tables know keys by. Keyed, so that nobody can choose texts that meet in one place.
import { createHmacSha256 } from '../crypto/hmac.js';

/** Four signed 32-bit words. */
export interface KeyHash {
  readonly h0: number;
  readonly h1: number;
  readonly h2: number;
  readonly h3: number;
}

const KNOWN_MAX = 8192; // hashes a thread remembers: a fleet is a few thousand callers, and two such maps are a few MB
const WORD_DIGITS = 8;

/** Remembers what it was asked lately: the hash of a known text costs one look into a map. */
export class KeyHasher {
  readonly #hmac: (text: string) => string;
  #young = new Map<string, KeyHash>();
  #old = new Map<string, KeyHash>();
  #lastText: string | undefined = undefined;
  #last: KeyHash = { h0: 0, h1: 0, h2: 0, h3: 0 };

  constructor(key: Uint8Array) {
    this.#hmac = createHmacSha256(key);
  }

  of(text: string): KeyHash {
    // One call asks for its caller several times.
    if (text === this.#lastText) return this.#last;
    this.#last = this.#young.get(text) ?? this.#fetch(text);
    this.#lastText = text;
    return this.#last;
  }

  #fetch(text: string): KeyHash {
    const hash = this.#old.get(text) ?? this.#compute(text);
    if (this.#young.size >= KNOWN_MAX) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(text, hash);
    return hash;
  }

  #compute(text: string): KeyHash {
    const digits = this.#hmac(text);
    const word = (at: number): number => Number.parseInt(digits.slice(at * WORD_DIGITS, (at + 1) * WORD_DIGITS), 16) | 0;
    return { h0: word(0), h1: word(1), h2: word(2), h3: word(3) };
  }
}

/** The hash of a pair: both are keyed, and the words are crossed so that a pair of equals is not zero. */
export function pairHash(first: KeyHash, second: KeyHash): KeyHash {
  return { h0: first.h0 ^ second.h1, h1: first.h1 ^ second.h2, h2: first.h2 ^ second.h3, h3: first.h3 ^ second.h0 };
}
