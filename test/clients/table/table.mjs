// The tables of the pages that show what make clients ran, made of the last kept run.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../../scripts/run-command.mjs';
import { writeBlock } from '../../support/page-block.mjs';
import { TRIES } from './outcomes.mjs';

export const RESULTS = join(import.meta.dirname, 'results.json');
const kept = () => JSON.parse(readFileSync(RESULTS, 'utf8'));

/** A reason goes below the table, under a number. */
export function clientsTable(results = kept()) {
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

/** In a cell, word for word. */
const quoted = (text) => `\`${text.replaceAll('|', '\\|')}\``;

/** A row that could not be run says why in the cell of its call. */
function pathARow({ name, version, example, outcomes, seen }) {
  const cells = (() => {
    if (seen === undefined) return [outcomes.list, '–', '–', '–'];
    if ('connected' in seen) return ['connect, list', quoted(seen.connected), '–', '–'];
    return ['list, `echo`', quoted(seen.answer), `the ${seen.refusal.seen_by}: ${quoted(seen.refusal.text)}`, seen.refusal.code];
  })();
  return `| ${name} | ${version} | [${example}](../examples/path-a/${example}) | ${cells.join(' | ')} |`;
}

export function pathATable(results = kept()) {
  return ['| client | version | example | called | came back | who is told of the refusal, and what | its code |', '|---|---|---|---|---|---|---|', ...results.filter(({ role }) => role === 'path A').map(pathARow)].join('\n');
}

export function integrationsTable(results = kept()) {
  const rows = results.filter(({ role }) => role === 'integrations');
  const frameworks = Object.keys(rows[0]?.seen.versions ?? {});
  return [`| versions | ${frameworks.join(' | ')} | tests passed |`, `|---|${frameworks.map(() => '---|').join('')}---|`, ...rows.map(({ name, seen }) => `| ${name} | ${frameworks.map((one) => seen.versions[one]).join(' | ')} | ${seen.passed} |`)].join('\n');
}

/** Page → what stands in it. */
const BLOCKS = { 'docs/clients.md': clientsTable, 'docs/path-a.md': pathATable, 'sdk/python/docs/integrations.md': integrationsTable };
export const PAGES = Object.keys(BLOCKS);

export function writePages() {
  for (const [page, table] of Object.entries(BLOCKS)) writeBlock(join(ROOT, page), 'test/clients/table/results.json', table());
}
