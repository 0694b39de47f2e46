// Full load on one target: wrk, whose script numbers the calls and takes the sessions in turn. The same script for every target.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CALL_ID } from '../support/open-load.mjs';
import { callBody, callHeaders } from './call.mjs';

const run = promisify(execFile);
const DONE = `done = function(summary, latency)
  local e = summary.errors
  io.write(string.format('{"calls":%d,"bytes":%d,"us":%d,"refused":%d,"broken":%d,"late":%d,"p50Ms":%.3f,"p99Ms":%.3f}\\n',
    summary.requests, summary.bytes, summary.duration, e.status, e.connect + e.read + e.write, e.timeout, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
`;

/** Writes a target's script: whole requests, ready but for the number of the call. Returns its path. */
export function writeScript(dir, target, sessions, bytes) {
  const body = callBody(target, bytes);
  const requests = sessions.map((session) => {
    const head = Object.entries({ Host: `127.0.0.1:${target.port}`, ...callHeaders(target, session), 'Content-Length': body.length }).map(([name, value]) => `${name}: ${value}\r\n`).join('');
    return `POST ${target.path} HTTP/1.1\r\n${head}\r\n${body}`.split(CALL_ID).map((part) => JSON.stringify(part));
  });
  const file = join(dir, `${target.key}.lua`);
  writeFileSync(file, `local calls = ${CALL_ID}
local requests = { ${requests.map((parts) => `{ ${parts.join(', ')} }`).join(',\n')} }
request = function()
  calls = calls + 1
  local parts = requests[calls % #requests + 1]
  return parts[1] .. string.format('%d', calls) .. parts[2]
end
${DONE}`);
  return file;
}

/** Runs wrk on `core` for some seconds. Returns what its script wrote: calls, bytes, errors, latencies. */
export async function fullLoad(target, { core, script, connections, seconds }) {
  const pin = core === undefined ? [] : ['taskset', '-c', String(core)];
  const [command, ...args] = [...pin, 'wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '30s', '-s', script, `http://127.0.0.1:${target.port}`];
  const { stdout } = await run(command, args);
  return JSON.parse(stdout.trim().split('\n').at(-1));
}
