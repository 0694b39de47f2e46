// How many MCP sessions there are, of all gateway threads together: one place for each, in memory that they share, so that the bounds are one
// process's bounds. A session lives as long as its place: whichever thread takes it away ends the session, and tells the thread that owns it.
// A session whose thread or process has ended sleeps: its place is nobody's until the first thread that is asked for it takes it over.
import { addHead, addMember, FAMILY_WORDS, isHead, headOf, membersOf, oldestOf, removeMember, touchMember } from '../../base/shared/families.js';
import { pairHash } from '../../base/shared/key-hash.js';
import { createTableMemory, NONE, SharedTable, type Stripe, type TableMemory } from '../../base/shared/table.js';

/** Plain data, given to each thread. */
export interface PlacesMemory {
  readonly table: TableMemory;
  /** Two words: places taken, the last serial number given out. */
  readonly counts: SharedArrayBuffer;
}

/** No thread bears this name in shared memory: the session sleeps. */
export const NOBODY = 0;

/** Whose a place was: a thread or nobody, and the session's serial number. */
export interface PlaceOwner {
  readonly owner: number;
  readonly serial: number;
}

export interface PlaceLimits {
  readonly perCallerMax: number;
  readonly totalMax: number;
}

/** `taken`: it slept, and is this thread's from now on. */
export type TakenPlace = { readonly kind: 'unknown' } | { readonly kind: 'taken'; readonly serial: number } | { readonly kind: 'owned'; readonly owner: number };

export type OpenedPlace = { readonly kind: 'full' } | { readonly kind: 'opened'; readonly evicted: PlaceOwner | undefined };

const OWNER = FAMILY_WORDS;
const SERIAL = FAMILY_WORDS + 1;
const DATA_BYTES = (FAMILY_WORDS + 2) * 4;
const TAKEN = 0;
const LAST_SERIAL = 1;
const COUNT_BYTES = 8;
const UNKNOWN: TakenPlace = Object.freeze({ kind: 'unknown' });
const FULL: OpenedPlace = Object.freeze({ kind: 'full' });
const OPENED: OpenedPlace = Object.freeze({ kind: 'opened', evicted: undefined });

export function createPlacesMemory({ totalMax, perCallerMax }: PlaceLimits): PlacesMemory {
  // A caller has a record of its own, and may have one session.
  return { table: createTableMemory({ capacity: 2 * totalMax, dataBytes: DATA_BYTES, familyMax: perCallerMax + 1 }), counts: new SharedArrayBuffer(COUNT_BYTES) };
}

export class SessionPlaces {
  readonly owner: number;
  readonly #table: SharedTable;
  readonly #counts: Int32Array;

  constructor(memory: PlacesMemory, owner: number) {
    this.owner = owner;
    this.#table = new SharedTable(memory.table, owner);
    this.#counts = new Int32Array(memory.counts);
  }

  get table(): SharedTable {
    return this.#table;
  }

  get taken(): number {
    return Atomics.load(this.#counts, TAKEN);
  }

  /** A number that no session of the last 2^32 had, on whichever thread. */
  nextSerial(): number {
    return (Atomics.add(this.#counts, LAST_SERIAL, 1) + 1) | 0;
  }

  /** Those of an earlier process are in use. */
  skipSerials(last: number): void {
    Atomics.store(this.#counts, LAST_SERIAL, last);
  }

  /** `key` is the session's (session-key.ts). A caller at its limit loses the place of its longest unused session. */
  open(caller: string, key: string, serial: number, limits: PlaceLimits, owner = this.owner): OpenedPlace {
    return this.#within(caller, (stripe, hash) => {
      const head = stripe.find(hash);
      const evicted = head !== NONE && membersOf(stripe, head) >= limits.perCallerMax ? this.#evictOldestOf(stripe, head) : undefined;
      if (Atomics.add(this.#counts, TAKEN, 1) >= limits.totalMax) {
        Atomics.sub(this.#counts, TAKEN, 1);
        if (head !== NONE && membersOf(stripe, head) === 0) stripe.remove(head);
        return FULL;
      }
      const family = head === NONE ? addHead(stripe, hash) : head;
      const place = family === NONE ? NONE : addMember(stripe, family, pairHash(hash, this.#table.hashOf(key)));
      if (place === NONE) {
        if (family !== NONE && family !== head) stripe.remove(family);
        Atomics.sub(this.#counts, TAKEN, 1);
        return FULL;
      }
      stripe.words[stripe.wordAt(place) + OWNER] = owner;
      stripe.words[stripe.wordAt(place) + SERIAL] = serial;
      return evicted === undefined ? OPENED : { kind: 'opened', evicted };
    });
  }

  /** The session was used. False = its place was taken away. */
  touch(caller: string, key: string): boolean {
    return this.#within(caller, (stripe, hash) => {
      const place = stripe.find(pairHash(hash, this.#table.hashOf(key)));
      if (place === NONE) return false;
      touchMember(stripe, place);
      return true;
    });
  }

  /** Of two threads that ask at the same moment one takes it, and the other learns whose it is. */
  take(caller: string, key: string): TakenPlace {
    return this.#at(caller, key, (stripe, place) => {
      if (place === NONE) return UNKNOWN;
      const at = stripe.wordAt(place);
      const owner = stripe.words[at + OWNER] ?? NOBODY;
      if (owner !== NOBODY) return { kind: 'owned', owner };
      stripe.words[at + OWNER] = this.owner;
      touchMember(stripe, place);
      return { kind: 'taken', serial: stripe.words[at + SERIAL] ?? 0 };
    });
  }

  /** The session sleeps again. */
  letGo(caller: string, key: string): void {
    this.#at(caller, key, (stripe, place) => {
      if (place !== NONE && stripe.words[stripe.wordAt(place) + OWNER] === this.owner) stripe.words[stripe.wordAt(place) + OWNER] = NOBODY;
    });
  }

  close(caller: string, key: string): void {
    this.#at(caller, key, (stripe, place) => {
      if (place !== NONE) this.#remove(stripe, place);
    });
  }

  /** False: a thread has the session. */
  closeAsleep(caller: string, key: string): boolean {
    return this.#at(caller, key, (stripe, place) => {
      if (place === NONE) return true;
      if (stripe.words[stripe.wordAt(place) + OWNER] !== NOBODY) return false;
      this.#remove(stripe, place);
      return true;
    });
  }

  /** The places of a thread that has ended: those that are kept sleep, the others are free. */
  letGoAllOf(owner: number, isKept: (serial: number) => boolean): void {
    for (const stripe of this.#table.stripes) {
      stripe.lock();
      try {
        stripe.each((record) => {
          const at = stripe.wordAt(record);
          if (isHead(stripe, record) || stripe.words[at + OWNER] !== owner) return;
          if (isKept(stripe.words[at + SERIAL] ?? 0)) stripe.words[at + OWNER] = NOBODY;
          else this.#remove(stripe, record);
        });
      } finally {
        stripe.unlock();
      }
    }
  }

  #evictOldestOf(stripe: Stripe, head: number): PlaceOwner {
    const oldest = oldestOf(stripe, head);
    const at = stripe.wordAt(oldest);
    const evicted = { owner: stripe.words[at + OWNER] ?? 0, serial: stripe.words[at + SERIAL] ?? 0 };
    removeMember(stripe, oldest);
    Atomics.sub(this.#counts, TAKEN, 1);
    return evicted;
  }

  #remove(stripe: Stripe, place: number): void {
    const head = headOf(stripe, place);
    removeMember(stripe, place);
    if (membersOf(stripe, head) === 0) stripe.remove(head);
    Atomics.sub(this.#counts, TAKEN, 1);
  }

  #at<T>(caller: string, key: string, work: (stripe: Stripe, place: number) => T): T {
    return this.#within(caller, (stripe, hash) => work(stripe, stripe.find(pairHash(hash, this.#table.hashOf(key)))));
  }

  #within<T>(caller: string, work: (stripe: Stripe, hash: ReturnType<SharedTable['hashOf']>) => T): T {
    const hash = this.#table.hashOf(caller);
    const stripe = this.#table.stripeOf(hash);
    return stripe.locked(() => work(stripe, hash));
  }
}
