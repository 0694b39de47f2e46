// Runs a command to its end: its output goes to a log file and is kept for the reason when it fails.
import { spawn, spawnSync } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

export const ROOT = dirname(import.meta.dirname);
const OUTPUT_KEPT_CHARS = 200_000;

/** The Node that runs this script comes first, also for npm and for what npm starts. */
export function environment(more = {}) {
  return { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}`, ...more };
}

export function logFile(name) {
  const dir = join(ROOT, '.precinct');
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return join(dir, name);
}

/** Resolves with { code, output }. `log` undefined: the output is only kept. `show`: the person sees it as it comes. `givesWay`: it takes what of the cores the others leave. */
export function run(command, words, { env = {}, log, show = false, givesWay = false, cwd = ROOT } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, words, { cwd, env: environment(env), stdio: ['inherit', 'pipe', 'pipe'] });
    if (givesWay && child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    const sink = log === undefined ? undefined : createWriteStream(log, { flags: 'a' });
    let output = '';
    const take = (chunk) => {
      output = (output + chunk).slice(-OUTPUT_KEPT_CHARS);
      sink?.write(chunk);
      if (show) process.stdout.write(chunk);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', (error) => resolve({ code: 127, output: error.message }));
    child.on('close', (code) => {
      sink?.end();
      resolve({ code: code ?? 1, output });
    });
  });
}

export function has(command) {
  return spawnSync('sh', ['-c', 'command -v "$1"', 'sh', command], { stdio: 'ignore', env: environment() }).status === 0;
}

export function succeeds(command, words) {
  return spawnSync(command, words, { stdio: 'ignore', env: environment() }).status === 0;
}

export function lastLines(text, count) {
  return text.trim().split('\n').slice(-count).map((line) => `    ${line}`).join('\n');
}
