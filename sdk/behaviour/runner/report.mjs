// What a run of the table shows: topic × language, what failed and how, and the numbers that are kept for the docs.
import { join } from 'node:path';
import { topicJsonSchema } from './format.mjs';

export const RESULTS = join(import.meta.dirname, 'results.json');
export const SCHEMA = join(import.meta.dirname, '..', 'schema', 'topic.json');

export const schemaText = () => `${JSON.stringify(topicJsonSchema(), undefined, 2)}\n`;

const passedOf = (outcomes) => outcomes.filter(({ differs }) => differs.length === 0).length;
const ofLanguage = (outcomes, language) => outcomes.filter((outcome) => outcome.language === language);

/** Of each topic that was run, its outcomes. */
function byTopic(topics, outcomes) {
  return topics.map((topic) => ({ ...topic, outcomes: outcomes.filter((outcome) => outcome.topic === topic.topic) })).filter(({ outcomes: own }) => own.length > 0);
}

export function outcomesTable(topics, languages, outcomes) {
  const cell = (own) => (own.length === 0 ? '-' : passedOf(own) === own.length ? String(own.length) : `${passedOf(own)} (${own.length - passedOf(own)} failed)`);
  const row = (title, own) => [title, ...languages.map((language) => cell(ofLanguage(own, language)))];
  const lines = [['topic', ...languages], ...byTopic(topics, outcomes).map(({ topic, outcomes: own }) => row(topic, own)), row('all', outcomes)];
  const widths = lines[0].map((_title, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines.map((line) => line.map((word, column) => word.padEnd(widths[column])).join('  ').trimEnd()).join('\n');
}

export function failuresText(failed) {
  return failed.map(({ language, topic, id, name, differs }) => `✗ ${language}: ${topic}: ${name} (${id})\n${differs.slice(0, 8).map((line) => `    ${line}`).join('\n')}`).join('\n');
}

/** Kept without times: the same table gives the same text. */
export function resultsText(topics, outcomes) {
  const languages = [...new Set(outcomes.map(({ language }) => language))];
  const rows = byTopic(topics, outcomes).map(({ topic, about, cases, outcomes: own }) => ({ topic, about, cases: cases.length, passed: Object.fromEntries(languages.map((language) => [language, passedOf(ofLanguage(own, language))])) }));
  return `${JSON.stringify({ topics: rows, cases: rows.reduce((sum, row) => sum + row.cases, 0), passed: outcomes.length }, undefined, 2)}\n`;
}
