// Texts that a stripe's records share: each stands once, counted, in pieces of 64 bytes; the last record that lets go of it frees it.
import type { KeyHash } from './key-hash.js';
import { NONE, type Stripe } from './table.js';

/** Ids fit into 13 bits, so that records can pack them. */
export const TEXTS_MAX = 8192;

const PIECE_WORDS = 16;
const WORD_BYTES = 4;
const BUCKETS = 2048;

// Words of the pool's head, then the buckets, then the pieces.
const FREE = 0; // the first piece that was given back, + 1
const FRESH = 1; // pieces that were never used begin here
const TAKEN = 2;
const HEAD_WORDS = 16;

// Words of a text's first piece; in the others only the first is not text.
const NEXT_PIECE = 0; // + 1
const NEXT_IN_BUCKET = 1; // + 1
const REFERENCES = 2;
const HASH = 3; // four words
const BIRTH = 7; // tells a text from an earlier one with its id
const LENGTH = 8; // bytes
const FIRST_TEXT_WORD = 9;
const FIRST_BYTES = (PIECE_WORDS - FIRST_TEXT_WORD) * WORD_BYTES;
const OTHER_BYTES = (PIECE_WORDS - 1) * WORD_BYTES;

export function textPoolBytes(pieces: number): number {
  return (HEAD_WORDS + BUCKETS + pieces * PIECE_WORDS) * WORD_BYTES;
}

interface Known {
  readonly birth: number;
  readonly text: string;
}

/** One thread's view of one stripe's texts. All but the constructor needs the stripe's lock. */
export class TextPool {
  readonly #stripe: Stripe;
  readonly #pieces: number;
  readonly #bytes: Buffer;
  readonly #at: number;
  readonly #piecesAt: number;
  readonly #known = new Map<number, Known>();

  constructor(stripe: Stripe, pieces: number) {
    this.#stripe = stripe;
    this.#pieces = pieces;
    this.#bytes = Buffer.from(stripe.words.buffer);
    this.#at = stripe.extraAt;
    this.#piecesAt = stripe.extraAt + HEAD_WORDS + BUCKETS;
  }

  /** The text's id, with one reference more; NONE when there is no room for it. `encoded` is its UTF-8. */
  hold(hash: KeyHash, encoded: Uint8Array): number {
    const { words } = this.#stripe;
    const bucket = this.#bucketOf(hash.h2);
    for (let id = (words[bucket] ?? 0) - 1; id !== NONE; id = (words[this.#pieceAt(id) + NEXT_IN_BUCKET] ?? 0) - 1) {
      const at = this.#pieceAt(id) + HASH;
      if (words[at] !== hash.h0 || words[at + 1] !== hash.h1 || words[at + 2] !== hash.h2 || words[at + 3] !== hash.h3) continue;
      this.share(id);
      return id;
    }
    return this.#add(hash, encoded, bucket);
  }

  share(id: number): void {
    const at = this.#pieceAt(id) + REFERENCES;
    this.#stripe.words[at] = (this.#stripe.words[at] ?? 0) + 1;
  }

  letGo(id: number): void {
    const { words } = this.#stripe;
    const at = this.#pieceAt(id);
    const left = (words[at + REFERENCES] ?? 0) - 1;
    words[at + REFERENCES] = left;
    if (left > 0) return;
    this.#leaveBucket(id);
    for (let piece = id; piece !== NONE;) {
      const pieceAt = this.#pieceAt(piece);
      const next = (words[pieceAt + NEXT_PIECE] ?? 0) - 1;
      words[pieceAt + NEXT_PIECE] = words[this.#at + FREE] ?? 0;
      words[this.#at + FREE] = piece + 1;
      words[this.#at + TAKEN] = (words[this.#at + TAKEN] ?? 0) - 1;
      piece = next;
    }
  }

  /** Makes a string only the first time this thread meets the text. */
  read(id: number): string {
    const birth = this.#stripe.words[this.#pieceAt(id) + BIRTH] ?? 0;
    const known = this.#known.get(id);
    if (known?.birth === birth) return known.text;
    const text = this.#decode(id);
    this.#known.set(id, { birth, text });
    return text;
  }

  /** Room for a text of as many bytes, even if it is new. */
  hasRoom(bytes: number): boolean {
    return (this.#stripe.words[this.#at + TAKEN] ?? 0) + piecesOf(bytes) <= this.#pieces;
  }

  #add(hash: KeyHash, encoded: Uint8Array, bucket: number): number {
    if (!this.hasRoom(encoded.length)) return NONE;
    const { words } = this.#stripe;
    const id = this.#takePiece();
    const at = this.#pieceAt(id);
    words[at + NEXT_IN_BUCKET] = words[bucket] ?? 0;
    words[bucket] = id + 1;
    words[at + REFERENCES] = 1;
    words[at + HASH] = hash.h0;
    words[at + HASH + 1] = hash.h1;
    words[at + HASH + 2] = hash.h2;
    words[at + HASH + 3] = hash.h3;
    words[at + LENGTH] = encoded.length;
    words[at + BIRTH] = this.#stripe.draw();
    this.#bytes.set(encoded.subarray(0, FIRST_BYTES), (at + FIRST_TEXT_WORD) * WORD_BYTES);
    let last = at;
    for (let from = FIRST_BYTES; from < encoded.length; from += OTHER_BYTES) {
      const piece = this.#takePiece();
      words[last + NEXT_PIECE] = piece + 1;
      last = this.#pieceAt(piece);
      this.#bytes.set(encoded.subarray(from, from + OTHER_BYTES), (last + 1) * WORD_BYTES);
    }
    words[last + NEXT_PIECE] = 0;
    return id;
  }

  #decode(id: number): string {
    const { words } = this.#stripe;
    const at = this.#pieceAt(id);
    const length = words[at + LENGTH] ?? 0;
    const whole = Buffer.allocUnsafe(length);
    let filled = this.#bytes.copy(whole, 0, (at + FIRST_TEXT_WORD) * WORD_BYTES, (at + PIECE_WORDS) * WORD_BYTES);
    for (let piece = (words[at + NEXT_PIECE] ?? 0) - 1; piece !== NONE; piece = (words[this.#pieceAt(piece) + NEXT_PIECE] ?? 0) - 1) {
      const pieceAt = this.#pieceAt(piece);
      filled += this.#bytes.copy(whole, filled, (pieceAt + 1) * WORD_BYTES, (pieceAt + PIECE_WORDS) * WORD_BYTES);
    }
    return whole.toString('utf8');
  }

  #leaveBucket(id: number): void {
    const { words } = this.#stripe;
    const at = this.#pieceAt(id);
    let link = this.#bucketOf(words[at + HASH + 2] ?? 0);
    while (words[link] !== id + 1) link = this.#pieceAt((words[link] ?? 0) - 1) + NEXT_IN_BUCKET;
    words[link] = words[at + NEXT_IN_BUCKET] ?? 0;
  }

  #takePiece(): number {
    const { words } = this.#stripe;
    words[this.#at + TAKEN] = (words[this.#at + TAKEN] ?? 0) + 1;
    const free = words[this.#at + FREE] ?? 0;
    if (free > 0) {
      words[this.#at + FREE] = words[this.#pieceAt(free - 1) + NEXT_PIECE] ?? 0;
      return free - 1;
    }
    const fresh = words[this.#at + FRESH] ?? 0;
    words[this.#at + FRESH] = fresh + 1;
    return fresh;
  }

  #bucketOf(word: number): number {
    return this.#at + HEAD_WORDS + (word & (BUCKETS - 1));
  }

  #pieceAt(piece: number): number {
    return this.#piecesAt + piece * PIECE_WORDS;
  }
}

function piecesOf(bytes: number): number {
  return 1 + Math.max(0, Math.ceil((bytes - FIRST_BYTES) / OTHER_BYTES));
}
