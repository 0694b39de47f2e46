// A clock that stands still until somebody waits, chance that is known, and an environment of the test's own.
import { realSurroundings, type Surroundings } from '../../src/surroundings.js';

export interface OwnSurroundings extends Surroundings {
  /** Seconds that were waited, in order. */
  readonly waited: number[];
  /** Moves the clock on: limits that are reached fire. */
  pass(seconds: number): void;
  readonly env: Record<string, string | undefined>;
}

/** A pause is over at once, and has moved the clock; a limit is reached when the clock passes it. */
export function ownSurroundings({ env = {}, chance = 0.5 }: { readonly env?: Record<string, string>; readonly chance?: number } = {}): OwnSurroundings {
  const waited: number[] = [];
  const limits = new Map<object, { readonly atMs: number; readonly then: () => void }>();
  let nowMs = 1_800_000_000_000;
  const pass = (ms: number): void => {
    nowMs += ms;
    for (const [key, { atMs, then }] of limits) {
      if (atMs > nowMs) continue;
      limits.delete(key);
      then();
    }
  };
  return {
    ...realSurroundings(),
    env,
    waited,
    pass: (seconds) => pass(seconds * 1000),
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    chance: () => chance,
    limit: (ms, then) => {
      const key = {};
      limits.set(key, { atMs: nowMs + ms, then });
      return () => void limits.delete(key);
    },
    pause: (ms, then) => {
      let isOver = false;
      setImmediate(() => {
        if (isOver) return;
        waited.push(ms / 1000);
        pass(ms);
        then();
      });
      return () => { isOver = true; };
    },
  };
}
