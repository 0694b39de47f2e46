// Latency at half load: what nginx and the gateway add to the tool server's own answer, beside what the disk asks for one durable line.
//   node bench/wire/latency.mjs [--rounds 5] [--seconds 2] [--load 0.5] [--connections 64] [--body 1024] [--save latency] [--json]
// All get the same calls at the same moments (support/paced-load.mjs), in alternating rounds of one run, on one core in turn.
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { generate } from '../support/generate.mjs';
import { linesOf, stagesOf } from '../support/log-stages.mjs';
import { cores, cpuUs, median, onCore, spread } from '../support/measure.mjs';
import { readOptions } from '../support/options.mjs';
import { tail } from '../support/paced-load.mjs';
import { saveResult } from '../support/results.mjs';
import { toolCall, wrk, wrkScript } from '../support/wrk.mjs';
import { needPrograms, startGateway, startProxy, startUpstream, withServers } from './servers.mjs';

const values = readOptions({ rounds: 5, seconds: 2, load: 0.5, connections: 64, body: 1024, save: null, json: false });
const [ROUNDS, SECONDS, CONNECTIONS] = [values.rounds, values.seconds, values.connections];
const DATASYNC = fileURLToPath(new URL('../support/datasync.mjs', import.meta.url));
const WARM_SECONDS = 5;
const SETTLE_SECONDS = 0.5;
const LINE_BYTES = 600;
const DATASYNC_SECONDS = 1;
const TARGETS = ['direct', 'nginx', 'async', 'durable'];
const run = promisify(execFile);

needPrograms('nginx', 'wrk', 'taskset', 'chrt');
await withServers(async (start, dir) => {
  const direct = await start(startUpstream(dir, cores.load, 350));
  const first = goesFirst(direct.pid);
  const nginx = await start(startProxy(dir, cores.measured, direct.port));
  const durable = await start(startGateway(dir, cores.measured, direct.port));
  const async = await start(startGateway(`${dir}/async`, cores.measured, direct.port, { audit: { durability: 'async' } }));
  const servers = { direct, nginx, async, durable };
  const call = { bytes: values.body };
  const script = wrkScript(dir, 'call', call);
  for (const name of ['async', 'durable']) await wrk(servers[name], { script, connections: CONNECTIONS, seconds: WARM_SECONDS });
  const capacity = (await wrk(durable, { script, connections: CONNECTIONS, seconds: 3 })).perSecond;
  const perSecond = Math.round(capacity * values.load);
  process.stderr.write(`the durable gateway answers ${Math.round(capacity)} calls/s; all get ${perSecond}\n`);
  const rounds = [];
  for (let i = 0; i < ROUNDS; i++) {
    const round = { datasync: await datasync(dir) };
    for (const name of TARGETS) round[name] = await load(servers[name], perSecond, toolCall(call), first);
    rounds.push(round);
    process.stderr.write(`round ${i + 1}/${ROUNDS}: P50 ${TARGETS.map((name) => `${name} ${round[name].p50.toFixed(0)}`).join(', ')}, fdatasync ${round.datasync.p50.toFixed(0)} µs\n`);
  }
  report(perSecond, capacity, rounds, stagesOf(linesOf(durable.project)));
});

/** The generator looks at the clock all the time, on the tool server's core: that one must not wait for it. Needs a privilege; false without it. */
function goesFirst(pid) {
  try {
    execFileSync('chrt', ['-f', '-p', '1', String(pid)], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** It gives way to the tool server beside it, by itself where that does not go first. */
async function load({ pid, port }, perSecond, { headers, body }, toolServerFirst) {
  const head = `POST /mcp HTTP/1.1\r\n${Object.entries({ Host: `127.0.0.1:${port}`, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`).join('')}`;
  const before = cpuUs(pid);
  const found = await generate('paced-load.mjs', { port, connections: CONNECTIONS, perSecond, seconds: SECONDS, warmSeconds: SETTLE_SECONDS, head, body }, toolServerFirst ? [] : ['chrt', '-i', '0']);
  return { ...found, cpuUs: (cpuUs(pid) - before) / (perSecond * (SETTLE_SECONDS + SECONDS)) };
}

async function datasync(dir) {
  const [command, ...args] = onCore(cores.measured, [process.execPath, DATASYNC, dir, String(DATASYNC_SECONDS), String(LINE_BYTES)]);
  const { stdout } = await run(command, args, { maxBuffer: 1 << 26 });
  return tail(JSON.parse(stdout));
}

function report(perSecond, capacity, rounds, stages) {
  const of = (get) => spread(rounds.map(get));
  const percentiles = (get) => Object.fromEntries(['p50', 'p99', 'p999'].map((key) => [key, of((round) => get(round, key))]));
  const share = (name, key) => median(rounds.map((round) => round[name][key] / (round[name].count + round[name].refused)));
  const rows = TARGETS.map((name) => ({
    name, cpuUs: of((round) => round[name].cpuUs), all: percentiles((round, key) => round[name][key]), added: percentiles((round, key) => round[name][key] - round.direct[key]),
    lateP50Us: median(rounds.map((round) => round[name].late.p50)), lateP99Us: median(rounds.map((round) => round[name].late.p99)), waited: share(name, 'waited'), refused: share(name, 'refused'),
  }));
  const ratios = [
    { name: 'added P50, async, of what nginx adds', aim: 1.3, ...of((round) => (round.async.p50 - round.direct.p50) / (round.nginx.p50 - round.direct.p50)) },
    { name: 'added P50, durable, of one fdatasync\'s', aim: 1.5, ...of((round) => (round.durable.p50 - round.direct.p50) / round.datasync.p50) },
    { name: 'added P99, durable, of one fdatasync\'s', aim: 3, ...of((round) => (round.durable.p99 - round.direct.p99) / round.datasync.p99) },
  ];
  const result = { bench: 'latency', body: values.body, connections: CONNECTIONS, perSecond, capacity, rounds: rounds.length, rows, datasync: percentiles((round, key) => round.datasync[key]), ratios, stages };
  if (values.save !== undefined) saveResult(values.save, result);
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : printed(result));
}

function printed({ perSecond, rows, datasync, ratios, stages }) {
  const us = (value) => value.toFixed(0).padStart(8);
  const line = (name, { p50, p99, p999 }, rest = '') => `${name.padEnd(24)}${us(p50.median)}${us(p99.median)}${us(p999.median)}${rest}\n`;
  return `\nlatency: ${values.body} B calls, ${perSecond}/s over ${CONNECTIONS} connections, ${ROUNDS} alternating rounds of ${SECONDS} s; µs, medians of the rounds\n`
    + `${''.padEnd(24)}     P50     P99   P99.9\n`
    + rows.map((row) => line(row.name, row.all, `   sent late by ${row.lateP50Us.toFixed(0)} (P50), ${row.lateP99Us.toFixed(0)} (P99); ${(row.waited * 100).toFixed(1)} % waited for a connection; ${(row.refused * 100).toFixed(1)} % refused; ${row.cpuUs.median.toFixed(1)} µs of CPU a call`)).join('')
    + line('one append + fdatasync', datasync) + '\n'
    + rows.slice(1).map((row) => line(`${row.name} adds`, row.added)).join('') + '\n'
    + ratios.map(({ name, aim, median: middle, lowest, highest }) => `${name.padEnd(42)} ${middle.toFixed(2)} (${lowest.toFixed(2)}–${highest.toFixed(2)}), aim ${aim}\n`).join('')
    + `\nwithin the durable gateway, from its own log, µs of a median call\n${stages.map(({ name, us: each }) => `  ${name.padEnd(40)}${each.toFixed(1).padStart(8)}\n`).join('')}`;
}
