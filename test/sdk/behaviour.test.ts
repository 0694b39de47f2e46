// The behaviour table in every language that is on this machine: one test a case and language, against the built gateway.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';

interface Case {
  readonly id: string;
  readonly topic: string;
  readonly name: string;
  readonly not_in?: Readonly<Record<string, string>>;
}

interface Topic {
  readonly topic: string;
  readonly cases: readonly Case[];
}

interface Outcome {
  readonly id: string;
  readonly language: string;
  readonly differs: readonly string[];
}

interface Table {
  readonly readTable: () => readonly Topic[];
  readonly isFor: (one: Case, language: string) => boolean;
}

interface Languages {
  readonly LANGUAGES: Readonly<Record<string, unknown>>;
  readonly missingLanguages: (languages: readonly string[]) => Promise<Readonly<Record<string, string>>>;
}

interface Runner {
  readonly runTable: (options: { readonly topics: readonly Topic[]; readonly languages: readonly string[] }) => Promise<readonly Outcome[]>;
}

const RUNNER = join(import.meta.dirname, '..', '..', 'sdk', 'behaviour', 'runner');
const load = async <T>(name: string): Promise<T> => (await import(pathToFileURL(join(RUNNER, name)).href)) as T;
const { readTable, isFor } = await load<Table>('table.mjs');
const { LANGUAGES, missingLanguages } = await load<Languages>('languages.mjs');
const { runTable } = await load<Runner>('run-table.mjs');

const WHOLE_RUN_MS = 600_000;
const topics = readTable();
const missing = await missingLanguages(Object.keys(LANGUAGES));
const found = new Map<string, readonly string[]>();

beforeAll(async () => {
  const languages = Object.keys(LANGUAGES).filter((language) => missing[language] === undefined);
  for (const { id, language, differs } of await runTable({ topics, languages })) found.set(`${language} ${id}`, differs);
}, WHOLE_RUN_MS);

describe.each(Object.keys(LANGUAGES))('the SDK in %s', (language) => {
  const why = missing[language];
  const test = why === undefined ? it : it.skip;
  describe.each(topics)('$topic', ({ cases }) => {
    for (const { id, name } of cases.filter((one) => isFor(one, language))) {
      test(why === undefined ? name : `${name} (missing: ${why})`, () => {
        expect(found.get(`${language} ${id}`)).toEqual([]);
      });
    }
  });
});
