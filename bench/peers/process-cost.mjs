// What a process and its children cost, read from /proc: CPU time of all threads, those that ended included, and resident memory.
import { readdirSync, readFileSync } from 'node:fs';

/** The kernel's clock ticks in a second, fixed for programs at 100 on Linux. */
const TICKS = 100;
const PAGE_BYTES = 4096;

/** The ids of `pid` and of all its descendants. */
function family(pid) {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number));
  return [pid, ...children.flatMap(family)];
}

/** CPU time in ms, in steps of 10 ms (utime and stime of proc(5)). */
export function cpuMs(pid) {
  return family(pid).reduce((sum, one) => {
    const fields = readFileSync(`/proc/${one}/stat`, 'utf8').split(') ')[1].split(' ');
    return sum + ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS;
  }, 0);
}

/** Resident memory in MiB. */
export function residentMib(pid) {
  return family(pid).reduce((sum, one) => sum + (Number(readFileSync(`/proc/${one}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES) / 2 ** 20, 0);
}

/** Waits until a process does next to nothing: calls that were cut off are worked on all the same. */
export async function untilQuiet(pid, waitMsMax) {
  const STEP_MS = 150;
  for (let waited = 0, before = cpuMs(pid); waited < waitMsMax; waited += STEP_MS) {
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    const now = cpuMs(pid);
    if (now - before <= STEP_MS * 0.1) return;
    before = now;
  }
}
