// The table in some languages at once, each in its own lane, case after case.
import { prepareLanguages } from './languages.mjs';
import { runCase } from './run-case.mjs';
import { isFor } from './table.mjs';
import { startWorld } from './world.mjs';

/** @typedef {{ id: string, topic: string, name: string, language: string, differs: string[] }} Outcome */

/**
 * @param {{ topics: ReturnType<typeof import('./table.mjs').readTable>, languages: readonly string[], only?: string }} options
 * @returns {Promise<{ outcomes: Outcome[], missing: Record<string, string> }>} `missing`: language → why it was not run
 */
export async function runTable({ topics, languages, only = '' }) {
  const prepared = await prepareLanguages(languages);
  const missing = Object.fromEntries(Object.entries(prepared).flatMap(([language, why]) => (why === undefined ? [] : [[language, why]])));
  const here = languages.filter((language) => missing[language] === undefined);
  const wanted = topics.flatMap(({ cases }) => cases).filter(({ topic, name, id }) => `${topic} ${id} ${name}`.includes(only));
  if (here.length === 0 || wanted.length === 0) return { outcomes: [], missing };
  const world = await startWorld(here, wanted);
  try {
    const outcomes = await Promise.all(here.map(async (language) => {
      /** @type {Outcome[]} */
      const own = [];
      for (const one of wanted.filter((each) => isFor(each, language))) own.push(await runOne(one, language, world));
      return own;
    }));
    return { outcomes: outcomes.flat(), missing };
  } finally {
    await world.close();
  }
}

async function runOne(one, language, world) {
  const { id, topic, name } = one;
  const differs = await runCase(one, world.lanes.get(language), world).catch((error) => [`the runner: ${error instanceof Error ? error.message : String(error)}`]);
  return { id, topic, name, language, differs };
}
