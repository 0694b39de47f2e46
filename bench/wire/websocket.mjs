// The same call by POST and over WebSocket, to one gateway, in alternating rounds: what a message costs on each way.
//   node bench/wire/websocket.mjs [--rounds 5] [--calls 20000] [--save websocket] [--json]
// Gateway on one core, load and tool server on the other. Needs npm run build, nginx, taskset and Linux.
import { startLoad } from '../support/counted-load.mjs';
import { cores, cpuUs, median, percentile, spread } from '../support/measure.mjs';
import { readOptions } from '../support/options.mjs';
import { saveResult } from '../support/results.mjs';
import { startSocketLoad } from '../support/websocket-load.mjs';
import { toolCall } from '../support/wrk.mjs';
import { CALLER, needPrograms, startGateway, startUpstream, withServers } from './servers.mjs';

const values = readOptions({ rounds: 5, calls: 20000, save: null, json: false });
const [ROUNDS, CALLS] = [values.rounds, values.calls];
const KIB = 1024;
const ANSWER_BYTES = 350;
/** Connections, and calls under way on each. HTTP has one on each. */
const WAYS = [
  { name: 'POST, 64 connections', connections: 64 },
  { name: 'WebSocket, 64 sockets', socket: true, connections: 64, depth: 1 },
  { name: 'WebSocket, 1 socket, 64 under way', socket: true, connections: 1, depth: 64 },
];

needPrograms('nginx', 'taskset');
const rows = await withServers(async (start, dir) => {
  const upstream = await start(startUpstream(dir, cores.load, ANSWER_BYTES));
  const gateway = await start(startGateway(dir, cores.measured, upstream.port));
  const [http, sockets] = [await start(startLoad(cores.load)), await start(startSocketLoad(cores.load))];
  const { headers, body } = toolCall({ bytes: KIB });
  const head = `POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n${Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')}`;
  const run = async ({ socket, connections, depth }, calls) => {
    const [cpuBefore, began] = [cpuUs(gateway.pid), performance.now()];
    const found = socket ? await sockets.send({ port: gateway.port, caller: CALLER, body, connections, depth, calls }) : await http.send({ port: gateway.port, head, body, connections, calls });
    const [seconds, cpu] = [(performance.now() - began) / 1000, cpuUs(gateway.pid) - cpuBefore];
    if (Object.keys(found.wrong).length > 0) throw new Error(`a call was refused: ${JSON.stringify(found.wrong)}`);
    return { perSecond: calls / seconds, cpuUs: cpu / calls, p50Ms: percentile(found.latenciesMs, 0.5), p99Ms: percentile(found.latenciesMs, 0.99) };
  };
  for (const way of WAYS) await run(way, CALLS); // V8 compiles for a while
  const rounds = [];
  for (let i = 0; i < ROUNDS; i++) {
    const round = [];
    for (const way of WAYS) round.push(await run(way, CALLS));
    rounds.push(round);
  }
  return WAYS.map(({ name }, at) => {
    const of = (key) => median(rounds.map((round) => round[at][key]));
    return { name, perSecond: of('perSecond'), ofPost: spread(rounds.map((round) => round[at].perSecond / round[0].perSecond)), cpuUs: of('cpuUs'), cpuOfPost: spread(rounds.map((round) => round[at].cpuUs / round[0].cpuUs)), p50Ms: of('p50Ms'), p99Ms: of('p99Ms') };
  });
});

const result = { bench: 'websocket', rounds: ROUNDS, calls: CALLS, rows };
if (values.save !== undefined) saveResult(values.save, result);
if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
else {
  process.stdout.write(`\n${ROUNDS} alternating rounds of ${CALLS} calls of 1 KiB, by a generator of Node.js on the other core\n${'way'.padEnd(36)}calls/s  of POST (range)      CPU µs  of POST     P50 ms     P99 ms\n`);
  for (const one of rows) {
    const { median: middle, lowest, highest } = one.ofPost;
    process.stdout.write(`${one.name.padEnd(34)}${String(Math.round(one.perSecond)).padStart(9)}  ${`${middle.toFixed(2)} (${lowest.toFixed(2)}–${highest.toFixed(2)})`.padEnd(18)}${one.cpuUs.toFixed(1).padStart(9)}${one.cpuOfPost.median.toFixed(2).padStart(9)}${one.p50Ms.toFixed(2).padStart(11)}${one.p99Ms.toFixed(2).padStart(11)}\n`);
  }
}
