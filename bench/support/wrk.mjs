// Runs wrk and reads what it prints; writes its scripts, one call each.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CALLER, VERSION } from '../wire/servers.mjs';
import { cores, cpuUs, onCore } from './measure.mjs';

const run = promisify(execFile);
const PROSE = 'The quick brown fox jumps over the lazy dog. ';
const TAIL = '"}}}';
const MS = { us: 1e-3, ms: 1, s: 1000, m: 60_000 };
const SERIAL = '0000000000';

/** One tools/call of `bytes` in all, MCP 2026-07-28: headers, and the body. `start` begins its only argument. */
export function toolCall({ bytes, tool = 'echo', caller = CALLER, start = '', accept = 'application/json' }) {
  const meta = `{"io.modelcontextprotocol/protocolVersion":"${VERSION}","io.modelcontextprotocol/clientCapabilities":{}}`;
  const head = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":${meta},"name":"${tool}","arguments":{"text":"${start}`;
  const room = Math.max(0, bytes - head.length - TAIL.length);
  return {
    headers: { 'Content-Type': 'application/json', Accept: accept, 'X-SPIFFE-ID': caller, 'MCP-Protocol-Version': VERSION, 'Mcp-Method': 'tools/call', 'Mcp-Name': tool },
    body: `${head}${PROSE.repeat(Math.ceil(room / PROSE.length)).slice(0, room)}${TAIL}`,
  };
}

/** A wrk script that sends the call. `fresh`: each time with another number in its argument, so that no two are alike. */
export function wrkScript(dir, name, call, fresh = false) {
  const { headers, body } = toolCall({ ...call, start: `${call.start ?? ''}${fresh ? SERIAL : ''}` });
  const at = body.indexOf(SERIAL);
  const each = fresh
    ? `local n = 0\nlocal before, after = [==[${body.slice(0, at)}]==], [==[${body.slice(at + SERIAL.length)}]==]\nrequest = function()\n  n = n + 1\n  return wrk.format(nil, nil, nil, before .. string.format("%010d", n) .. after)\nend\n`
    : `wrk.body = [==[${body}]==]\n`;
  const path = join(dir, `${name}.lua`);
  writeFileSync(path, `wrk.method = "POST"\n${Object.entries(headers).map(([key, value]) => `wrk.headers["${key}"] = "${value}"\n`).join('')}${each}`);
  return path;
}

/** One run against `target` ({ port, pid }): calls/s, P50 and P99 in ms, CPU µs a call of the target's threads, share of refused calls. */
export async function wrk(target, { script, connections, seconds, threads = 1, core = cores.load }) {
  const [command, ...args] = onCore(core, ['wrk', `-t${threads}`, `-c${connections}`, `-d${seconds}s`, '--latency', '-s', script, `http://127.0.0.1:${target.port}/mcp`]);
  const before = cpuUs(target.pid);
  const { stdout } = await run(command, args);
  const cpu = cpuUs(target.pid) - before;
  const number = (pattern) => Number(pattern.exec(stdout)?.[1] ?? 0);
  const requests = number(/(\d+) requests in/);
  const errors = /Socket errors: (.*)/.exec(stdout)?.[1];
  if (errors !== undefined) process.stderr.write(`socket errors of ${target.name ?? target.port}: ${errors}\n`);
  if (requests === 0) throw new Error(`${target.name ?? target.port} answered nothing:\n${stdout}`);
  return { perSecond: number(/Requests\/sec:\s+([\d.]+)/), p50Ms: latency(stdout, 50), p99Ms: latency(stdout, 99), cpuUs: cpu / requests, refused: number(/Non-2xx or 3xx responses: (\d+)/) / requests };
}

function latency(stdout, percent) {
  const [, value, unit] = new RegExp(`^\\s+${percent}%\\s+([\\d.]+)(us|ms|s|m)$`, 'm').exec(stdout) ?? [];
  return value === undefined ? Number.NaN : Number(value) * MS[unit];
}
