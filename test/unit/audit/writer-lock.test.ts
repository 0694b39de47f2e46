// One writer per folder, whoever it is and however the last one ended.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AuditDirBusy, lockAuditDir } from '../../../src/audit/writer-lock.js';
import { scratchDir } from './line-fixture.js';

let scratch: ReturnType<typeof scratchDir>;
beforeEach(() => {
  scratch = scratchDir();
  mkdirSync(scratch.dir);
});
afterEach(() => scratch.remove());

it('refuses a second writer in the same process and lets it in after the first', () => {
  const lock = lockAuditDir(scratch.dir);
  expect(() => lockAuditDir(scratch.dir)).toThrow(AuditDirBusy);
  expect(() => lockAuditDir(scratch.dir)).toThrow(`process ${process.pid}`);
  lock.release();
  lockAuditDir(scratch.dir).release();
});

it('refuses while another process holds it, and takes it over when that process was killed', async () => {
  const sqlite = pathToFileURL(join(import.meta.dirname, '../../../node_modules/better-sqlite3/lib/index.js')).href;
  const program = `import Database from ${JSON.stringify(sqlite)};
    const database = new Database(process.argv[1]); database.exec('BEGIN EXCLUSIVE'); console.log('held'); setInterval(() => database.open, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, join(scratch.dir, 'writer.lock')], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    expect(() => lockAuditDir(scratch.dir)).toThrow(AuditDirBusy);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  lockAuditDir(scratch.dir).release();
});
