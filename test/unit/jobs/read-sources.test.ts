// Which files of a folder are rules.
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readRules } from '../../../src/jobs/read-sources.js';

it('are those named so, also hidden ones; not what editors and systems lay beside them', () => {
  const dir = mkdtempSync(join(tmpdir(), 'rules-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  for (const name of ['b.yml', 'a.yaml', '.hidden.yaml', '._a.yaml', 'a.yaml~', '.a.yaml.swp', 'notes.md']) writeFileSync(join(dir, name), 'rules: []\n');
  symlinkSync('someone@a.machine:1', join(dir, '.#a.yaml'));
  expect(readRules(dir, '.').map(({ file }) => file)).toEqual(['.hidden.yaml', 'a.yaml', 'b.yml']);
});
