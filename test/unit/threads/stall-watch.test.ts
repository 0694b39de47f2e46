// A thread stands still when its count does: said once, and once more when it goes on.
import { expect, it } from 'vitest';
import { createBeats, StallWatch } from '../../../src/threads/stall-watch.js';

it('says a stall once, its end once, and nothing of a thread that does not run', () => {
  let nowMs = 0;
  const said: string[] = [];
  const beats = createBeats(2);
  const words = new Int32Array(beats);
  const watch = new StallWatch(beats, 2, { stallMs: 1000, nowMs: () => nowMs, stalled: (index) => void said.push(`stalled ${index}`), recovered: (index) => void said.push(`recovered ${index}`) });
  const look = (atMs: number, runs: (index: number) => boolean = () => true): void => {
    nowMs = atMs;
    watch.look(runs);
  };
  for (let at = 0; at <= 3000; at += 500) {
    Atomics.add(words, 0, 1);
    look(at);
  }
  expect([said, watch.stalled()]).toEqual([['stalled 1'], [1]]);
  Atomics.add(words, 1, 1);
  look(3500);
  expect([said, watch.stalled()]).toEqual([['stalled 1', 'recovered 1'], []]);
  for (let at = 4000; at < 9000; at += 500) look(at, () => false);
  watch.begin(1);
  Atomics.add(words, 0, 1);
  look(9000);
  expect(said).toHaveLength(2);
});
