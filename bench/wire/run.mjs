// The wire bench: the gateway beside nginx as a plain proxy, one core each in turn, same upstream, alternating rounds in one run.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { cores, cpuUs, median, onCore } from '../support/measure.mjs';
import { saveResult } from '../support/results.mjs';
import { startToolServer } from '../peers/floors.mjs';
import { CALLER, missingPrograms, scratch, startGateway, startProxy, startUpstream, VERSION } from './servers.mjs';

const run = promisify(execFile);
const { values } = parseArgs({ options: {
  rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '3' }, connections: { type: 'string', default: '64' }, body: { type: 'string', default: '1024' }, json: { type: 'boolean', default: false }, save: { type: 'string' },
} });

const missing = missingPrograms(['nginx', 'wrk', 'taskset']);
if (missing.length > 0) {
  process.stderr.write(`missing: ${missing.join(', ')}. Install them: apt-get install nginx wrk util-linux\n`);
  process.exit(2);
}

/** V8 compiles for a while, in threads that take from the same core: what a gateway costs in its first seconds is not what it costs. */
const WARM_SECONDS = 6;

/** Calls on one connection to the tool server, where the bench lets the gateway pipeline. */
const PIPELINING = 16;
const ANSWER_BYTES = 350;

const { dir, remove } = scratch();
const running = [];
const start = async (server) => {
  running.push(server);
  return server;
};

try {
  const upstream = await start(await startUpstream(dir, cores.load, ANSWER_BYTES));
  const proxy = await start(await startProxy(dir, cores.measured, upstream.port));
  const gateway = await start(await startGateway(dir, cores.measured, upstream.port));
  // Pipelined calls get ids of their own on the wire: their tool server has to read them, and costs more of the core that it shares with wrk.
  const reader = await start(await startToolServer(dir, cores.load, 'reader', ANSWER_BYTES));
  const pipelining = await start(await startGateway(join(dir, 'pipelining'), cores.measured, reader.port, { upstream: { pipelining: PIPELINING } }));
  const scripts = { allowed: script('echo', Number(values.body)), denied: script('not_registered', Number(values.body)) };
  const targets = [
    { name: 'nginx', port: proxy.port, pid: proxy.pid, script: scripts.allowed },
    { name: 'gateway, allowed', port: gateway.port, pid: gateway.pid, script: scripts.allowed },
    { name: 'gateway, denied', port: gateway.port, pid: gateway.pid, script: scripts.denied },
    { name: `gateway, ${PIPELINING} calls on a connection`, port: pipelining.port, pid: pipelining.pid, script: scripts.allowed },
  ];
  for (const target of targets) await load(target, target.name === 'nginx' ? 1 : WARM_SECONDS);
  const rounds = [];
  for (let i = 0; i < Number(values.rounds); i++) {
    const round = {};
    for (const target of targets) round[target.name] = await load(target, Number(values.seconds));
    rounds.push(round);
    process.stderr.write(`round ${i + 1}/${values.rounds}: ${targets.map(({ name }) => `${name} ${Math.round(round[name].perSecond)}/s`).join(', ')}\n`);
  }
  report(targets.map(({ name }) => name), rounds);
} finally {
  for (const server of running.reverse()) await server.stop();
  remove();
}

/** A wrk script for one call of the given size, MCP 2026-07-28. */
function script(tool, bytes) {
  const meta = `{"io.modelcontextprotocol/protocolVersion":"${VERSION}","io.modelcontextprotocol/clientCapabilities":{}}`;
  const head = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":${meta},"name":"${tool}","arguments":{"text":"`;
  const text = 'The quick brown fox jumps over the lazy dog. '.repeat(Math.ceil(bytes / 45)).slice(0, Math.max(0, bytes - head.length - 5));
  const headers = {
    'Content-Type': 'application/json', Accept: 'application/json', 'X-SPIFFE-ID': CALLER, 'MCP-Protocol-Version': VERSION, 'Mcp-Method': 'tools/call', 'Mcp-Name': tool,
  };
  const path = join(dir, `${tool}.lua`);
  writeFileSync(path, `wrk.method = "POST"\nwrk.body = [==[${head}${text}"}}}]==]\n${Object.entries(headers).map(([name, value]) => `wrk.headers["${name}"] = "${value}"`).join('\n')}\n`);
  return path;
}

async function load(target, seconds) {
  const before = cpuUs(target.pid);
  const [command, ...args] = onCore(cores.load, ['wrk', '-t1', `-c${values.connections}`, `-d${seconds}s`, '--latency', '-s', target.script, `http://127.0.0.1:${target.port}/mcp`]);
  const { stdout } = await run(command, args);
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0);
  const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0);
  const errors = /Socket errors: (.*)/.exec(stdout)?.[1];
  if (errors !== undefined) process.stderr.write(`${target.name}: socket errors ${errors}\n`);
  return {
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1] ?? 0), p50: /^\s+50%\s+(\S+)/m.exec(stdout)?.[1], p99: /^\s+99%\s+(\S+)/m.exec(stdout)?.[1],
    refused: refused / Math.max(1, requests), cpuUs: (cpuUs(target.pid) - before) / Math.max(1, requests),
  };
}

function report(names, rounds) {
  const rows = names.map((name) => {
    const ratios = rounds.map((round) => round[name].perSecond / round[names[0]].perSecond);
    const last = rounds[rounds.length - 1][name];
    return {
      name, perSecond: Math.round(median(rounds.map((round) => round[name].perSecond))), ratio: median(ratios), lowest: Math.min(...ratios), highest: Math.max(...ratios),
      cpuUs: median(rounds.map((round) => round[name].cpuUs)), p50: last.p50, p99: last.p99, refused: last.refused,
    };
  });
  const result = { bench: 'wire', body: Number(values.body), connections: Number(values.connections), rounds: rounds.length, rows };
  if (values.save !== undefined) saveResult(values.save, result);
  if (values.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  process.stdout.write(`\nwire: ${values.body} B calls, ${values.connections} connections, ${rounds.length} alternating rounds of ${values.seconds} s, one core for what is measured\n`);
  process.stdout.write('                                      calls/s   of nginx   (range)          CPU µs   P50        P99        refused\n');
  for (const row of rows) {
    process.stdout.write(`${row.name.padEnd(36)}${String(row.perSecond).padStart(9)}   ${row.ratio.toFixed(2).padStart(8)}   ${`${row.lowest.toFixed(2)}–${row.highest.toFixed(2)}`.padEnd(14)}${row.cpuUs.toFixed(1).padStart(9)}   ${String(row.p50).padEnd(10)} ${String(row.p99).padEnd(10)} ${(row.refused * 100).toFixed(0)}%\n`);
  }
  process.stdout.write(`\nratio to nginx, allowed: ${rows[1].ratio.toFixed(2)} (gate 0.30)\n`);
}
