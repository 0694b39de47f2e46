// What all benches that watch processes share: CPU time by process, medians and ranges, and which core does what.
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** What is measured has a core to itself; load and tool server share the other. */
export const cores = availableParallelism() > 1 ? { measured: 0, load: 1 } : { measured: undefined, load: undefined };

/** The command that runs on a core; as it is where there is only one. */
export function onCore(core, command) {
  return core === undefined ? command : ['taskset', '-c', String(core), ...command];
}

/** CPU time of all threads of a process, in µs (proc(5): schedstat's first field is in ns). A thread that ends takes its time along. Linux only. */
export function cpuUs(pid) {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).reduce((sum, task) => sum + nsOf(`${tasks}/${task}/schedstat`), 0) / 1000;
}

function nsOf(file) {
  try {
    return Number(readFileSync(file, 'utf8').split(' ')[0]);
  } catch {
    return 0; // it ended meanwhile
  }
}

/** The middle of the numbers; NaN for none. */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** Median, lowest and highest. */
export function spread(numbers) {
  return { median: median(numbers), lowest: Math.min(...numbers), highest: Math.max(...numbers) };
}

/** The value below which `share` of the sorted numbers lie. */
export function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
