// How many files, connections among them, this process may have open.
import { readFileSync } from 'node:fs';

const LINE = /^Max open files +(\d+)/m;
/** Before any connection. Measured 2026-11-30, Node 20: 37 with one gateway thread, 113 with sixteen. */
const FILES_OF_ALL = 40;
const FILES_OF_THREAD = 8;

/** The limit in force: Node has raised it as far as it may. Undefined where the system does not say, or has none. */
export function readOpenFilesMax(file = '/proc/self/limits'): number | undefined {
  try {
    const found = LINE.exec(readFileSync(file, 'utf8'))?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
}

/** A start that runs out of files half-way fails wherever it happens to be, in words that name anything but the limit; so it does not begin. */
export function refuseFewFiles(gatewayThreads: number, openFilesMax = readOpenFilesMax()): void {
  const needed = FILES_OF_ALL + gatewayThreads * FILES_OF_THREAD;
  if (openFilesMax === undefined || openFilesMax >= needed) return;
  throw new Error(`this process may have ${openFilesMax} files open; with ${gatewayThreads === 1 ? 'one gateway thread' : `${gatewayThreads} gateway threads`} it needs ${needed} before any connection. Raise its limit (ulimit -n, LimitNOFILE), to 4096 at least.`);
}
