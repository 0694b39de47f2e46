// One writer per audit folder. The lock is the kernel's (SQLite's exclusive file lock): it ends with its process, also by kill −9,
// and no number of a dead process that was given to another one can keep it or break it.
import { Database } from '../base/sqlite/database.js';
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const LOCK_NAME = 'writer.lock'; // nothing but SQLite may open it: closing any other descriptor of it would drop the lock
const HOLDER_NAME = 'writer.pid'; // for the message only

export interface WriterLock {
  release(): void;
}

export class AuditDirBusy extends Error {
  override readonly name = 'AuditDirBusy';
}

function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function holder(dir: string): string {
  try {
    const pid = readFileSync(join(dir, HOLDER_NAME), 'utf8').trim();
    return /^[0-9]{1,10}$/.test(pid) ? `process ${pid}` : 'another process';
  } catch {
    return 'another process';
  }
}

/** Throws AuditDirBusy when another writer is at work, in this process or any other. */
export function lockAuditDir(dir: string): WriterLock {
  const path = join(dir, LOCK_NAME);
  makePrivate(path);
  const database = new Database(path, { timeout: 0 });
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (!(error instanceof Database.SqliteError) || !error.code.startsWith('SQLITE_BUSY')) throw error;
    throw new AuditDirBusy(`${path}: ${holder(dir)} is writing this audit log. Two writers would break the chain: stop that gateway, or give this one its own state_dir.`);
  }
  try {
    writeFileSync(join(dir, HOLDER_NAME), `${process.pid}\n`, { mode: 0o600 });
  } catch {
    // Only the other writer's message is poorer without it.
  }
  return {
    release() {
      rmSync(join(dir, HOLDER_NAME), { force: true });
      database.close();
    },
  };
}
