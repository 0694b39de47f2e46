// Processes that a gateway left behind because it was ended by SIGKILL: most end with their input, the others when the next gateway starts.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';

const MODE = 0o600;
const START_FIELD = 19; // of /proc/PID/stat, counted behind the name: field 22 of proc(5)

interface Noted {
  readonly pid: number;
  /** When it started, in ticks since boot: a number may be another process's by now. */
  readonly started: string;
}

/** Where there is no /proc nothing is noted: then only those that ignore the end of their input stay. */
export function noteProcesses(file: string, pids: readonly number[]): void {
  const noted = pids.flatMap((pid): Noted[] => {
    const started = startOf(pid);
    return started === undefined ? [] : [{ pid, started }];
  });
  try {
    if (noted.length === 0) rmSync(file, { force: true });
    else writeFileSync(file, JSON.stringify(noted), { mode: MODE });
  } catch {
    // a full disk must stop no tool server; the note only matters after a SIGKILL
  }
}

/** Ends what is noted and still runs, with all of its group; their numbers. */
export function endLeftOver(file: string): number[] {
  const left = readNoted(file).filter(({ pid, started }) => startOf(pid) === started).map(({ pid }) => pid);
  for (const pid of left) {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // it ended meanwhile
    }
  }
  rmSync(file, { force: true });
  return left;
}

function readNoted(file: string): Noted[] {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return Array.isArray(value) ? value.filter(isNoted) : [];
  } catch {
    return [];
  }
}

function isNoted(value: unknown): value is Noted {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, started } = value as Partial<Record<keyof Noted, unknown>>;
  return typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 1 && typeof started === 'string';
}

function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[START_FIELD];
  } catch {
    return undefined;
  }
}
