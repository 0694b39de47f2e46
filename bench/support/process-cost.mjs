// What a process takes of memory and of the processors, as the kernel counts it.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const KIB_PER_MIB = 1024;

/** `privateMib`: what it shares with no other process; `rssMib` has the pages of the program and its libraries, too. */
export function memoryOf(pid) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kib = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1]);
  return { rssMib: kib('Rss') / KIB_PER_MIB, privateMib: (kib('Private_Clean') + kib('Private_Dirty')) / KIB_PER_MIB };
}

const TICK_MS = 10; // USER_HZ is 100 on every Linux that Node runs on

/** CPU time of all its threads so far; with `children`, that of its children that have ended. */
export function cpuMsOf(pid, children = false) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  const at = children ? 13 : 11;
  return (Number(fields[at]) + Number(fields[at + 1])) * TICK_MS;
}

/** The ids of `pid` and of all its descendants. */
function family(pid) {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number));
  return [pid, ...children.flatMap(family)];
}

/** CPU time of a process and its descendants, in steps of 10 ms; threads that have ended count. */
export function familyCpuMs(pid) {
  return family(pid).reduce((sum, one) => sum + cpuMsOf(one), 0);
}

/** Resident memory of a process and its descendants. */
export function familyRssMib(pid) {
  return family(pid).reduce((sum, one) => sum + memoryOf(one).rssMib, 0);
}

/** Waits until a process does next to nothing: calls that were cut off are worked on all the same. */
export async function untilQuiet(pid, waitMsMax) {
  const STEP_MS = 150;
  for (let waited = 0, before = familyCpuMs(pid); waited < waitMsMax; waited += STEP_MS) {
    await sleep(STEP_MS);
    const now = familyCpuMs(pid);
    if (now - before <= STEP_MS * 0.1) return;
    before = now;
  }
}
