// The parts of docs/sdk.md that are made: the refusals by family, from the gateway's own table, and the numbers of the kept run.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../../scripts/run-command.mjs';
import { writeBlock } from '../../../test/support/page-block.mjs';
import { RESULTS } from './report.mjs';

export const PAGE = join(ROOT, 'docs', 'sdk.md');
const ERRORS = join(ROOT, 'sdk', 'errors.json');
const row = (words) => `| ${words.join(' | ')} |`;

/** @param {{ topics: { topic: string, about: string, cases: number, passed: Record<string, number> }[], cases: number, passed: number }} kept */
function resultsPart({ topics, cases, passed }) {
  const languages = Object.keys(topics[0]?.passed ?? {});
  const sum = (language) => topics.reduce((all, { passed: own }) => all + own[language], 0);
  return [
    row(['topic', 'what', 'cases', ...languages]), row(['---', '---', ...['cases', ...languages].map(() => '--:')]),
    ...topics.map((one) => row([one.topic, one.about, one.cases, ...languages.map((language) => one.passed[language])])), row(['all', '', cases, ...languages.map(sum)]), '', `${passed} runs, none failed.`,
  ].join('\n');
}

/** @param {{ families: { name: string, of: string }[], codes: { code: string, family: string, status: number }[] }} errors */
function familiesPart({ families, codes }) {
  const own = (name) => codes.filter(({ family }) => family === name).map(({ code, status }) => `\`${code}\` ${status}`).join(', ');
  return [row(['class', 'refused by', 'codes, with their HTTP status']), row(['---', '---', '---']), ...families.map(({ name, of }) => row([`\`${name}\``, of, own(name)]))].join('\n');
}

/** Source → what stands below it on the page. */
export function parts() {
  const read = (file) => JSON.parse(readFileSync(file, 'utf8'));
  return { 'sdk/errors.json': familiesPart(read(ERRORS)), 'sdk/behaviour/runner/results.json': resultsPart(read(RESULTS)) };
}

export function writePage() {
  for (const [source, text] of Object.entries(parts())) writeBlock(PAGE, source, text);
}
