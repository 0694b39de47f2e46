// A program that tries by itself, and says what came of it in its last line, as JSON.
import { execFile } from 'node:child_process';

const CLIENT_MS_MAX = 90_000;

/** @returns {Promise<any>} */
export function printed(command, args) {
  return new Promise((resolve, reject) => {
    execFile(command, args, { timeout: CLIENT_MS_MAX }, (error, stdout, stderr) => {
      const line = stdout.trim().split('\n').at(-1) ?? '';
      if (line.startsWith('{')) resolve(JSON.parse(line));
      else reject(new Error(stderr.trim().split('\n').at(-1) || String(error)));
    });
  });
}
