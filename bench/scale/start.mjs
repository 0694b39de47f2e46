// How long a start takes: a bare Node, agw's help, and the gateway from its spawn to its first `listening:` line, in alternating rounds of one run.
//   node bench/scale/start.mjs [--rounds 9] [--rules 300] [--policies 1000] [--save start] [--json]
// Needs npm run build. The ratio to the bare Node of the same round is the figure to compare between machines.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scratch } from '../wire/servers.mjs';
import { readOptions } from '../support/options.mjs';
import { makeProject, startProject } from '../support/project.mjs';
import { cpuMsOf } from '../support/process-cost.mjs';
import { median } from '../support/measure.mjs';
import { saveResult } from '../support/results.mjs';

const values = readOptions({ rounds: 9, rules: 300, policies: 1000, save: null, json: false });
const AGW = join(fileURLToPath(new URL('../..', import.meta.url)), 'bin', 'agw');
const many = { rules: values.rules, policies: values.policies };
const space = scratch();

function timed(args) {
  const cpuBefore = cpuMsOf('self', true);
  const began = performance.now();
  const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}`);
  return { ms: performance.now() - began, cpuMs: cpuMsOf('self', true) - cpuBefore };
}

async function started(project) {
  const gateway = await startProject(project);
  await gateway.stop();
  return { ms: gateway.readyMs, cpuMs: gateway.readyCpuMs };
}

try {
  const plain = await makeProject(join(space.dir, 'plain'));
  const large = await makeProject(join(space.dir, 'large'), many);
  const size = `${many.rules} rules, ${many.policies.toLocaleString('en-US')} policies`;
  const first = { plain: await started(plain), large: await started(large) };
  const kinds = [
    { name: 'node -e 0', run: () => timed(['-e', '0']) },
    { name: 'agw --help', run: () => timed([AGW, '--help']) },
    { name: 'gateway, shipped config', run: () => started(plain), firstMs: first.plain.ms },
    { name: `gateway, ${size}`, run: () => started(large), firstMs: first.large.ms },
  ].map((kind) => ({ ...kind, ms: [], cpuMs: [] }));
  for (let round = 0; round < values.rounds; round++) {
    for (const kind of kinds) {
      const { ms, cpuMs } = await kind.run();
      kind.ms.push(ms);
      kind.cpuMs.push(cpuMs);
    }
  }
  const rows = kinds.map(({ name, ms, cpuMs, firstMs }) => {
    const ratios = ms.map((one, round) => one / kinds[0].ms[round]);
    return { name, ms: median(ms), lowestMs: Math.min(...ms), highestMs: Math.max(...ms), cpuMs: median(cpuMs), ratio: median(ratios), firstMs: firstMs ?? null };
  });
  const result = { bench: 'start', ...many, rounds: values.rounds, rows };
  if (values.save !== undefined) saveResult(values.save, result);
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else for (const row of rows) process.stdout.write(`${row.name.padEnd(42)}${row.ms.toFixed(0).padStart(6)} ms (${row.lowestMs.toFixed(0)}–${row.highestMs.toFixed(0)})  ${row.ratio.toFixed(2)} × node, ${row.cpuMs} ms CPU${row.firstMs === null ? '' : `, the very first ${row.firstMs.toFixed(0)} ms`}\n`);
} finally {
  space.remove();
}
