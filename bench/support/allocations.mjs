// Bytes of heap that one call takes, garbage included. Needs --expose-gc and a young generation that holds a whole round: what is allocated is then what was in
// use after the round less what was before. With --single-threaded the optimizer does the same at every run.
import { getHeapStatistics } from 'node:v8';

const WARM_CALLS = 20_000; // enough for the optimizer to be through with everything
const ROUND_CALLS = 4000; // 40 MB: more than that would not fit
const ROUNDS = 9;

/** The median over the rounds: one in which something else allocated, or a collection began, does not count. */
export function bytesPerCall(call) {
  if (globalThis.gc === undefined) throw new Error('run node with --single-threaded --expose-gc --min-semi-space-size=64 --max-semi-space-size=64');
  for (let i = 0; i < WARM_CALLS; i++) call();
  const rounds = Array.from({ length: ROUNDS }, () => round(call));
  return rounds.sort((a, b) => a - b)[ROUNDS >> 1];
}

function round(call) {
  globalThis.gc();
  const before = getHeapStatistics().used_heap_size;
  for (let i = 0; i < ROUND_CALLS; i++) call();
  return (getHeapStatistics().used_heap_size - before) / ROUND_CALLS;
}
