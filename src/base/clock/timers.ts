// Timers as they are given to what waits, so that nothing sets one on its own. `after` and `every` return what stops them.

export function after(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}

export function every(ms: number, tick: () => void): () => void {
  const timer = setInterval(tick, ms);
  return () => clearInterval(timer);
}

/** Returns what says that something was used. Once that has not been said for `ms`, or up to twice as long, `letGo` runs. Keeps no process alive. */
export function whenUnused(ms: number, letGo: () => void): () => void {
  let used = false;
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    if (!used) {
      clearInterval(timer);
      timer = undefined;
      letGo();
    }
    used = false;
  };
  return () => {
    used = true;
    timer ??= setInterval(look, ms).unref();
  };
}
