// A wait that ends early when nobody wants its end any more.

export function pause(ms: number, signal: AbortSignal, after: (ms: number, run: () => void) => () => void): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const over = (): void => {
      stop();
      signal.removeEventListener('abort', over);
      resolve();
    };
    const stop = after(ms, over);
    signal.addEventListener('abort', over, { once: true });
  });
}
