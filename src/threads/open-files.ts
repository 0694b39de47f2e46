// How many files, connections among them, this process may have open.
import { readFileSync } from 'node:fs';

const LINE = /^Max open files +(\d+)/m;

/** The limit in force: Node has raised it as far as it may. Undefined where the system does not say, or has none. */
export function readOpenFilesMax(file = '/proc/self/limits'): number | undefined {
  try {
    const found = LINE.exec(readFileSync(file, 'utf8'))?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
}
