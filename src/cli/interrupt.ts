// Ctrl-C as a signal to the work under way, which then ends in good order.

/** Ctrl-C ends the work, not only its printing: whoever is at the other end must learn of it. A second one ends the program. */
export async function withInterrupt<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const onInterrupt = (): void => stop.abort();
  process.once('SIGINT', onInterrupt);
  try {
    return await work(stop.signal);
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}
