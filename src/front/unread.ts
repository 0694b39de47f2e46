// What all clients of a thread together have not taken yet of what was written to them: each connection may hold a whole answer, and there are thousands.

export interface Holder {
  /** Whose connection it is: one object for each address. */
  readonly peer: object;
  /** It makes room for others: its connection is cut. It may have ended since. */
  cutUnread(): void;
}

export class Unread {
  readonly #bytesMax: number;
  /** The one that has waited longest is the first. */
  readonly #held = new Map<Holder, number>();
  bytes = 0;
  /** Cut to make room, since the start. */
  cut = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** So much waits for this one now; 0 = nothing does. Above the bound, of the address that holds most the one that has waited longest makes room; a single one always has it. */
  note(holder: Holder, bytes: number): void {
    const before = this.#held.get(holder) ?? 0;
    this.bytes += bytes - before;
    if (bytes === 0) this.#held.delete(holder);
    else this.#held.set(holder, bytes);
    if (bytes > before) while (this.bytes > this.#bytesMax && this.#held.size > 1) this.#makeRoom();
  }

  #makeRoom(): void {
    const holder = this.#oldestOfTheLargest();
    this.note(holder, 0);
    this.cut += 1;
    // Not in the midst of whatever writes now: it may be this one.
    setImmediate(() => holder.cutUnread());
  }

  #oldestOfTheLargest(): Holder {
    const held = new Map<object, { readonly oldest: Holder; bytes: number }>();
    for (const [holder, bytes] of this.#held) {
      const known = held.get(holder.peer);
      if (known === undefined) held.set(holder.peer, { oldest: holder, bytes });
      else known.bytes += bytes;
    }
    return [...held.values()].reduce((most, one) => (one.bytes > most.bytes ? one : most)).oldest;
  }
}
