// Which files of a folder are rules, and what is said of a file that is not there.
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readRules, readSource } from '../../../src/jobs/read-sources.js';

it('are those named so, also hidden ones; not what editors and systems lay beside them', () => {
  const dir = mkdtempSync(join(tmpdir(), 'rules-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  for (const name of ['b.yml', 'a.yaml', '.hidden.yaml', '._a.yaml', 'a.yaml~', '.a.yaml.swp', 'notes.md']) writeFileSync(join(dir, name), 'rules: []\n');
  symlinkSync('someone@a.machine:1', join(dir, '.#a.yaml'));
  expect(readRules(dir, '.').map(({ file }) => file)).toEqual(['.hidden.yaml', 'a.yaml', 'b.yml']);
});

it('says of one that is not there where it was looked for: that need not be the folder it was started in', () => {
  const root = mkdtempSync(join(tmpdir(), 'sources-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  expect(() => readSource(root, 'config/identities.yaml')).toThrow(expect.objectContaining({ file: 'config/identities.yaml', remedy: `Restore ${join(root, 'config/identities.yaml')}, or name another in the config file.` }));
  expect(() => readRules(root, 'config/dlp')).toThrow(expect.objectContaining({ remedy: `Restore ${join(root, 'config/dlp')}, or name another in the config file.` }));
});
