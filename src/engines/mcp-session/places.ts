// How many MCP sessions there are, of all gateway threads together: one place for each, in memory that they share, so that the bounds are one
// process's bounds. A session lives as long as its place: whichever thread takes it away ends the session, and tells the thread that owns it.
import { addHead, addMember, FAMILY_WORDS, isHead, headOf, membersOf, oldestOf, removeMember, touchMember } from '../../base/shared/families.js';
import { pairHash } from '../../base/shared/key-hash.js';
import { createTableMemory, NONE, SharedTable, type Stripe, type TableMemory } from '../../base/shared/table.js';

/** Plain data, given to each thread. */
export interface PlacesMemory {
  readonly table: TableMemory;
  /** One word: places taken. */
  readonly taken: SharedArrayBuffer;
}

/** Whose a place was: a thread, and how that thread knows the session. */
export interface PlaceOwner {
  readonly owner: number;
  readonly serial: number;
}

export type OpenedPlace = { readonly kind: 'full' } | { readonly kind: 'opened'; readonly evicted: PlaceOwner | undefined };

const OWNER = FAMILY_WORDS;
const SERIAL = FAMILY_WORDS + 1;
const DATA_BYTES = (FAMILY_WORDS + 2) * 4;
const WORD_BYTES = 4;
const FULL: OpenedPlace = Object.freeze({ kind: 'full' });
const OPENED: OpenedPlace = Object.freeze({ kind: 'opened', evicted: undefined });

export function createPlacesMemory(totalMax: number): PlacesMemory {
  // A caller has a record of its own, and may have one session.
  return { table: createTableMemory({ capacity: 2 * totalMax, dataBytes: DATA_BYTES }), taken: new SharedArrayBuffer(WORD_BYTES) };
}

export class SessionPlaces {
  readonly owner: number;
  readonly #table: SharedTable;
  readonly #taken: Int32Array;

  constructor(memory: PlacesMemory, owner: number) {
    this.owner = owner;
    this.#table = new SharedTable(memory.table, owner);
    this.#taken = new Int32Array(memory.taken);
  }

  get table(): SharedTable {
    return this.#table;
  }

  get taken(): number {
    return Atomics.load(this.#taken, 0);
  }

  /** A caller at its limit loses the place of its longest unused session. */
  open(caller: string, id: string, serial: number, limits: { readonly perCallerMax: number; readonly totalMax: number }): OpenedPlace {
    return this.#within(caller, (stripe, hash) => {
      const head = stripe.find(hash);
      const evicted = head !== NONE && membersOf(stripe, head) >= limits.perCallerMax ? this.#evictOldestOf(stripe, head) : undefined;
      if (Atomics.add(this.#taken, 0, 1) >= limits.totalMax) {
        Atomics.sub(this.#taken, 0, 1);
        if (head !== NONE && membersOf(stripe, head) === 0) stripe.remove(head);
        return FULL;
      }
      const family = head === NONE ? addHead(stripe, hash) : head;
      const place = family === NONE ? NONE : addMember(stripe, family, pairHash(hash, this.#table.hashOf(id)));
      if (place === NONE) {
        if (family !== NONE && family !== head) stripe.remove(family);
        Atomics.sub(this.#taken, 0, 1);
        return FULL;
      }
      stripe.words[stripe.wordAt(place) + OWNER] = this.owner;
      stripe.words[stripe.wordAt(place) + SERIAL] = serial;
      return evicted === undefined ? OPENED : { kind: 'opened', evicted };
    });
  }

  /** The session was used. False = its place was taken away. */
  touch(caller: string, id: string): boolean {
    return this.#within(caller, (stripe, hash) => {
      const place = stripe.find(pairHash(hash, this.#table.hashOf(id)));
      if (place === NONE) return false;
      touchMember(stripe, place);
      return true;
    });
  }

  close(caller: string, id: string): void {
    this.#within(caller, (stripe, hash) => {
      const place = stripe.find(pairHash(hash, this.#table.hashOf(id)));
      if (place !== NONE) this.#remove(stripe, place);
    });
  }

  /** The places of a thread that has ended. */
  closeAllOf(owner: number): void {
    for (const stripe of this.#table.stripes) {
      stripe.lock();
      try {
        stripe.each((record) => {
          if (!isHead(stripe, record) && stripe.words[stripe.wordAt(record) + OWNER] === owner) this.#remove(stripe, record);
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
    Atomics.sub(this.#taken, 0, 1);
    return evicted;
  }

  #remove(stripe: Stripe, place: number): void {
    const head = headOf(stripe, place);
    removeMember(stripe, place);
    if (membersOf(stripe, head) === 0) stripe.remove(head);
    Atomics.sub(this.#taken, 0, 1);
  }

  #within<T>(caller: string, work: (stripe: Stripe, hash: ReturnType<SharedTable['hashOf']>) => T): T {
    const hash = this.#table.hashOf(caller);
    const stripe = this.#table.stripeOf(hash);
    stripe.lock();
    try {
      return work(stripe, hash);
    } finally {
      stripe.unlock();
    }
  }
}
