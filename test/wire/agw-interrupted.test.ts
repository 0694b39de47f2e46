// agw that is stopped while it waits for a process which it started itself: that process is not left behind.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startAgw } from '../support/agw-process.js';
import { eventually } from './calls.js';

/** Says who it is, takes all that is written to it, answers nothing, and does not end with its input. */
const SILENT = 'require("node:fs").writeFileSync(process.argv[2], String(process.pid)); process.stdin.resume(); setInterval(() => {}, 1000);';

let dir: string;
beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'precinct-interrupted-')); });
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

it.each(['SIGINT', 'SIGTERM'] as const)('%s while a process is asked for its tools', async (signal) => {
  const [program, pidFile] = [join(dir, 'silent.cjs'), join(dir, 'pid')];
  writeFileSync(program, SILENT);
  const agw = startAgw(dir, ['tools', 'list', '--from', 'stdio:silent', '--command', `'${process.execPath}' '${program}' '${pidFile}'`]);
  expect(await eventually(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8') !== '')).toBe(true);
  const pid = Number(readFileSync(pidFile, 'utf8'));
  expect(runs(pid)).toBe(true);
  const run = await agw.interrupt(signal);
  expect([run.code, run.err.includes('interrupted')]).toEqual([2, true]);
  expect(runs(pid)).toBe(false);
});
