// The two processes that make up starts: started once, found by their pid file, stopped by pid alone.
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, fstatSync, openSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { lastLines, ROOT } from './run-command.mjs';
import { Stop } from './say.mjs';

const POLL_MS = 50;
const STOP_TIMEOUT_MS = 15_000; // longer than shutdown_grace_s by default
const LOG_BYTES_MAX = 16 * 1024 * 1024;

/** The pid in the file, if that process still is what we started: pids are used again. */
export function runningPid(pidFile, commandPart) {
  if (!existsSync(pidFile)) return undefined;
  const pid = Number(readFileSync(pidFile, 'utf8').trim());
  return Number.isInteger(pid) && pid > 1 && isAlive(pid) && commandOf(pid).includes(commandPart) ? pid : undefined;
}

/** A process that has ended but that nobody has waited for yet (a zombie) still takes signals: it is not alive. */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
  const stat = `/proc/${pid}/stat`;
  try {
    return !existsSync(stat) || !/\) [ZX] /.test(readFileSync(stat, 'utf8'));
  } catch {
    return false; // gone between the two
  }
}

function commandOf(pid) {
  const proc = `/proc/${pid}/cmdline`;
  try {
    if (existsSync(proc)) return readFileSync(proc, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
  return spawnSync('ps', ['-p', String(pid), '-o', 'command='], { encoding: 'utf8' }).stdout ?? '';
}

/** Detached: it outlives make and its terminal. Returns its pid, and where its own lines begin in the log. `writesPidFile`: the program does that itself, as its lock. */
export function startDetached(words, { pidFile, log, writesPidFile = false }) {
  if (existsSync(log) && statSync(log).size > LOG_BYTES_MAX) truncateSync(log);
  // The caller has seen that no such process runs: a pid file that is still there is of one that was killed, or of before a reboot.
  rmSync(pidFile, { force: true });
  const out = openSync(log, 'a', 0o600);
  const logFrom = fstatSync(out).size;
  const child = spawn(process.execPath, words, { cwd: ROOT, detached: true, stdio: ['ignore', out, out] });
  closeSync(out);
  child.unref();
  if (!writesPidFile) writeFileSync(pidFile, `${child.pid}\n`, { mode: 0o600 });
  return { pid: child.pid, logFrom };
}

/** SIGTERM, wait, SIGKILL. Says whether there was one. */
export async function stop(pidFile, commandPart) {
  const pid = runningPid(pidFile, commandPart);
  if (pid !== undefined) {
    process.kill(pid, 'SIGTERM');
    if (!(await waitFor(() => !isAlive(pid), STOP_TIMEOUT_MS))) process.kill(pid, 'SIGKILL');
    await waitFor(() => !isAlive(pid), STOP_TIMEOUT_MS);
  }
  rmSync(pidFile, { force: true });
  return pid !== undefined;
}

export async function waitFor(condition, timeoutMs) {
  for (const endMs = performance.now() + timeoutMs; performance.now() < endMs; await sleep(POLL_MS)) {
    if (await condition()) return true;
  }
  return false;
}

/** Waits until `isReady`; a process that ends before is a Stop with the end of what it logged: earlier runs' lines are not its cause. */
export async function waitUntilReady({ what, pid, log, logFrom, isReady, timeoutMs }) {
  const ready = await waitFor(async () => !isAlive(pid) || (await isReady()), timeoutMs);
  if (ready && isAlive(pid)) return;
  const reason = isAlive(pid) ? `${what} did not become ready in ${timeoutMs / 1000} s` : `${what} stopped at its start`;
  throw new Stop(`${reason}:\n${lastLines(readableLog(log, logFrom), 8)}`, `The whole log: ${log}`);
}

/** pino's lines as their messages, from byte `from` on. */
export function readableLog(log, from) {
  const text = readFileSync(log).subarray(from).toString('utf8').trim();
  return text === '' ? '(it said nothing)' : text.split('\n').slice(-8).map(messageOf).join('\n');
}

function messageOf(line) {
  try {
    const { msg, err } = JSON.parse(line);
    return [msg, err?.message].filter(Boolean).join(': ') || line;
  } catch {
    return line;
  }
}

export function isPortOpen(port) {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port, timeout: 1000 });
    const settle = (open) => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
    socket.once('timeout', () => settle(false));
  });
}
