// A table of fixed-size records in shared memory, known by 128-bit hashes. It is split into stripes with a lock each: what happens within one
// is as if one thread did it, so that finding, adding and forgetting a record need no cleverness about the order of stores.
import { randomBytes } from 'node:crypto';
import { KeyHasher, type KeyHash } from './key-hash.js';
import { acquire, openLockOf, release } from './spin-lock.js';

export interface TableShape {
  /** Records at most. A stripe takes no more than its share: a large table may refuse some newcomers from about nine tenths on. */
  readonly capacity: number;
  /** Of the caller's own data in a record, a multiple of 8. */
  readonly dataBytes: number;
  /** Instead of as many as the capacity suggests. */
  readonly stripes?: number;
  /** Records of one family, which must fit one stripe with others; there are fewer stripes then. */
  readonly familyMax?: number;
  /** Further bytes of each stripe, for what its records share. */
  readonly extraBytes?: number;
}

/** What threads are given to share: plain data. The memory is untouched zeros until it is used, so an empty table costs next to nothing. */
export interface TableMemory {
  readonly stripes: readonly SharedArrayBuffer[];
  readonly capacity: number;
  readonly dataBytes: number;
  readonly key: Uint8Array;
}

const STRIPES_MAX = 64; // beyond it threads meet too seldom to matter
const STRIPE_RECORDS_MIN = 2048; // in stripes of this many records chance fills the fullest to a few per cent above the mean
const KEY_BYTES = 32;
const LINE_WORDS = 16; // 64 bytes: a cache line
const WORD_BYTES = 4;

// Words of a stripe's head; the lock has a cache line of its own.
const LOCK = 0;
const COUNT = 16;
const FREE = 17; // the first of the records that were given back, + 1
const FRESH = 18; // records that were never used begin here
const HAND = 19; // where the search for a record that may be forgotten goes on
const DRAWN = 20;
const HEAD_WORDS = 2 * LINE_WORDS;

const HASH_WORDS = 4;
const ENTRY_WORDS = 2; // of the index: tag, record + 1

export const NONE = -1;

export function createTableMemory({ capacity, dataBytes, familyMax = 1, stripes = stripesFor(capacity, familyMax), extraBytes = 0 }: TableShape): TableMemory {
  const share = Math.floor(capacity / stripes);
  const { endWords } = layoutOf(share, dataBytes);
  return { stripes: Array.from({ length: stripes }, () => new SharedArrayBuffer(endWords * WORD_BYTES + extraBytes)), capacity: share, dataBytes, key: randomBytes(KEY_BYTES) };
}

function stripesFor(capacity: number, familyMax: number): number {
  return 2 ** Math.floor(Math.log2(Math.min(STRIPES_MAX, Math.max(1, capacity / Math.max(STRIPE_RECORDS_MIN, 2 * familyMax)))));
}

function layoutOf(capacity: number, dataBytes: number) {
  const indexSize = 2 ** Math.ceil(Math.log2(Math.max(8, capacity * 1.5)));
  const recordsAt = HEAD_WORDS + indexSize * ENTRY_WORDS;
  const recordWords = HASH_WORDS + dataBytes / WORD_BYTES;
  return { indexSize, recordsAt, recordWords, endWords: Math.ceil((recordsAt + capacity * recordWords) / 2) * 2 };
}

/** One thread's view of a table. */
export class SharedTable {
  readonly stripes: readonly Stripe[];
  readonly #hasher: KeyHasher;
  readonly #mask: number;

  /** `owner` names this thread among all that ever open the table; not 0. */
  constructor(memory: TableMemory, owner: number) {
    this.stripes = memory.stripes.map((bytes) => new Stripe(bytes, memory.capacity, memory.dataBytes, owner));
    this.#hasher = new KeyHasher(memory.key);
    this.#mask = memory.stripes.length - 1;
  }

  hashOf(text: string): KeyHash {
    return this.#hasher.of(text);
  }

  stripeOf(hash: KeyHash): Stripe {
    return this.stripes[hash.h1 & this.#mask] as Stripe;
  }

  /** Records in use; a moment's truth. */
  get size(): number {
    return this.stripes.reduce((total, stripe) => total + stripe.count, 0);
  }

  /** Opens the locks that a thread held when it ended. */
  openLocksOf(owner: number): void {
    for (const stripe of this.stripes) openLockOf(stripe.words, LOCK, owner);
  }
}

/** A record is named by its number; its data begin at `wordAt`, or `doubleAt` for 64-bit floats. Everything but `count` needs the lock. */
export class Stripe {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly capacity: number;
  /** Word where the extra bytes begin. */
  readonly extraAt: number;
  readonly #owner: number;
  readonly #mask: number;
  readonly #recordsAt: number;
  readonly #recordWords: number;

  constructor(bytes: SharedArrayBuffer, capacity: number, dataBytes: number, owner: number) {
    const { indexSize, recordsAt, recordWords, endWords } = layoutOf(capacity, dataBytes);
    this.words = new Int32Array(bytes);
    this.doubles = new Float64Array(bytes, 0, Math.floor(bytes.byteLength / Float64Array.BYTES_PER_ELEMENT));
    this.capacity = capacity;
    this.extraAt = endWords;
    this.#owner = owner;
    this.#mask = indexSize - 1;
    this.#recordsAt = recordsAt;
    this.#recordWords = recordWords;
  }

  lock(): void {
    acquire(this.words, LOCK, this.#owner);
  }

  unlock(): void {
    release(this.words, LOCK);
  }

  /** Where a closure more does not matter; what every call does locks and unlocks by itself. */
  locked<T>(work: () => T): T {
    this.lock();
    try {
      return work();
    } finally {
      this.unlock();
    }
  }

  get count(): number {
    return Atomics.load(this.words, COUNT);
  }

  wordAt(record: number): number {
    return this.#recordsAt + record * this.#recordWords + HASH_WORDS;
  }

  doubleAt(record: number): number {
    return this.wordAt(record) >>> 1;
  }

  find(hash: KeyHash): number {
    const { words } = this;
    const tag = tagOf(hash);
    for (let slot = tag & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const entry = HEAD_WORDS + slot * ENTRY_WORDS;
      const held = words[entry];
      if (held === 0) return NONE;
      if (held !== tag) continue;
      const record = (words[entry + 1] ?? 0) - 1;
      const at = this.#hashAt(record);
      if (words[at + 1] === hash.h1 && words[at + 2] === hash.h2 && words[at + 3] === hash.h3) return record;
    }
  }

  /** A record for a hash that has none, its data all 0; NONE when the stripe is full. */
  add(hash: KeyHash): number {
    const record = this.#takeRecord();
    if (record === NONE) return NONE;
    const { words } = this;
    const tag = tagOf(hash);
    const at = this.#hashAt(record);
    words.fill(0, at, at + this.#recordWords);
    words[at] = tag;
    words[at + 1] = hash.h1;
    words[at + 2] = hash.h2;
    words[at + 3] = hash.h3;
    let slot = tag & this.#mask;
    while (words[HEAD_WORDS + slot * ENTRY_WORDS] !== 0) slot = (slot + 1) & this.#mask;
    words[HEAD_WORDS + slot * ENTRY_WORDS + 1] = record + 1;
    words[HEAD_WORDS + slot * ENTRY_WORDS] = tag;
    words[COUNT] = (words[COUNT] ?? 0) + 1;
    return record;
  }

  remove(record: number): void {
    const { words } = this;
    const at = this.#hashAt(record);
    let slot = (words[at] ?? 0) & this.#mask;
    while (words[HEAD_WORDS + slot * ENTRY_WORDS + 1] !== record + 1) slot = (slot + 1) & this.#mask;
    this.#closeGap(slot);
    words[at] = 0;
    words[at + 1] = words[FREE] ?? 0;
    words[FREE] = record + 1;
    words[COUNT] = (words[COUNT] ?? 0) - 1;
  }

  /** A number that none of the last 2^32 draws gave: tells what is in a place from what was there before. */
  draw(): number {
    const number = ((this.words[DRAWN] ?? 0) + 1) | 0;
    this.words[DRAWN] = number;
    return number;
  }

  isUsed(record: number): boolean {
    return this.words[this.#hashAt(record)] !== 0;
  }

  /** The next record in use, round and round; NONE after `steps` looks without one. */
  sweep(steps: number): number {
    const { words } = this;
    const fresh = words[FRESH] ?? 0;
    let hand = words[HAND] ?? 0;
    for (let step = 0; step < steps && fresh > 0; step++) {
      const record = hand >= fresh ? 0 : hand;
      hand = record + 1;
      if (!this.isUsed(record)) continue;
      words[HAND] = hand;
      return record;
    }
    words[HAND] = hand;
    return NONE;
  }

  /** Calls `visit` with each record in use, which it may remove. */
  each(visit: (record: number) => void): void {
    const fresh = this.words[FRESH] ?? 0;
    for (let record = 0; record < fresh; record++) if (this.isUsed(record)) visit(record);
  }

  #hashAt(record: number): number {
    return this.#recordsAt + record * this.#recordWords;
  }

  #takeRecord(): number {
    const { words } = this;
    const free = words[FREE] ?? 0;
    if (free > 0) {
      words[FREE] = words[this.#hashAt(free - 1) + 1] ?? 0;
      return free - 1;
    }
    const fresh = words[FRESH] ?? 0;
    if (fresh >= this.capacity) return NONE;
    words[FRESH] = fresh + 1;
    return fresh;
  }

  /** Moves up what a search would no longer reach past the empty slot. */
  #closeGap(emptied: number): void {
    const { words } = this;
    let gap = emptied;
    for (let slot = (gap + 1) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const entry = HEAD_WORDS + slot * ENTRY_WORDS;
      const tag = words[entry] ?? 0;
      if (tag === 0) break;
      if (((slot - tag) & this.#mask) < ((slot - gap) & this.#mask)) continue;
      words[HEAD_WORDS + gap * ENTRY_WORDS] = tag;
      words[HEAD_WORDS + gap * ENTRY_WORDS + 1] = words[entry + 1] ?? 0;
      gap = slot;
    }
    words[HEAD_WORDS + gap * ENTRY_WORDS] = 0;
    words[HEAD_WORDS + gap * ENTRY_WORDS + 1] = 0;
  }
}

/** 0 stands for nothing. */
function tagOf(hash: KeyHash): number {
  return hash.h0 === 0 ? 1 : hash.h0;
}
