// make bench-check: measures the ratios of bench/baseline.json again, and fails when one fell by more than 10 % beyond its scatter.
//   node bench/check/run.mjs [--update [--runs 4]]
// --update measures several runs, and writes their medians and their scatter as the new baseline.
import { readFileSync, writeFileSync } from 'node:fs';
import { baselineOf, compare, FALL_MAX } from '../support/baseline.mjs';
import { readOptions } from '../support/options.mjs';
import { needPrograms } from '../wire/servers.mjs';
import { measureRatios, RATIOS } from './ratios.mjs';

const values = readOptions({ update: false, runs: 4 });
const BASELINE = new URL('../baseline.json', import.meta.url);

needPrograms('nginx', 'wrk', 'taskset');
if (values.update) {
  const runs = [];
  for (let i = 0; i < values.runs; i++) runs.push(await measure((what) => process.stderr.write(`run ${i + 1}/${values.runs}: ${what}\n`)));
  const entries = Object.entries(baselineOf(runs)).map(([name, entry]) => [name, { ...entry, is: RATIOS[name] }]);
  writeFileSync(BASELINE, `${JSON.stringify(Object.fromEntries(entries), undefined, 1)}\n`);
  for (const [name, { ratio, scatter }] of entries) process.stdout.write(`${name.padEnd(42)}${text(ratio).padStart(9)} ± ${percent(scatter)}\n`);
} else {
  const rows = compare(JSON.parse(readFileSync(BASELINE, 'utf8')), await measure((what) => process.stderr.write(`${what}\n`)));
  process.stdout.write('\nratio                                      baseline       now    change   scatter   may fall to\n');
  for (const row of rows) {
    const known = row.fresh ? 'not in the baseline' : `${text(row.baseline).padStart(9)}${text(row.ratio).padStart(10)}${percent(row.change).padStart(10)}${percent(row.scatter).padStart(10)}${text(row.floor).padStart(14)}${row.fell ? '   fell' : ''}`;
    process.stdout.write(`${row.name.padEnd(42)}${known}\n`);
  }
  const fallen = rows.filter(({ fell }) => fell);
  process.stdout.write(fallen.length === 0 ? '\nnothing fell\n' : `\n${fallen.length} fell by more than ${percent(FALL_MAX)} beyond the scatter. Measure again on a quiet machine; if it stays, find out why, or say why and write a new baseline: node bench/check/run.mjs --update\n`);
  if (fallen.length > 0) process.exitCode = 1;
}

/** Once more when the machine stood still meanwhile: a second without an answer is no measurement. */
async function measure(say) {
  try {
    return await measureRatios(say);
  } catch (fault) {
    say(`again: ${fault instanceof Error ? fault.message.split('\n', 1)[0] : String(fault)}`);
    return measureRatios(say);
  }
}

function text(ratio) {
  return ratio === undefined ? 'none' : Number(ratio.toPrecision(3)).toString();
}

function percent(share) {
  return share === undefined ? '' : `${(share * 100).toFixed(0)} %`;
}
