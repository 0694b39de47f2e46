// What is refused is shown until it is right: as a look at the files tells, or, for what only a thread's engines find, as a reload does.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock/clock.js';
import { ConfigFault, WHOLE_FILE } from '../../../src/base/config/fault.js';
import type { SourceFault } from '../../../src/threads/messages.js';
import { readPolicies } from '../../../src/jobs/read-sources.js';
import { describeSourceFaults, FaultFinder, gatherFaults, RefusedSources, SourcesRefused } from '../../../src/threads/source-faults.js';
import { configOf } from '../chain/contexts.js';

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

describe('a look at the policies as they stand', () => {
  let root: string;
  beforeEach(() => { root = mkdtempSync(join(tmpdir(), 'precinct-faults-')); });
  afterEach(() => rmSync(root, { recursive: true }));
  const config = configOf('policy: {dirs: [policies]}');
  const write = (text: string): void => {
    mkdirSync(join(root, 'policies'), { recursive: true });
    writeFileSync(join(root, 'policies', 'a.rego'), text);
  };
  const look = (finder: FaultFinder): readonly unknown[] => finder.find(['policies'], config);

  it('is taken once, until they change', () => {
    const finder = new FaultFinder(root, systemClock);
    write('package precinct.authz\nallow if {');
    const [fault] = look(finder);
    expect(describeSourceFaults(fault)).toMatchObject([{ file: 'policies/a.rego' }]);
    expect(look(finder)[0]).toBe(fault);
    write('package precinct.authz\nimport rego.v1\nallow if false');
    expect(look(finder)).toEqual([]);
  });

  it('that another thread has taken is not taken again', () => {
    const finder = new FaultFinder(root, systemClock);
    write('package precinct.authz\nimport rego.v1\nallow if false');
    finder.learn({ policies: readPolicies(root, config), config }, [{ message: 'said by another', file: 'policies/a.rego', line: 3, column: 1, remedy: undefined }]);
    expect(look(finder).flatMap(describeSourceFaults)).toMatchObject([{ message: 'said by another', line: 3 }]);
    write('package precinct.authz\nimport rego.v1\nallow if true');
    expect(look(finder)).toEqual([]);
  });
});

it('is one fault at one place of a policy, in whose words ever, and each for itself elsewhere', () => {
  const at = (file: string, line: number, message: string): SourcesRefused => new SourcesRefused([{ message, file, line, column: line, remedy: undefined }]);
  const words = (first: SourcesRefused, ...others: SourcesRefused[]): string[] => gatherFaults(first, others).map(({ message }) => message);
  expect(words(at('a.rego', 3, 'of the checks'), at('a.rego', 3, 'of the engine'), at('a.rego', 4, 'another'), at('b.rego', 3, 'a third'))).toEqual(['of the checks', 'another', 'a third']);
  expect(words(at('a.yaml', 3, 'one'), at('a.yaml', 3, 'two'))).toEqual(['one', 'two']);
});
