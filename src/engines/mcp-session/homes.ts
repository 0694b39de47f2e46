// Which thread has a session, in memory that the threads share: a request is taken there before any layer has seen it. Only a sign-post. Where it
// is missing, for want of room or of a moment, bind_session finds the owner by the session's place.
import type { KeyHash } from '../../base/shared/key-hash.js';
import { createTableMemory, NONE, SharedTable, type Stripe, type TableMemory } from '../../base/shared/table.js';
import { NOBODY } from './places.js';

const OWNER = 0;
const DATA_BYTES = 8;

export function createHomesMemory(totalMax: number): TableMemory {
  return createTableMemory({ capacity: 2 * totalMax, dataBytes: DATA_BYTES });
}

export class SessionHomes {
  readonly owner: number;
  readonly table: SharedTable;

  constructor(memory: TableMemory, owner: number) {
    this.owner = owner;
    this.table = new SharedTable(memory, owner);
  }

  /** NOBODY where none is known. */
  ownerOf(id: string): number {
    return this.#within(id, (stripe, hash) => {
      const home = stripe.find(hash);
      return home === NONE ? NOBODY : stripe.words[stripe.wordAt(home) + OWNER] ?? NOBODY;
    });
  }

  /** It is here. */
  settle(id: string): void {
    this.#within(id, (stripe, hash) => {
      const known = stripe.find(hash);
      const home = known === NONE ? stripe.add(hash) : known;
      if (home !== NONE) stripe.words[stripe.wordAt(home) + OWNER] = this.owner;
    });
  }

  /** It is no longer here. */
  leave(id: string): void {
    this.#within(id, (stripe, hash) => {
      const home = stripe.find(hash);
      if (home !== NONE && stripe.words[stripe.wordAt(home) + OWNER] === this.owner) stripe.remove(home);
    });
  }

  /** The thread of this name has ended. */
  leaveAllOf(owner: number): void {
    for (const stripe of this.table.stripes) {
      stripe.locked(() => stripe.each((home) => {
        if (stripe.words[stripe.wordAt(home) + OWNER] === owner) stripe.remove(home);
      }));
    }
  }

  #within<T>(id: string, work: (stripe: Stripe, hash: KeyHash) => T): T {
    const hash = this.table.hashOf(id);
    const stripe = this.table.stripeOf(hash);
    return stripe.locked(() => work(stripe, hash));
  }
}
