// Runs a load generator (open-load.mjs, paced-load.mjs) as a process of its own on the load's core: the bench's own work must not take its time.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { cores, onCore } from './measure.mjs';

/** Its answer to `options`. `by`: a command that it is started by, as `chrt -i 0`. */
export async function generate(file, options, by = []) {
  const [command, ...args] = onCore(cores.load, [...by, process.execPath, fileURLToPath(new URL(file, import.meta.url))]);
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (part) => { text += part; });
  const ended = new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  child.stdin.end(JSON.stringify(options));
  const code = await ended;
  if (code !== 0) throw new Error(`the load generator ended with ${code}`);
  return JSON.parse(text);
}
