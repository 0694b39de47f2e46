// The table in some languages at once, each in its own lane, case after case.
import { runCase } from './run-case.mjs';
import { isFor } from './table.mjs';
import { startWorld } from './world.mjs';

/** @typedef {{ id: string, topic: string, name: string, language: string, differs: string[] }} Outcome */

/**
 * @param {{ topics: ReturnType<typeof import('./table.mjs').readTable>, languages: readonly string[], only?: string }} options `languages`: those that can run here
 * @returns {Promise<Outcome[]>}
 */
export async function runTable({ topics, languages, only = '' }) {
  const wanted = topics.flatMap(({ cases }) => cases).filter(({ topic, name, id }) => `${topic} ${id} ${name}`.includes(only));
  if (languages.length === 0 || wanted.length === 0) return [];
  const world = await startWorld(languages, wanted);
  try {
    const outcomes = await Promise.all(languages.map(async (language) => {
      /** @type {Outcome[]} */
      const own = [];
      for (const one of wanted.filter((each) => isFor(each, language))) own.push(await runOne(one, language, world));
      return own;
    }));
    return outcomes.flat();
  } finally {
    await world.close();
  }
}

async function runOne(one, language, world) {
  const { id, topic, name } = one;
  const differs = await runCase(one, world.lanes.get(language), world).catch((error) => [`the runner: ${error instanceof Error ? error.message : String(error)}`]);
  return { id, topic, name, language, differs };
}
