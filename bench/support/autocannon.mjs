// Runs autocannon, the load generator that a user of npm has at hand, as its command line would.
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { cores, cpuUs, onCore } from './measure.mjs';

const run = promisify(execFile);
const PROGRAM = createRequire(import.meta.url).resolve('autocannon/autocannon.js');

/** One run against `target` ({ port, pid }), in the terms of support/wrk.mjs. Its latencies are whole milliseconds. */
export async function autocannon(target, { headers, body }, { connections, seconds }) {
  const [command, ...args] = onCore(cores.load, [process.execPath, PROGRAM, '-j', '-n', '-c', String(connections), '-d', String(seconds), '-m', 'POST',
    ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}=${value}`]), '-b', body, `http://127.0.0.1:${target.port}/mcp`]);
  const before = cpuUs(target.pid);
  const { requests, latency, non2xx, errors } = JSON.parse((await run(command, args)).stdout);
  if (errors > 0) throw new Error(`autocannon: ${errors} errors`);
  return { perSecond: requests.average, p50Ms: latency.p50, p99Ms: latency.p99, cpuUs: (cpuUs(target.pid) - before) / requests.total, refused: non2xx / requests.total };
}
