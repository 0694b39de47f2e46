// What a process takes of memory and of the processors, as the kernel counts it.
import { readFileSync } from 'node:fs';

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
