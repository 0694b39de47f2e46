// The behaviour table against the built gateway, in every language of the SDKs.
// node sdk/behaviour/run.mjs --help says what it can be told.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { note, runScript, say, Stop } from '../../scripts/say.mjs';
import { LANGUAGES, missingLanguages } from './runner/languages.mjs';
import { writePage } from './runner/page.mjs';
import { failuresText, outcomesTable, RESULTS, resultsText, SCHEMA, schemaText } from './runner/report.mjs';
import { runTable } from './runner/run-table.mjs';
import { readTable } from './runner/table.mjs';

const HELP = `Usage: node sdk/behaviour/run.mjs [options]

Plays the behaviour table against the built gateway, in each language of the SDKs.

Options:
  --language NAME  ${Object.keys(LANGUAGES).join(', ')}; may be given again (default: all)
  --only WORD      only the cases whose topic or name holds WORD
  --json           results as JSON
  --write          keep the numbers (runner/results.json, docs/sdk.md) of a whole run of which nothing failed, and the format's schema
  --help           show this help

Exit code 1: a case failed, or none was met.`;

await runScript(async () => {
  const { values } = parseArgs({ options: { language: { type: 'string', multiple: true }, only: { type: 'string' }, json: { type: 'boolean' }, write: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } });
  if (values.help) return say(HELP);
  const languages = values.language ?? Object.keys(LANGUAGES);
  const unknown = languages.find((language) => LANGUAGES[language] === undefined);
  if (unknown !== undefined) throw new Stop(`${unknown} is no language of the table.`, `One of ${Object.keys(LANGUAGES).join(', ')}.`);
  const topics = readTable();
  const missing = await missingLanguages(languages);
  const outcomes = await runTable({ topics, languages: languages.filter((language) => missing[language] === undefined), only: values.only });
  const failed = outcomes.filter(({ differs }) => differs.length > 0);
  if (values.json) say(JSON.stringify({ outcomes, missing }));
  else {
    for (const [language, why] of Object.entries(missing)) note(`${language}: ${why}`);
    if (failed.length > 0) say(failuresText(failed));
    say(outcomesTable(topics, languages, outcomes));
    say(`${outcomes.length - failed.length} passed, ${failed.length} failed`);
  }
  if (values.write) keep(topics, outcomes, { whole: values.only === undefined && values.language === undefined && Object.keys(missing).length === 0 && failed.length === 0 });
  return failed.length > 0 || outcomes.length === 0 ? 1 : 0;
});

function keep(topics, outcomes, { whole }) {
  mkdirSync(dirname(SCHEMA), { recursive: true });
  writeFileSync(SCHEMA, schemaText());
  if (!whole) throw new Stop('Nothing was kept: some of the table was not run, or failed.', 'node sdk/behaviour/run.mjs --write runs all of it.');
  writeFileSync(RESULTS, resultsText(topics, outcomes));
  writePage();
}
