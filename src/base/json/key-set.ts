// The keys of every open object, to find a duplicate the moment it ends: linear for small objects, a keyed hash table for large ones.
import { HalfSipHash, type HashSeed } from './siphash.js';

/** Up to here comparing is cheaper than hashing. */
const LINEAR_KEYS_MAX = 16;
const TABLE_SLOTS_MIN = 256;
/** A table larger than this is dropped after use, so that one hostile message doesn't hold memory for good. */
const TABLE_SLOTS_KEPT = 1 << 16;

function sameBytes(a: Uint8Array, aFrom: number, b: Uint8Array, bFrom: number, length: number): boolean {
  for (let at = 0; at < length; at += 1) if (a[aFrom + at] !== b[bFrom + at]) return false;
  return true;
}

/** Keys are byte ranges of their decoded UTF-8. Objects nest: the keys of the innermost open one are the top of the stack. */
export class KeySet {
  readonly #hasher: HalfSipHash;
  readonly #sources: Uint8Array[] = [];
  readonly #froms: number[] = [];
  readonly #tos: number[] = [];
  #top = 0;
  readonly #bases: number[] = [];
  /** Serial of an object whose keys are in the table, 0 while it is small. */
  readonly #serials: number[] = [];
  #depth = 0;
  #serial = 0;
  // Table: three words per slot (hash, serial, key index). Slots of closed objects stay until the next clear(); their serial matches nothing.
  #table = new Int32Array(0);
  #used = 0;

  constructor(seed: HashSeed) {
    this.#hasher = new HalfSipHash(seed);
  }

  /** Forgets everything; lets go of the bytes of the last message. */
  clear(): void {
    this.#sources.length = 0;
    this.#top = 0;
    this.#depth = 0;
    this.#serial = 0;
    if (this.#used === 0) return;
    if (this.#table.length > 3 * TABLE_SLOTS_KEPT) this.#table = new Int32Array(0);
    else this.#table.fill(0);
    this.#used = 0;
  }

  open(): void {
    this.#bases[this.#depth] = this.#top;
    this.#serials[this.#depth] = 0;
    this.#depth += 1;
  }

  close(): void {
    this.#depth -= 1;
    this.#top = this.#bases[this.#depth] ?? 0;
  }

  /** False = the innermost object has this key already. */
  add(source: Uint8Array, from: number, to: number): boolean {
    const frame = this.#depth - 1;
    const base = this.#bases[frame] ?? 0;
    const key = this.#top;
    this.#sources[key] = source;
    this.#froms[key] = from;
    this.#tos[key] = to;
    this.#top += 1;
    if (key - base < LINEAR_KEYS_MAX) return this.#isNewAmong(base, key);
    if (this.#serials[frame] === 0) {
      this.#serial += 1;
      this.#serials[frame] = this.#serial;
      for (let older = base; older < key; older += 1) this.#insert(older, this.#serial);
    }
    return this.#insert(key, this.#serials[frame] ?? 0);
  }

  #isNewAmong(base: number, key: number): boolean {
    for (let older = base; older < key; older += 1) if (this.#equal(older, key)) return false;
    return true;
  }

  #equal(a: number, b: number): boolean {
    const aFrom = this.#froms[a] ?? 0;
    const bFrom = this.#froms[b] ?? 0;
    const length = (this.#tos[a] ?? 0) - aFrom;
    const aSource = this.#sources[a];
    const bSource = this.#sources[b];
    if (length !== (this.#tos[b] ?? 0) - bFrom || aSource === undefined || bSource === undefined) return false;
    return sameBytes(aSource, aFrom, bSource, bFrom, length);
  }

  /** False = an equal key of the same object is in the table. */
  #insert(key: number, serial: number): boolean {
    if (6 * (this.#used + 1) > this.#table.length) this.#grow();
    const source = this.#sources[key];
    if (source === undefined) return false;
    const hash = this.#hasher.hash(source, this.#froms[key] ?? 0, this.#tos[key] ?? 0);
    const table = this.#table;
    const mask = table.length / 3 - 1;
    let slot = (hash ^ Math.imul(serial, 0x9e3779b1)) & mask;
    while (table[3 * slot + 1] !== 0) {
      if (table[3 * slot + 1] === serial && table[3 * slot] === hash && this.#equal(table[3 * slot + 2] ?? 0, key)) return false;
      slot = (slot + 1) & mask;
    }
    table.set([hash, serial, key], 3 * slot);
    this.#used += 1;
    return true;
  }

  #grow(): void {
    const old = this.#table;
    this.#table = new Int32Array(3 * Math.max(TABLE_SLOTS_MIN, (old.length / 3) * 2));
    const mask = this.#table.length / 3 - 1;
    for (let at = 0; at < old.length; at += 3) {
      const serial = old[at + 1] ?? 0;
      if (serial === 0) continue;
      let slot = ((old[at] ?? 0) ^ Math.imul(serial, 0x9e3779b1)) & mask;
      while (this.#table[3 * slot + 1] !== 0) slot = (slot + 1) & mask;
      this.#table.set(old.subarray(at, at + 3), 3 * slot);
    }
  }
}
