// What each security default costs, one by one: gateways that differ in one thing from the defaults, the same calls to each in turn.
//   node bench/scale/defaults.mjs [--rounds 12] [--save defaults]
//   node bench/scale/defaults.mjs --only async        one of them; --list names all
//   node bench/scale/defaults.mjs --observe [--save observability]
// Needs npm run build, nginx and taskset.
import { join } from 'node:path';
import { alternate, middleHalf } from '../support/alternate.mjs';
import { cores, median } from '../support/measure.mjs';
import { startLoad } from '../support/counted-load.mjs';
import { callBody, callHead } from '../support/echo-call.mjs';
import { readOptions } from '../support/options.mjs';
import { saveResult } from '../support/results.mjs';
import { needPrograms, startGateway, startUpstream, withServers } from '../wire/servers.mjs';
import { VARIANTS } from './variants.mjs';

const values = readOptions({ only: null, observe: false, rounds: 12, calls: 4000, connections: 64, warm: 15000, save: null, json: false, list: false });

const BODY_BYTES = 1024;
const LATE_MS = 60_000; // others on the machine make a gateway late: it must not refuse for that
const DEFAULTS = { name: 'defaults', what: 'the defaults' };

if (values.list) {
  for (const { name, what } of VARIANTS) process.stdout.write(`${name.padEnd(16)} ${what}\n`);
  process.exit(0);
}
const chosen = VARIANTS.filter(({ name, observes = false }) => (values.only === undefined ? observes === values.observe : values.only.split(',').includes(name)));
if (chosen.length === 0) {
  process.stderr.write('none of these is known: --list\n');
  process.exit(2);
}
needPrograms('nginx', 'taskset');
await withServers(async (start, dir) => {
  const upstream = await start(startUpstream(dir, cores.load, 350));
  const load = await start(startLoad(cores.load));
  const cases = [];
  for (const variant of [DEFAULTS, ...chosen]) cases.push(await startCase(start, join(dir, variant.name), variant, upstream.port));
  const found = await alternate(load, cases, { rounds: values.rounds, calls: values.calls, warmCalls: values.warm }, (round) => process.stderr.write(`round ${round + 1}/${values.rounds}\n`));
  report(found);
});

async function startCase(start, folder, variant, upstreamPort) {
  const own = {};
  const gateway = await start(startGateway(folder, cores.measured, upstreamPort, { front: { shed_after_ms: LATE_MS }, ...(await variant.config?.(folder, own)) }));
  const { more = {}, text = '', port = gateway.port, tls, stop } = (await variant.prepared?.(gateway, own)) ?? {};
  if (stop !== undefined) await start({ stop });
  const body = callBody(BODY_BYTES);
  const options = { port, head: callHead(port, more), connections: values.connections, tls, body: text === '' ? body : body.slice(0, -4 - text.length) + text + body.slice(-4) };
  return { name: variant.name, pid: gateway.pid, options };
}

function report(found) {
  const base = found.get(DEFAULTS.name);
  const rows = chosen.map(({ name, what }) => {
    const cpuUs = found.get(name);
    const more = cpuUs.map((us, round) => us - base[round]);
    const { lowest: lowestUs, highest: highestUs } = middleHalf(more);
    return { name, what, cpuUs: median(cpuUs), moreUs: median(more), lowestUs, highestUs };
  });
  const result = { bench: 'defaults', body: BODY_BYTES, connections: values.connections, rounds: values.rounds, defaultUs: median(base), rows };
  if (values.save !== undefined) saveResult(values.save, result);
  if (values.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  process.stdout.write(`\n${BODY_BYTES} B calls, ${values.connections} connections, ${values.rounds} rounds; with the defaults ${result.defaultUs.toFixed(1)} µs of CPU a call, all threads\n`);
  process.stdout.write('                 CPU µs   beside the defaults (range)\n');
  for (const row of rows) process.stdout.write(`${row.name.padEnd(16)}${row.cpuUs.toFixed(1).padStart(7)}   ${signed(row.moreUs).padStart(6)} (${signed(row.lowestUs)} to ${signed(row.highestUs)})  ${row.what}\n`);
}

function signed(us) {
  return `${us < 0 ? '−' : '+'}${Math.abs(us).toFixed(1)}`;
}
