// Starting a program that serves HTTP on loopback: pinned, its output kept for the case that it fails, ready when it answers.
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pinned, stop } from '../support/programs.mjs';

const STEP_MS = 200;

/**
 * Options: dir (its log is kept there, and it runs there), name, core, command, args, env (added to what a program needs of this one's), port, ready (a
 * path that answers once it serves), waitS. Throws with the end of its log where it ends or does not answer.
 */
export async function launch({ dir, name, core, command, args, env = {}, port, ready = '/', waitS = 60 }) {
  const log = join(dir, `${name}.log`);
  const out = openSync(log, 'w');
  const child = pinned(core, command, args, { cwd: dir, stdio: ['ignore', out, out], env: { PATH: process.env.PATH, HOME: dir, LANG: 'C.UTF-8', ...env } });
  closeSync(out);
  const failed = new Promise((_resolve, reject) => child.once('error', reject));
  const answers = async () => {
    for (let waited = 0; waited < waitS * 1000; waited += STEP_MS) {
      if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}: ${lastOf(log)}`);
      if (await fetch(`http://127.0.0.1:${port}${ready}`, { signal: AbortSignal.timeout(2000) }).then(() => true, () => false)) return;
      await sleep(STEP_MS);
    }
    throw new Error(`${name} did not answer within ${waitS} s: ${lastOf(log)}`);
  };
  try {
    await Promise.race([answers(), failed]);
  } catch (error) {
    if (child.pid !== undefined) await stop(child);
    throw error;
  }
  return { port, pid: child.pid, log, stop: () => stop(child) };
}

function lastOf(log) {
  return readFileSync(log, 'utf8').slice(-1200);
}
