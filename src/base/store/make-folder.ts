// A folder and those above it. Node's own recursive mkdir never ends where the system says of a new folder that it does not exist, as below /proc.
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** One that is there stays as it is. Throws as mkdir does. */
export function makeFolder(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (fault) {
    const code = fault instanceof Error && 'code' in fault ? fault.code : undefined;
    if (code === 'EEXIST' && statSync(path).isDirectory()) return;
    const parent = dirname(path);
    if (code !== 'ENOENT' || existsSync(parent)) throw fault;
    makeFolder(parent, mode);
    makeFolder(path, mode);
  }
}
