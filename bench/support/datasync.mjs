// One bare append and fdatasync after the other: what the disk alone asks for a durable line. As a program: node bench/support/datasync.mjs <folder> <seconds> <bytes>
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Times in µs, sorted, of appending `bytes` to a file of `dir` and making them durable. */
export function datasyncTimes(dir, seconds, bytes) {
  const file = join(dir, 'datasync');
  const fd = openSync(file, 'a', 0o600);
  const line = Buffer.alloc(bytes, 'x');
  const times = [];
  const untilMs = performance.now() + seconds * 1000;
  for (let from = performance.now(); from < untilMs; from = performance.now()) {
    writeSync(fd, line);
    fdatasyncSync(fd);
    times.push((performance.now() - from) * 1000);
  }
  closeSync(fd);
  rmSync(file);
  return times.sort((a, b) => a - b);
}

if (process.argv[1]?.endsWith('datasync.mjs')) {
  const [dir, seconds, bytes] = process.argv.slice(2);
  process.stdout.write(JSON.stringify(datasyncTimes(dir, Number(seconds), Number(bytes))));
}
