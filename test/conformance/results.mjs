// The counts of the last kept run, and the table of docs/conformance.md that is made of them.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../scripts/run-command.mjs';
import { writeBlock } from '../support/page-block.mjs';

const RESULTS = join(import.meta.dirname, 'results.json');
const PAGE = join(ROOT, 'docs', 'conformance.md');

const counted = ({ passed, failed }) => `${passed} / ${failed}`;

export function resultsTable(results = JSON.parse(readFileSync(RESULTS, 'utf8'))) {
  const rows = results.map(({ mode, version, direct, through, lost }) => `| ${mode} | ${version} | ${counted(direct)} | ${counted(through)} | ${lost.length} |`);
  return ['| mode | version | direct, passed / failed | through the gateway | lost |', '|---|---|---|---|---|', ...rows].join('\n');
}

/** What was not run again stays as it was kept. */
export function mergeResults(kept, results) {
  const fresh = results.map(({ mode, version, direct, through, lost }) => ({ mode, version, direct, through, lost }));
  const keyOf = ({ mode, version }) => `${mode === 'server' ? 0 : 1} ${version}`;
  return [...kept.filter((one) => !fresh.some((other) => keyOf(other) === keyOf(one))), ...fresh].sort((a, b) => keyOf(a).localeCompare(keyOf(b)));
}

export function writeResults(fresh) {
  const results = mergeResults(JSON.parse(readFileSync(RESULTS, 'utf8')), fresh);
  writeFileSync(RESULTS, `${JSON.stringify(results, undefined, 2)}\n`);
  writeBlock(PAGE, 'test/conformance/results.json', resultsTable(results));
}
