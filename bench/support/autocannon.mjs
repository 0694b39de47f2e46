// Runs autocannon, the load generator that a user of npm has at hand, as its command line would.
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { cores, onCore } from './measure.mjs';

const run = promisify(execFile);
const PROGRAM = createRequire(import.meta.url).resolve('autocannon/autocannon.js');

/** Calls/s (its mean), P50 and P99 in ms; its latencies are whole milliseconds. Throws when calls failed. */
export async function autocannon(port, { headers, body }, { connections, seconds }) {
  const [command, ...args] = onCore(cores.load, [process.execPath, PROGRAM, '-j', '-n', '-c', String(connections), '-d', String(seconds), '-m', 'POST',
    ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}=${value}`]), '-b', body, `http://127.0.0.1:${port}/mcp`]);
  const { stdout } = await run(command, args);
  const found = JSON.parse(stdout);
  if (found.non2xx > 0 || found.errors > 0) throw new Error(`autocannon: ${found.non2xx} calls refused, ${found.errors} errors`);
  return { perSecond: found.requests.average, p50Ms: found.latency.p50, p99Ms: found.latency.p99 };
}
