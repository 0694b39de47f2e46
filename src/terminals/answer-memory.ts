// What answers of tool servers that are held here whole take, all of a gateway thread together: each has a bound of its own, and hundreds may come at once.
// Their tools have run, so nothing is refused: above the bound those of one server are read on one after another. Not those of all: one that drips would hold up the others'.

/** What one read may still bring of an answer that is to wait. */
export const READ_BYTES = 64 * 1024;

/** Of one answer. */
export class Room {
  /** @internal */
  bytes = 0;
  /** Nothing more of it is read for now. */
  waits = false;
  /** It has had to: how long it took, and whether its server bore that, is not the server's doing. */
  hasWaited = false;
  /** @internal */
  stalled = false;
  /** @internal */
  readonly server: string;
  readonly #memory: AnswerMemory;
  readonly #flow: () => void;

  constructor(memory: AnswerMemory, server: string, flow: () => void) {
    this.server = server;
    this.#memory = memory;
    this.#flow = flow;
  }

  /** So many bytes now; 0 = nothing any more. Who has had none gets in line behind all others. */
  holds(bytes: number): void {
    this.#memory.note(this, bytes);
  }

  /** Its client does not take what comes before: until it does, nobody waits for this one. */
  stall(stalled: boolean): void {
    if (this.stalled === stalled) return;
    this.stalled = stalled;
    this.#memory.stalls(this);
  }

  /** @internal */
  wait(waits: boolean): void {
    if (this.waits === waits) return;
    this.waits = waits;
    if (waits) this.hasWaited = true;
    this.#flow();
  }
}

export class AnswerMemory {
  readonly #bytesMax: number;
  /** Of those of a server that do not stall, the one that has held room longest is its first, and never waits: it comes to its end, and so do those behind it. */
  readonly #rooms = new Set<Room>();
  #bytes = 0;
  #turn: NodeJS.Immediate | undefined;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What need not be held now had better not be. */
  get isFull(): boolean {
    return this.#bytes > this.#bytesMax;
  }

  /** `server`: whose answer it is. `flow`: called when it is to wait, and when no longer. */
  room(server: string, flow: () => void): Room {
    return new Room(this, server, flow);
  }

  /** @internal */
  note(room: Room, bytes: number): void {
    const more = bytes - room.bytes;
    if (more === 0) return;
    this.#bytes += more;
    room.bytes = bytes;
    if (bytes === 0) {
      this.#rooms.delete(room);
      room.wait(false);
    } else this.#rooms.add(room);
    if (more < 0) this.#goOnSoon();
    else if (this.isFull && room !== this.#firstOf(room.server)) room.wait(true);
  }

  /** @internal */
  stalls(room: Room): void {
    if (!this.#rooms.delete(room)) return;
    this.#rooms.add(room);
    this.#goOnSoon();
  }

  #firstOf(server: string): Room | undefined {
    for (const room of this.#rooms) if (!room.stalled && room.server === server) return room;
    return undefined;
  }

  /** Not in the midst of whatever ends now: who goes on may end at once, too. */
  #goOnSoon(): void {
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      this.#goOn();
    });
  }

  /** In their order, as many as find room for what their next read brings. */
  #goOn(): void {
    const servers = new Set<string>();
    let taken = this.#bytes;
    for (const room of this.#rooms) {
      const isFirst = !room.stalled && !servers.has(room.server);
      if (isFirst) servers.add(room.server);
      else if (!room.waits || taken + READ_BYTES > this.#bytesMax) continue;
      else taken += READ_BYTES;
      room.wait(false);
    }
  }
}
