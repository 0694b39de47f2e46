// Strangers can't fill the disk: above a rate per source, their requests share one line per source, code and second, and wait for it (SPEC section 8).
import type { AuditAppender } from '../audit/types.js';

const SECOND_MS = 1000;
/** Those who shared a line leave in slices, a thousand in a second: their answers, and the next requests that come of them, must not take the thread. */
const SLICE = 10;
const SLICE_EVERY_MS = 10;
/** Of more than ten thousand, larger slices: those who hung up are still among them, and nobody bounds how fast they come back. */
const SLICE_SHARE = 1000;

export type Done = (error: Error | undefined) => void;

/** One line for many requests, as the first of them wrote it. */
export interface SharedLine {
  readonly decisionId: string;
  readonly traceId: string;
  readonly text: (repeated: number) => string;
}

export interface Sharing {
  readonly line: SharedLine;
  /** Every request that the line will count. */
  readonly waiting: Done[];
}

export interface SharedLines {
  /**
   * Writes `alone()`, or counts the request into the shared line of its source and kind. `done` is called when the line that counts it is on disk.
   * A request that shares a line waits a second or more for it: a flood slows itself down, and nobody gets an answer without a record.
   */
  append(source: string, kind: string, nowMs: number, alone: () => string, shared: SharedLine, done: Done): void;
  /** The line that requests of this kind share just now; undefined while there is none. Whoever joins pushes itself onto `waiting`. */
  open(source: string, kind: string, nowMs: number): Sharing | undefined;
  /** At the end: all lines are written, and nobody waits for a slice any more. */
  flush(): void;
}

interface Window {
  readonly secondMs: number;
  alone: number;
  readonly shared: Map<string, Sharing>;
}

export function createSharedLines(appender: AuditAppender, perSecond: () => number, schedule: (run: () => void, afterMs: number) => void): SharedLines {
  const windows = new Map<string, Window>();
  let ended = false;

  /** Whose line is durable, in the order of the lines; the first of them may have left in part. */
  const leaving: { readonly waiting: readonly Done[]; readonly error: Error | undefined; from: number }[] = [];
  let leavingCount = 0;
  const release = (most: number): void => {
    let room = most;
    for (let first = leaving[0]; first !== undefined && room > 0; first = leaving[0]) {
      const slice = first.waiting.slice(first.from, first.from + room);
      first.from += slice.length;
      room -= slice.length;
      leavingCount -= slice.length;
      if (first.from === first.waiting.length) leaving.shift();
      for (const done of slice) done(first.error);
    }
  };
  const releaseSlice = (): void => {
    release(Math.max(SLICE, Math.ceil(leavingCount / SLICE_SHARE)));
    if (leaving.length > 0) schedule(releaseSlice, SLICE_EVERY_MS);
  };
  const letGo = (waiting: readonly Done[], error: Error | undefined): void => {
    leaving.push({ waiting, error, from: 0 });
    leavingCount += waiting.length;
    if (ended) release(Infinity);
    else if (leaving.length === 1) releaseSlice();
  };

  const close = (source: string, window: Window): void => {
    if (windows.get(source) === window) windows.delete(source);
    for (const { line, waiting } of window.shared.values()) {
      appender.append(line.text(waiting.length), (error) => letGo(waiting, error));
    }
    window.shared.clear();
  };

  const windowAt = (source: string, nowMs: number): Window => {
    const secondMs = Math.floor(nowMs / SECOND_MS) * SECOND_MS;
    const known = windows.get(source);
    // Who came in a second that is over may have waited for a key set or its body: it must not begin that one anew, and this one after it.
    if (known !== undefined && known.secondMs >= secondMs) return known;
    if (known !== undefined) close(source, known);
    const opened: Window = { secondMs, alone: 0, shared: new Map() };
    windows.set(source, opened);
    schedule(() => close(source, opened), secondMs + SECOND_MS - nowMs);
    return opened;
  };

  return {
    append(source, kind, nowMs, alone, shared, done) {
      const window = windowAt(source, nowMs);
      if (window.alone < perSecond()) {
        window.alone++;
        appender.append(alone(), done);
        return;
      }
      const sharing = window.shared.get(kind);
      if (sharing === undefined) window.shared.set(kind, { line: shared, waiting: [done] });
      else sharing.waiting.push(done);
    },
    open(source, kind, nowMs) {
      const window = windows.get(source);
      return window === undefined || nowMs - window.secondMs >= SECOND_MS ? undefined : window.shared.get(kind);
    },
    flush() {
      ended = true;
      release(Infinity);
      for (const [source, window] of [...windows]) close(source, window);
    },
  };
}
