// One coarse timer for all calls: adding and removing is relinking a list, where a timer per call costs a microsecond.

const TICK_MS = 20; // a time-out comes up to two of them late, and never early
const SLOTS = 512; // one turn is 10 s: a longer wait is looked at once a turn

/** Something that waits for a time. In one wheel at most, once. */
export abstract class Timed {
  /** @internal */
  dueMs = 0;
  /** @internal */
  previous: Timed | undefined;
  /** @internal undefined = not waiting */
  next: Timed | undefined;

  /** Called once, when it no longer waits. */
  abstract onDue(): void;
}

/** The ends of a ring. */
class Ring extends Timed {
  constructor() {
    super();
    this.previous = this;
    this.next = this;
  }

  onDue(): void { /* is never waited for */ }
}

export class TimeWheel {
  readonly #monotonicMs: () => number;
  readonly #slots: readonly Ring[] = Array.from({ length: SLOTS }, () => new Ring());
  readonly #passing = new Ring();
  #timer: NodeJS.Timeout | undefined;
  #ticking = false;
  #waiting = 0;
  /** The clock when it was last looked at: while anything waits, not longer ago than a tick, as far as the thread is not held up. */
  nowMs = 0;
  /** The last tick whose slot was emptied. */
  #tick = 0;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** `nowMs`: this moment, or one before it as long as `delayMs` counts from there. */
  add(entry: Timed, delayMs: number, nowMs: number): void {
    this.nowMs = Math.max(this.nowMs, nowMs);
    entry.dueMs = nowMs + delayMs;
    this.#waiting += 1;
    if (!this.#ticking) this.#begin(nowMs);
    this.#link(entry);
  }

  /** Does nothing when it does not wait. */
  remove(entry: Timed): void {
    if (entry.next === undefined) return;
    unlink(entry);
    this.#waiting -= 1;
  }

  /** What is due by now is told. The wheel's own timer calls it; public for tests. */
  turn(): void {
    const nowMs = this.#monotonicMs();
    this.nowMs = nowMs;
    const nowTick = Math.floor(nowMs / TICK_MS);
    const from = Math.max(this.#tick + 1, nowTick - SLOTS + 1); // after a standstill of more than a turn every slot is emptied once
    this.#tick = Math.max(this.#tick, nowTick);
    for (let tick = from; tick <= nowTick; tick += 1) this.#empty(this.#slots[tick % SLOTS], nowMs);
    if (this.#waiting > 0) this.#timer?.refresh();
    else this.#ticking = false;
  }

  #begin(nowMs: number): void {
    this.#ticking = true;
    this.#tick = Math.floor(nowMs / TICK_MS);
    if (this.#timer === undefined) this.#timer = setTimeout(turnWheel, TICK_MS, this).unref(); // what waits has a socket, and that keeps the process alive
    else this.#timer.refresh();
  }

  #link(entry: Timed): void {
    // A slot is emptied when its tick has passed, and one that was emptied already comes again a turn later.
    const tick = Math.max(Math.ceil(entry.dueMs / TICK_MS), this.#tick + 1);
    const ring = this.#slots[tick % SLOTS];
    if (ring === undefined) return;
    const last = ring.previous ?? ring;
    entry.previous = last;
    entry.next = ring;
    last.next = entry;
    ring.previous = entry;
  }

  /** By way of a ring of its own: what is due may add and remove others. */
  #empty(slot: Ring | undefined, nowMs: number): void {
    const first = slot?.next;
    const last = slot?.previous;
    if (slot === undefined || first === undefined || last === undefined || first === slot) return;
    const passing = this.#passing;
    passing.next = first;
    first.previous = passing;
    passing.previous = last;
    last.next = passing;
    slot.next = slot.previous = slot;
    for (let entry = passing.next; entry !== undefined && entry !== passing; entry = passing.next) {
      unlink(entry);
      if (entry.dueMs > nowMs) {
        this.#link(entry);
        continue;
      }
      this.#waiting -= 1;
      entry.onDue();
    }
  }
}

function turnWheel(wheel: TimeWheel): void {
  wheel.turn();
}

function unlink(entry: Timed): void {
  const { previous, next } = entry;
  if (previous !== undefined) previous.next = next;
  if (next !== undefined) next.previous = previous;
  entry.previous = entry.next = undefined;
}
