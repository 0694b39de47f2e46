// What a process takes, as the kernel counts it, in MiB.
import { readFileSync } from 'node:fs';

const KIB_PER_MIB = 1024;

/** `privateMib`: what it shares with no other process; `rssMib` has the pages of the program and its libraries, too. */
export function memoryOf(pid) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kib = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1]);
  return { rssMib: kib('Rss') / KIB_PER_MIB, privateMib: (kib('Private_Clean') + kib('Private_Dirty')) / KIB_PER_MIB };
}
