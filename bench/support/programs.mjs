// Programs that are started here, and ended by their pid; the built gateway among them, as a user runs it.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onCore } from './measure.mjs';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const READY_MS_MAX = 60_000; // a machine may be busy
const STOP_MS_MAX = 15_000;
const SAID_CHARS_MAX = 100_000;

/** Starts a program on one core; anywhere where `core` is undefined. */
export function pinned(core, command, args, options) {
  const [program, ...words] = onCore(core, [command, ...args]);
  return spawn(program, words, options);
}

/** Ends a program that was started here, and waits for its end. */
export async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
  await ended;
  clearTimeout(late);
}

/** The gateway of a config file; resolves when it listens, with the first of its addresses. One that does not start is an error with what it said. */
export async function startGatewayProgram(configFile, core) {
  const child = pinned(core, process.execPath, [MAIN, '--config', configFile], { stdio: ['ignore', 'ignore', 'pipe'] });
  try {
    return { pid: child.pid, url: await listening(child), stop: () => stop(child) };
  } catch (error) {
    await stop(child);
    throw error;
  }
}

function listening(child) {
  let said = '';
  return new Promise((resolve, reject) => {
    const fail = (why) => reject(new Error(`the gateway ${why}:\n${said}`));
    const late = setTimeout(fail, READY_MS_MAX, `was not ready within ${READY_MS_MAX} ms`);
    child.once('exit', () => {
      clearTimeout(late);
      fail('did not start');
    });
    child.stderr.on('data', (part) => {
      said = (said + part).slice(-SAID_CHARS_MAX);
      const url = /listening: (https?:\/\/\S+)\s/.exec(said)?.[1];
      if (url === undefined) return;
      clearTimeout(late);
      child.stderr.removeAllListeners('data').resume(); // it must not wait for a reader
      resolve(url);
    });
  });
}
