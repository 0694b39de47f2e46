// The table of docs/clients.md, made of the last kept run.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../../scripts/run-command.mjs';
import { writeBlock } from '../../support/page-block.mjs';
import { TRIES } from './outcomes.mjs';

export const RESULTS = join(import.meta.dirname, 'results.json');
const PAGE = join(ROOT, 'docs', 'clients.md');

/** A reason goes below the table, under a number. */
export function clientsTable(results = JSON.parse(readFileSync(RESULTS, 'utf8'))) {
  /** @type {string[]} */
  const reasons = [];
  const cell = (outcome) => {
    if (outcome === 'yes') return 'yes';
    if (!reasons.includes(outcome)) reasons.push(outcome);
    return `${outcome.startsWith('no') ? 'no' : '–'} (${reasons.indexOf(outcome) + 1})`;
  };
  const part = (role) => [`| ${role} | version | ${TRIES.join(' | ')} |`, `|---|---|${TRIES.map(() => '---|').join('')}`, ...results.filter((row) => row.role === role).map(({ name, version, outcomes }) => `| ${name} | ${version} | ${TRIES.map((one) => cell(outcomes[one])).join(' | ')} |`)];
  return [...part('client'), '', ...part('server'), '', ...reasons.map((reason, at) => `${at + 1}. ${reason}`)].join('\n');
}

export function writePage() {
  writeBlock(PAGE, 'test/clients/table/results.json', clientsTable());
}
