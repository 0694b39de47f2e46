// Ctrl-C, or a SIGTERM, as a signal to the work under way, which then ends in good order.

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Ctrl-C ends the work, not only its printing: whoever is at the other end must learn of it. A second one ends the program. */
export async function withInterrupt<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const onInterrupt = (): void => stop.abort();
  for (const signal of SIGNALS) process.once(signal, onInterrupt);
  try {
    return await work(stop.signal);
  } finally {
    for (const signal of SIGNALS) process.off(signal, onInterrupt);
  }
}

/** Rejects when the work is to end: for what takes no signal itself. */
export function interrupted(signal: AbortSignal, failure: () => Error): Promise<never> {
  return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(failure()), { once: true }));
}
