// What is refused is shown until it is right: as a look at the files tells, or, for what only a thread's engines find, as a reload does.
import { expect, it } from 'vitest';
import { ConfigFault, WHOLE_FILE } from '../../../src/base/config/fault.js';
import type { SourceFault } from '../../../src/threads/messages.js';
import { describeSourceFaults, RefusedSources, SourcesRefused } from '../../../src/threads/source-faults.js';

const faultOf = (file: string): SourceFault => ({ message: 'wrong', file, line: 3, column: 1, remedy: undefined });
const files = (refused: RefusedSources): string[] => refused.list().map(({ file }) => file);

it('is no longer shown once its file is right, reloaded or not', () => {
  let present: readonly SourceFault[] = [faultOf('a.yaml'), faultOf('b.rego')];
  const refused = new RefusedSources(() => (present.length === 0 ? [] : [new SourcesRefused(present)]));
  refused.refuse(['files', 'policies'], present, 0);
  expect(files(refused).sort()).toEqual(['a.yaml', 'b.rego']);
  present = [faultOf('b.rego')];
  expect(files(refused)).toEqual(['b.rego']);
  present = [];
  expect(files(refused)).toEqual([]);
});

it('is shown where no line is to blame: a file that is gone', () => {
  const gone = new ConfigFault('the file can\'t be read (ENOENT).', { file: 'a.yaml', ...WHOLE_FILE });
  let present: readonly ConfigFault[] = [gone];
  const refused = new RefusedSources(() => present);
  refused.refuse(['files'], describeSourceFaults(gone), 0);
  expect(files(refused)).toEqual(['a.yaml']);
  present = [];
  expect(files(refused)).toEqual([]);
});

it('stays, where no look at the files finds it, until a reload of its own part accepts it', () => {
  const refused = new RefusedSources(() => []);
  refused.refuse(['files'], [faultOf('rules.yaml')], 0);
  refused.refuse(['policies'], [faultOf('b.rego')], 0);
  refused.accept(['files']);
  expect(files(refused)).toEqual(['b.rego']);
  refused.accept(['policies']);
  expect(files(refused)).toEqual([]);
});

it('is looked for only while something is refused', () => {
  let looks = 0;
  const refused = new RefusedSources(() => { looks += 1; return []; });
  refused.list();
  expect(looks).toBe(0);
});
