// A file that is also a program: its exports ask, over IPC, what runs in a process of its own.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onCore } from './measure.mjs';

/** Starts `url` as a program, on a core if that is given. `ask` resolves to what the named function answers there. */
export function asked(url, core) {
  const [command, ...args] = onCore(core, [process.execPath, fileURLToPath(url), '--asked']);
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const waiting = new Map();
  let last = 0;
  child.on('message', ({ id, value, error }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) resolve(value);
    else reject(new Error(error));
  });
  child.once('exit', (code) => { for (const { reject } of waiting.values()) reject(new Error(`${fileURLToPath(url)} ended with ${code}`)); });
  return {
    ask: (name, argument) => new Promise((resolve, reject) => {
      waiting.set(++last, { resolve, reject });
      child.send({ id: last, name, argument });
    }),
    stop: () => { if (child.exitCode === null) child.kill('SIGTERM'); },
  };
}

/** In the program that `asked` started: answers by these functions. Does nothing where the file is imported. */
export function serveAsked(url, functions) {
  if (process.argv[2] !== '--asked' || process.argv[1] !== fileURLToPath(url)) return;
  process.on('message', async ({ id, name, argument }) => {
    try {
      process.send({ id, value: await functions[name](argument) });
    } catch (error) {
      process.send({ id, error: String(error.stack) });
    }
  });
}
