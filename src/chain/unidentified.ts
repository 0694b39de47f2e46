// Strangers can't fill the disk: above a rate per source, their requests share one line per source and second, and wait for it (SPEC section 8).
import type { AuditAppender } from '../audit/types.js';

const SECOND_MS = 1000;

export interface SharedLines {
  /**
   * Writes `line()` alone, or counts it into the source's shared line. `done` is called when the line that counts this request is on disk.
   * A request that shares a line waits up to a second for it: a flood slows itself down, and nobody gets an answer without a record.
   */
  append(source: string, nowMs: number, line: () => string, shared: (repeated: number) => string, done: (error: Error | undefined) => void): void;
  flush(): void;
}

interface Window {
  readonly secondMs: number;
  alone: number;
  shared: ((repeated: number) => string) | undefined;
  waiting: ((error: Error | undefined) => void)[];
}

export function createSharedLines(appender: AuditAppender, perSecond: () => number, schedule: (flush: () => void, afterMs: number) => void): SharedLines {
  const windows = new Map<string, Window>();

  const close = (source: string, window: Window): void => {
    if (windows.get(source) === window) windows.delete(source);
    const { shared, waiting } = window;
    if (shared === undefined) return;
    window.shared = undefined;
    window.waiting = [];
    appender.append(shared(waiting.length), (error) => {
      for (const done of waiting) done(error);
    });
  };

  return {
    append(source, nowMs, line, shared, done) {
      const secondMs = Math.floor(nowMs / SECOND_MS) * SECOND_MS;
      let window = windows.get(source);
      if (window === undefined || window.secondMs !== secondMs) {
        if (window !== undefined) close(source, window);
        const opened: Window = { secondMs, alone: 0, shared: undefined, waiting: [] };
        windows.set(source, opened);
        schedule(() => close(source, opened), secondMs + SECOND_MS - nowMs);
        window = opened;
      }
      if (window.alone < perSecond()) {
        window.alone++;
        appender.append(line(), done);
        return;
      }
      window.shared ??= shared;
      window.waiting.push(done);
    },
    flush() {
      for (const [source, window] of [...windows]) close(source, window);
    },
  };
}
