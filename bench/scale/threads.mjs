// What more gateway threads bring: calls/s and CPU µs a call with 1 to N of them, in alternating rounds of one run, every layer on, durable audit.
//   node bench/scale/threads.mjs [--threads 1,2,4] [--rounds 6] [--seconds 2] [--connections 64] [--body 1024] [--save threads] [--json]
// With four cores or more the last two have load and tool server, and the gateway has the others. With fewer all share all, and only CPU µs a call says what a thread more costs.
import { availableParallelism } from 'node:os';
import { median, spread } from '../support/measure.mjs';
import { readOptions } from '../support/options.mjs';
import { saveResult } from '../support/results.mjs';
import { wrk, wrkScript } from '../support/wrk.mjs';
import { needPrograms, startGateway, startUpstream, withServers } from '../wire/servers.mjs';

const ALL_CORES = availableParallelism();
const APART_FROM = 4;
const apart = ALL_CORES >= APART_FROM;
const most = apart ? ALL_CORES - 2 : Math.max(1, ALL_CORES);
const values = readOptions({ threads: countsUpTo(most).join(','), rounds: 6, seconds: 2, connections: 64, body: 1024, save: null, json: false });
const [ROUNDS, SECONDS, CONNECTIONS] = [values.rounds, values.seconds, values.connections];
const WARM_SECONDS = 6; // each thread compiles for itself
const places = apart ? { gateway: `0-${ALL_CORES - 3}`, upstream: ALL_CORES - 2, load: ALL_CORES - 1 } : { gateway: undefined, upstream: undefined, load: undefined };

needPrograms('nginx', 'wrk', 'taskset');
await withServers(async (start, dir) => {
  const upstream = await start(startUpstream(dir, places.upstream, 350));
  const gateways = [];
  for (const threads of values.threads.split(',').map(Number)) {
    const gateway = await start(startGateway(`${dir}/${threads}`, places.gateway, upstream.port, { threads: { gateway: threads } }));
    gateways.push({ threads, name: `${threads} threads`, ...gateway });
  }
  const script = wrkScript(dir, 'call', { bytes: values.body });
  const load = (gateway, seconds) => wrk(gateway, { script, connections: CONNECTIONS, seconds, core: places.load });
  for (const gateway of gateways) await load(gateway, WARM_SECONDS);
  const rounds = [];
  for (let i = 0; i < ROUNDS; i++) {
    const round = [];
    for (const gateway of gateways) round.push(await load(gateway, SECONDS));
    rounds.push(round);
    process.stderr.write(`round ${i + 1}/${ROUNDS}: ${gateways.map(({ name }, at) => `${name} ${Math.round(round[at].perSecond)}/s, ${round[at].cpuUs.toFixed(1)} µs`).join('; ')}\n`);
  }
  report(gateways.map(({ threads }, at) => rowOf(threads, at, rounds)));
});

/** 1, 2, 4, … and the most there may be. */
function countsUpTo(last) {
  const counts = [];
  for (let count = 1; count < last; count *= 2) counts.push(count);
  return [...counts, last];
}

/** Ratios are to the first count of the same round. */
function rowOf(threads, at, rounds) {
  const of = (key) => median(rounds.map((round) => round[at][key]));
  const toFirst = (key) => spread(rounds.map((round) => round[at][key] / round[0][key]));
  if (rounds.some((round) => round[at].refused > 0)) throw new Error(`${threads} threads: calls were refused`);
  return { threads, perSecond: of('perSecond'), ofFirst: toFirst('perSecond'), cpuUs: of('cpuUs'), cpuOfFirst: toFirst('cpuUs'), p50Ms: of('p50Ms'), p99Ms: of('p99Ms') };
}

function report(rows) {
  const result = { bench: 'threads', body: values.body, connections: CONNECTIONS, rounds: ROUNDS, cores: ALL_CORES, apart, rows };
  if (values.save !== undefined) saveResult(values.save, result);
  if (values.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  process.stdout.write(`\nthreads: ${values.body} B calls, ${CONNECTIONS} connections, ${ROUNDS} alternating rounds of ${SECONDS} s, ${apart ? 'load and tool server on cores of their own' : `load and tool server on the same ${ALL_CORES} cores: look at CPU µs`}\n`);
  process.stdout.write('threads   calls/s   of the first (range)   CPU µs a call   of the first (range)   P50 ms   P99 ms\n');
  const range = ({ median: middle, lowest, highest }) => `${middle.toFixed(2)} (${lowest.toFixed(2)}–${highest.toFixed(2)})`;
  for (const row of rows) {
    process.stdout.write(`${String(row.threads).padStart(7)}${String(Math.round(row.perSecond)).padStart(10)}   ${range(row.ofFirst).padEnd(20)}${row.cpuUs.toFixed(1).padStart(16)}   ${range(row.cpuOfFirst).padEnd(20)}${row.p50Ms.toFixed(2).padStart(9)}${row.p99Ms.toFixed(2).padStart(9)}\n`);
  }
}
