// The wire bench: the gateway beside nginx as a plain proxy, one core each in turn, same upstream, alternating rounds in one run.
import { join } from 'node:path';
import { startToolServer } from '../peers/floors.mjs';
import { cores, median } from '../support/measure.mjs';
import { readOptions } from '../support/options.mjs';
import { saveResult } from '../support/results.mjs';
import { wrk, wrkScript } from '../support/wrk.mjs';
import { needPrograms, startGateway, startProxy, startUpstream, withServers } from './servers.mjs';

const values = readOptions({ rounds: 5, seconds: 3, connections: 64, body: 1024, json: false, save: null });

needPrograms('nginx', 'wrk', 'taskset');

/** V8 compiles for a while, in threads that take from the same core: what a gateway costs in its first seconds is not what it costs. */
const WARM_SECONDS = 6;

/** Calls on one connection to the tool server, where the bench lets the gateway pipeline. */
const PIPELINING = 16;
const ANSWER_BYTES = 350;

await withServers(async (start, dir) => {
  const upstream = await start(startUpstream(dir, cores.load, ANSWER_BYTES));
  const proxy = await start(startProxy(dir, cores.measured, upstream.port));
  const gateway = await start(startGateway(dir, cores.measured, upstream.port));
  // Pipelined calls get ids of their own on the wire: their tool server has to read them, and costs more of the core that it shares with wrk.
  const reader = await start(startToolServer(dir, cores.load, 'reader', ANSWER_BYTES));
  const pipelining = await start(startGateway(join(dir, 'pipelining'), cores.measured, reader.port, { upstream: { pipelining: PIPELINING } }));
  const bytes = values.body;
  const scripts = { allowed: wrkScript(dir, 'allowed', { bytes }), denied: wrkScript(dir, 'denied', { bytes, tool: 'not_registered' }) };
  const targets = [
    { name: 'nginx', port: proxy.port, pid: proxy.pid, script: scripts.allowed },
    { name: 'gateway, allowed', port: gateway.port, pid: gateway.pid, script: scripts.allowed },
    { name: 'gateway, denied', port: gateway.port, pid: gateway.pid, script: scripts.denied },
    { name: `gateway, ${PIPELINING} calls on a connection`, port: pipelining.port, pid: pipelining.pid, script: scripts.allowed },
  ];
  for (const target of targets) await load(target, target.name === 'nginx' ? 1 : WARM_SECONDS);
  const rounds = [];
  for (let i = 0; i < values.rounds; i++) {
    const round = {};
    for (const target of targets) round[target.name] = await load(target, values.seconds);
    rounds.push(round);
    process.stderr.write(`round ${i + 1}/${values.rounds}: ${targets.map(({ name }) => `${name} ${Math.round(round[name].perSecond)}/s`).join(', ')}\n`);
  }
  report(targets.map(({ name }) => name), rounds);
});

function load(target, seconds) {
  return wrk(target, { script: target.script, connections: values.connections, seconds });
}

function report(names, rounds) {
  const rows = names.map((name) => {
    const ratios = rounds.map((round) => round[name].perSecond / round[names[0]].perSecond);
    const last = rounds[rounds.length - 1][name];
    return {
      name, perSecond: Math.round(median(rounds.map((round) => round[name].perSecond))), ratio: median(ratios), lowest: Math.min(...ratios), highest: Math.max(...ratios),
      cpuUs: median(rounds.map((round) => round[name].cpuUs)), p50Ms: last.p50Ms, p99Ms: last.p99Ms, refused: last.refused,
    };
  });
  const result = { bench: 'wire', body: values.body, connections: values.connections, rounds: rounds.length, rows };
  if (values.save !== undefined) saveResult(values.save, result);
  if (values.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  process.stdout.write(`\nwire: ${values.body} B calls, ${values.connections} connections, ${rounds.length} alternating rounds of ${values.seconds} s, one core for what is measured\n`);
  process.stdout.write('                                      calls/s   of nginx   (range)          CPU µs   P50        P99        refused\n');
  for (const row of rows) {
    process.stdout.write(`${row.name.padEnd(36)}${String(row.perSecond).padStart(9)}   ${row.ratio.toFixed(2).padStart(8)}   ${`${row.lowest.toFixed(2)}–${row.highest.toFixed(2)}`.padEnd(14)}${row.cpuUs.toFixed(1).padStart(9)}   ${`${row.p50Ms.toFixed(2)} ms`.padEnd(10)} ${`${row.p99Ms.toFixed(2)} ms`.padEnd(10)} ${(row.refused * 100).toFixed(0)}%\n`);
  }
  process.stdout.write(`\nratio to nginx, allowed: ${rows[1].ratio.toFixed(2)} (gate 0.30)\n`);
}
