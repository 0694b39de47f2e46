// Servers as programs, on a free port of loopback, and ended with what they started.
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../../bench/support/ports.mjs';
import { isPortOpen } from '../../../scripts/processes.mjs';

const START_MS_MAX = 60_000;
const TRY_EVERY_MS = 100;
const STOP_MS_MAX = 3_000;

/** Own process group: a bridge starts the server that it bridges. @param {(port: number) => readonly string[]} wordsOf @param {(port: number) => Record<string, string>} environmentOf */
export async function startProgram(wordsOf, environmentOf = () => ({})) {
  const port = await freePort();
  const [command, ...args] = wordsOf(port);
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true, env: { ...process.env, ...environmentOf(port) } });
  let said = '';
  child.stderr.on('data', (part) => { said = (said + part).slice(-10_000); });
  child.on('error', (error) => { said += error.message; });
  const isOver = () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
  const stop = () => new Promise((resolve) => {
    if (isOver()) return resolve(undefined);
    const killing = setTimeout(() => { if (!isOver()) process.kill(-child.pid, 'SIGKILL'); }, STOP_MS_MAX);
    child.once('exit', () => { clearTimeout(killing); resolve(undefined); });
    process.kill(-child.pid, 'SIGTERM');
  });
  for (let waited = 0; waited < START_MS_MAX; waited += TRY_EVERY_MS) {
    if (await isPortOpen(port)) return { url: `http://127.0.0.1:${port}/mcp`, stop };
    if (isOver()) break;
    await sleep(TRY_EVERY_MS);
  }
  await stop();
  throw new Error(`${args[0] ?? command} did not start: ${said.trim().split('\n').at(-1) ?? ''}`);
}
