// Locks of one word in shared memory: held for nanoseconds, by a thread that says who it is, so that a dead one's can be opened.

/** The kernel may have taken the holder off its core: whoever spins longer than this only keeps it waiting. */
const SPINS_MAX = 256;
const NAP_MS = 0.05; // nobody ever notifies: the holder must not pay for those who wait

/** `owner` is not 0 and names one thread of the process. Nothing that may throw or allocate should run before `release`. */
export function acquire(words: Int32Array, at: number, owner: number): void {
  if (Atomics.compareExchange(words, at, 0, owner) !== 0) contend(words, at, owner);
}

export function release(words: Int32Array, at: number): void {
  Atomics.store(words, at, 0);
}

/** Opens the lock if `owner`, a thread that has ended, holds it. */
export function openLockOf(words: Int32Array, at: number, owner: number): void {
  Atomics.compareExchange(words, at, owner, 0);
}

function contend(words: Int32Array, at: number, owner: number): void {
  for (;;) {
    for (let spin = 0; spin < SPINS_MAX; spin++) {
      if (Atomics.load(words, at) === 0 && Atomics.compareExchange(words, at, 0, owner) === 0) return;
    }
    const holder = Atomics.load(words, at);
    if (holder === owner) throw new Error('a thread waits for a lock that it holds itself');
    if (holder !== 0) Atomics.wait(words, at, holder, NAP_MS);
  }
}
