// What a run of the table shows: topic × language, what failed and how, and the numbers that are kept for the docs.
import { join } from 'node:path';
import { topicJsonSchema } from './format.mjs';

export const RESULTS = join(import.meta.dirname, 'results.json');
export const SCHEMA = join(import.meta.dirname, '..', 'schema', 'topic.json');

export const schemaText = () => `${JSON.stringify(topicJsonSchema(), undefined, 2)}\n`;

/** Topic → language → how many passed and failed. */
export function tally(topics, languages, outcomes) {
  return topics.map(({ topic }) => ({
    topic,
    of: Object.fromEntries(languages.map((language) => {
      const own = outcomes.filter((outcome) => outcome.topic === topic && outcome.language === language);
      return [language, { passed: own.filter(({ differs }) => differs.length === 0).length, failed: own.filter(({ differs }) => differs.length > 0).length }];
    })),
  }));
}

export function outcomesTable(topics, languages, outcomes) {
  const cell = ({ passed, failed }) => (passed + failed === 0 ? '-' : failed === 0 ? String(passed) : `${passed} (${failed} failed)`);
  const rows = tally(topics.filter(({ topic }) => outcomes.some((one) => one.topic === topic)), languages, outcomes).map(({ topic, of }) => [topic, ...languages.map((language) => cell(of[language]))]);
  const all = languages.map((language) => {
    const own = outcomes.filter((outcome) => outcome.language === language);
    return cell({ passed: own.filter(({ differs }) => differs.length === 0).length, failed: own.filter(({ differs }) => differs.length > 0).length });
  });
  const lines = [['topic', ...languages], ...rows, ['all', ...all]];
  const widths = lines[0].map((_title, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines.map((line) => line.map((word, column) => word.padEnd(widths[column])).join('  ').trimEnd()).join('\n');
}

export function failuresText(failed) {
  return failed.map(({ language, topic, id, name, differs }) => `✗ ${language}: ${topic}: ${name} (${id})\n${differs.slice(0, 8).map((line) => `    ${line}`).join('\n')}`).join('\n');
}

/** Kept without times: the same table gives the same text. */
export function resultsText(topics, outcomes) {
  const languages = [...new Set(outcomes.map(({ language }) => language))];
  const rows = tally(topics.filter(({ topic }) => outcomes.some((one) => one.topic === topic)), languages, outcomes).map(({ topic, of }) => ({ topic, about: topics.find((one) => one.topic === topic)?.about, cases: topics.find((one) => one.topic === topic)?.cases.length, passed: Object.fromEntries(Object.entries(of).map(([language, { passed }]) => [language, passed])) }));
  return `${JSON.stringify({ topics: rows, cases: rows.reduce((sum, row) => sum + row.cases, 0), passed: outcomes.length }, undefined, 2)}\n`;
}
