// CPU time of a process from the kernel: of all its threads, those of pools and of V8 too.
import { readdirSync, readFileSync } from 'node:fs';

/** In ms. proc(5): schedstat's first field is in ns. A thread that ends takes its time along. */
export function cpuMs(pid) {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).reduce((sum, task) => sum + nsOf(`${tasks}/${task}/schedstat`), 0) / 1e6;
}

function nsOf(file) {
  try {
    return Number(readFileSync(file, 'utf8').split(' ')[0]);
  } catch {
    return 0; // it ended meanwhile
  }
}
