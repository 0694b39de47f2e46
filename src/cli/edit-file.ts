// Rewrites a config file whole or not at all, and asks a running gateway to take it up.
import { chmodSync, closeSync, existsSync, fsyncSync, openSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { CommandContext } from './command.js';
import { placedMessage } from './control-client.js';
import { CliFailure } from './failure.js';
import { decodeUtf8 } from './prompt.js';
import { listOf, textOf } from './reading.js';
import { printable } from './terminal.js';
import { unreadable } from './unreadable.js';

const EDITS_MAX = 100; // each that is in vain is another's that was written
const LOCK_WAIT_MS = 5;
const LOCK_WAITS_MAX = 400;

/** The file's text, or '' when there is none. */
export function readConfigText(file: string): string {
  if (!existsSync(file)) return '';
  try {
    return decodeUtf8(readFileSync(file), file);
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    throw unreadable(file, error);
  }
}

/** Through a temporary file beside it: a watcher sees the old text or the new one, never half. Keeps mode and symbolic links. */
export function replaceFile(file: string, text: string, mode = 0o644): void {
  replaceWhere(file, text, mode, (_target, rename) => rename());
}

/**
 * Replaces the file by what `edit` makes of its text; of two edits at once none is lost: where another was written meanwhile, `edit` is asked again,
 * with that. It may throw, and then nothing is written.
 */
export function editFile(file: string, edit: (text: string) => string): void {
  for (let tries = 0; tries < EDITS_MAX; tries++) {
    const before = readConfigText(file);
    let isDone = false;
    replaceWhere(file, edit(before), 0o644, (target, rename) => {
      withLock(join(dirname(target), `.${basename(target)}.lock`), () => {
        if (readConfigText(file) !== before) return;
        rename();
        isDone = true;
      });
    });
    if (isDone) return;
  }
  throw new CliFailure(`${file} was changed meanwhile, again and again; nothing was written.`, { remedy: 'Run the command again.', code: 'changed_meanwhile' });
}

/** `put` renames, or leaves the file as it is. */
function replaceWhere(file: string, text: string, mode: number, put: (target: string, rename: () => void) => void): void {
  const target = existsSync(file) ? realpathSync(file) : file;
  const temporary = join(dirname(target), `.${basename(target)}.${process.pid}.new`);
  try {
    writeDurably(temporary, text, existsSync(target) ? statSync(target).mode & 0o777 : mode);
    put(target, () => renameSync(temporary, target));
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    throw new CliFailure(`${file} cannot be written (${codeOf(error)}).`, { remedy: 'Check who owns it, and that the disk is not full.' });
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Held for the time of a comparison and a rename: one that outlives LOCK_WAITS_MAX waits was left by a process that is gone. */
function withLock(lock: string, work: () => void): void {
  for (let waits = 0; !taken(lock); waits++) {
    if (waits >= LOCK_WAITS_MAX) rmSync(lock, { force: true });
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)), 0, 0, LOCK_WAIT_MS);
  }
  try {
    work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function taken(lock: string): boolean {
  try {
    closeSync(openSync(lock, 'wx', 0o600));
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function writeDurably(file: string, text: string, mode: number): void {
  const descriptor = openSync(file, 'wx', mode);
  try {
    writeFileSync(descriptor, text); // whole: a disk that is getting full takes a part, and calls it written
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  chmodSync(file, mode);
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

/** Has a running gateway take up `file`, which another one that is wrong does not hold up. No gateway is fine: it reads the file at its start. The answer says which it was. */
export async function reloadIfRunning(context: CommandContext, file: string): Promise<'active' | 'not running'> {
  try {
    const answer = await context.control().post('/v1/reload/files', {});
    const refused = listOf(answer, 'refused');
    const mine = refused.find((fault) => context.project.path(textOf(fault, 'file')) === file);
    if (mine !== undefined) throw new CliFailure(`${placedMessage(mine)} It was written, and is not in force.`, { remedy: textOf(mine, 'remediation') || 'Repair the file: it is taken up within a second.', code: 'reload_refused' });
    for (const fault of refused) context.terminal.warn(`note: ${printable(placedMessage(fault))} What this file said before stays in force.`);
    return 'active';
  } catch (error) {
    if (error instanceof CliFailure && error.code === 'gateway_not_running') return 'not running';
    throw error;
  }
}

/** `, active now` or when it will be. */
export function activeNote(reloaded: 'active' | 'not running'): string {
  return reloaded === 'active' ? 'active now' : 'no gateway is running: active at its start';
}
