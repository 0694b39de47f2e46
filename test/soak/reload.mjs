// Reloads under load, and what they cost in memory: node test/soak/reload.mjs --minutes 10 [--save soak-memory]
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { curveSvg } from '../../bench/support/curve-svg.mjs';
import { saveResult } from '../../bench/support/results.mjs';
import { runLong } from './run-long.mjs';

const at = process.argv.indexOf('--save');
const line = process.argv.slice(1);
const name = at === -1 ? undefined : process.argv.splice(at, 2)[1];
if (name === undefined) runLong('reload.test.ts', { minutes: 'RELOAD_MINUTES' });
else {
  const dir = mkdtempSync(join(tmpdir(), 'precinct-soak-'));
  process.env.RELOAD_CURVE = join(dir, 'curve.json');
  runLong('reload.test.ts', { minutes: 'RELOAD_MINUTES' }, () => {
    const { samples, ...run } = JSON.parse(readFileSync(process.env.RELOAD_CURVE, 'utf8'));
    rmSync(dir, { recursive: true });
    const points = (key) => samples.map((sample) => [sample.second / 60, sample[key]]);
    const panel = (title, unit, key) => ({ title, unit, series: [{ name: title, points: points(key) }] });
    const svg = curveSvg({ title: 'Memory while reloading under load', xTitle: 'minutes', ticks: Array.from({ length: Math.floor(run.minutes) + 1 }, (_, minute) => minute), panels: [panel('Resident', 'MiB', 'rssMib'), panel('Heap in use, garbage included', 'MiB', 'heapMib')] });
    saveResult(name, { bench: 'soak-memory', ...run, samples: samples.filter((_, i) => i % 10 === 0) }, svg, line);
  });
}
