// Resident memory of a process, in MiB (proc(5), status). Linux only.
import { readFileSync } from 'node:fs';

const KIB_PER_MIB = 1024;

export function residentMib(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / KIB_PER_MIB;
}
