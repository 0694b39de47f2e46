// How the writer sleeps and is woken: senders see in shared memory whether it sleeps, and pay for a wake-up only then.

const STATE = 0;
// Each in a cache line of its own.
const CALLS = 16;
const ASKED = 32;
const BYTES = 192;

const AWAKE = 0; // it looks at every lane before it sleeps again
const DOZING = 1; // blocked, for a short time: a futex wakes it
const RESTING = 2; // in its event loop: a message wakes it
const GATHERING = 3; // it waits for more lines before it commits, and who asks ends the wait

export function createBell(): SharedArrayBuffer {
  return new SharedArrayBuffer(BYTES);
}

/** Whatever is rung for must be in shared memory, or posted, before the ring. */
export class Ringer {
  readonly #words: Int32Array;

  constructor(bell: SharedArrayBuffer) {
    this.#words = new Int32Array(bell);
  }

  /** It sleeps until there are lines. */
  get asleep(): boolean {
    const state = Atomics.load(this.#words, STATE);
    return state === DOZING || state === RESTING;
  }

  /** It knows of lines, and waits a little for more. */
  get gathers(): boolean {
    return Atomics.load(this.#words, STATE) === GATHERING;
  }

  /** True = the writer rests, and only a message wakes it; it is this caller's to send. */
  ring(): boolean {
    const state = Atomics.load(this.#words, STATE);
    // Whoever finds the state changed may go: the writer looks around after each change of its own.
    if (state === AWAKE || Atomics.compareExchange(this.#words, STATE, state, AWAKE) !== state) return false;
    if (state === RESTING) return true;
    Atomics.notify(this.#words, STATE);
    return false;
  }

  /** Its lines are worth a commit now: nothing is done here until they are durable. Holds for a commit that is under way, too: the next follows at once. */
  ask(): void {
    Atomics.store(this.#words, ASKED, 1);
    if (Atomics.load(this.#words, STATE) === GATHERING && Atomics.compareExchange(this.#words, STATE, GATHERING, AWAKE) === GATHERING) Atomics.notify(this.#words, STATE);
  }

  /** Makes the writer read its messages soon, whether it sleeps or works. */
  call(): void {
    Atomics.add(this.#words, CALLS, 1);
    // Never a resting one: the posted message wakes it, or has done so already. Were it marked awake here after that, nobody would wake it again.
    const state = Atomics.load(this.#words, STATE);
    if ((state === DOZING || state === GATHERING) && Atomics.compareExchange(this.#words, STATE, state, AWAKE) === state) Atomics.notify(this.#words, STATE);
  }
}

export class Sleeper {
  readonly #words: Int32Array;
  #calls = 0;

  constructor(bell: SharedArrayBuffer) {
    this.#words = new Int32Array(bell);
  }

  /** True once after each run of calls. */
  called(): boolean {
    const calls = Atomics.load(this.#words, CALLS);
    if (calls === this.#calls) return false;
    this.#calls = calls;
    return true;
  }

  /** Blocks until rung, called, or `ms` are over; not at all when `anything` waits. */
  doze(ms: number, anything: () => boolean): void {
    Atomics.store(this.#words, STATE, DOZING);
    if (!anything() && Atomics.load(this.#words, CALLS) === this.#calls) Atomics.wait(this.#words, STATE, DOZING, ms);
    this.wake();
  }

  /** True once after somebody asked. */
  asked(): boolean {
    return Atomics.exchange(this.#words, ASKED, 0) === 1;
  }

  /** From here on who asks ends the wait. */
  beginGathering(): void {
    Atomics.store(this.#words, STATE, GATHERING);
  }

  /** Blocks until somebody asks, calls, or `ms` are over; not at all when already `over`. */
  gather(ms: number, over: () => boolean): void {
    this.beginGathering();
    const waits = !over() && Atomics.load(this.#words, ASKED) === 0 && Atomics.load(this.#words, CALLS) === this.#calls;
    if (waits) Atomics.wait(this.#words, STATE, GATHERING, ms);
    this.wake();
  }

  /** From here on a message wakes the writer. False when `anything` waits already. */
  rest(anything: () => boolean): boolean {
    Atomics.store(this.#words, STATE, RESTING);
    if (!anything()) return true;
    this.wake();
    return false;
  }

  wake(): void {
    Atomics.store(this.#words, STATE, AWAKE);
  }
}
