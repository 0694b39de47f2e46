// What becomes of a planner's word, and of a planner that has none.
import { expect, it } from 'vitest';
import { readSources } from '../../../src/jobs/read-sources.js';
import { planBeside } from '../../../src/threads/plan-beside.js';
import { SourcesRefused } from '../../../src/threads/source-faults.js';
import { configOf } from '../chain/contexts.js';

const sources = readSources(process.cwd(), configOf('policy: {dirs: [policies]}'), 1);
const plan = (root: string): Promise<void> => planBeside({ root, parts: ['policies'], sources, keeping: { cacheDir: undefined, code: '' } }, new URL('./planner-fixture.mjs', import.meta.url));

it('refuses the sources that it found wrong, with their places', async () => {
  await expect(plan('wrong')).rejects.toThrow(SourcesRefused);
  await expect(plan('wrong')).rejects.toMatchObject({ faults: [{ file: 'a.rego', line: 3, column: 7, message: 'no such rule' }] });
});

it.each(['well', 'breaks', 'ends'])('leaves it to whoever asked where it %s', async (how) => {
  await expect(plan(how)).resolves.toBeUndefined();
});
