// Reads the table: every *.json beside this folder is a topic with its cases. What breaks the format is refused with its place.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { topicSchema } from './format.mjs';

const TABLE = join(import.meta.dirname, '..');

/** @typedef {{ id: string, topic: string, name: string, [member: string]: any }} Case */

/** @returns {{ topic: string, about: string, cases: Case[] }[]} in the order of their files' names */
export function readTable() {
  return readdirSync(TABLE).filter((name) => name.endsWith('.json')).sort().map((name) => readTopic(join(TABLE, name), name.replace(/\.json$/, '')));
}

/** @param {string} file @param {string} id */
function readTopic(file, id) {
  const read = topicSchema.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  if (!read.success) throw new Error(`${file}: ${read.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}`);
  const { topic, about, gateway, client, cases } = read.data;
  return {
    topic, about,
    cases: cases.map((one, n) => ({ gateway, ...one, id: `${id}-${n + 1}`, topic, client: { ...client, ...one.client }, asks: [one.ask].flat(), given: [one.gives].flat() })),
  };
}

/** Whether a case is for a language. @param {Case} one @param {string} language */
export function isFor(one, language) {
  return one.not_in === undefined || one.not_in[language] === undefined;
}
