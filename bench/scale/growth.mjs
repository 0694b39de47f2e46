// How the cost of a call grows with what the gateway holds: live sessions, detection rules, registered tools, upstreams.
//   node bench/scale/growth.mjs [--only sessions,rules,tools,upstreams] [--rounds 6] [--save growth]
// Needs npm run build, nginx and taskset. A gateway for each size, the same calls to each in turn; the ratio to the smallest is the figure to compare between machines.
import { join } from 'node:path';
import { alternate, middleHalf } from '../support/alternate.mjs';
import { cores, median } from '../support/measure.mjs';
import { startLoad } from '../support/counted-load.mjs';
import { curveSvg } from '../support/curve-svg.mjs';
import { readOptions } from '../support/options.mjs';
import { saveResult } from '../support/results.mjs';
import { needPrograms, withServers } from '../wire/servers.mjs';
import { GROWING } from './growing.mjs';

const values = readOptions({ only: Object.keys(GROWING).join(','), rounds: 6, calls: 3000, warm: 15000, connections: 64, most: 100000, save: null, json: false });
needPrograms('nginx', 'taskset');
const rows = [];
for (const what of values.only.split(',')) rows.push(...await grow(what));
report(rows);

function grow(what) {
  const { counts, start } = GROWING[what];
  return withServers(async (keep, dir) => {
    const load = await keep(startLoad(cores.load));
    const cases = [];
    for (const count of counts.filter((one) => one <= values.most)) {
      const { gateway, options } = await start(join(dir, `${what}-${count}`), cores, count, keep);
      cases.push({ name: count, pid: gateway.pid, options: { connections: values.connections, ...options, port: gateway.port } });
      process.stderr.write(`${what}: ${count} are there\n`);
    }
    const found = await alternate(load, cases, { rounds: values.rounds, calls: values.calls, warmCalls: values.warm });
    return cases.map(({ name: count }, at) => {
      const cpuUs = found.get(count);
      const smallest = found.get(cases[0].name);
      const ratio = at === 0 ? 1 : median(cpuUs.map((us, round) => us / smallest[round]));
      return { what, count, cpuUs: median(cpuUs), ...middleHalf(cpuUs), ratio };
    });
  });
}

function report(rows) {
  const result = { bench: 'growth', connections: values.connections, rounds: values.rounds, rows };
  if (values.save !== undefined) saveResult(values.save, result, draw(rows));
  if (values.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  process.stdout.write('\nof what       how many   CPU µs a call (range)    of the smallest\n');
  for (const row of rows) process.stdout.write(`${row.what.padEnd(12)}${String(row.count).padStart(10)}${row.cpuUs.toFixed(1).padStart(10)} (${row.lowest.toFixed(1)}–${row.highest.toFixed(1)})${row.ratio.toFixed(2).padStart(14)}\n`);
}

function draw(rows) {
  const kinds = [...new Set(rows.map(({ what }) => what))];
  const series = kinds.map((what) => ({ name: what, points: rows.filter((row) => row.what === what).map((row) => [Math.log10(row.count), row.cpuUs]) }));
  const ticks = [...new Set(rows.map((row) => Math.round(Math.log10(row.count))))];
  return curveSvg({ title: 'What a call costs as the gateway holds more', xTitle: 'how many, as a power of ten (1 = 10, 5 = 100,000)', ticks, panels: [{ title: 'One allowed call, all threads', unit: 'CPU µs', series }] });
}
