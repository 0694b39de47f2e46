// What another build leaves of the programs before it: a gateway that still runs loads parts of them late, however long ago it was built.
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { installed } from '../../src/base/installation.js';

const HOUR_MS = 60 * 60 * 1000;
const BUILT_MS = Date.UTC(2026, 0, 1);
const { putInPlace } = (await import(pathToFileURL(installed('scripts/bundle.mjs')).href)) as { putInPlace: (folder: string, files: readonly { name: string; contents: string }[], nowMs: number) => void };
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'precinct-programs-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function buildAt(atMs: number, late: string): void {
  const files = ['process.js', late].map((name) => ({ name, contents: `${name} of ${atMs}` }));
  putInPlace(folder, files, atMs);
  for (const { name } of files) utimesSync(join(folder, name), atMs / 1000, atMs / 1000);
}

const isThere = (name: string): boolean => existsSync(join(folder, name));

it('keeps what was in force until now for a day from now, and no longer', () => {
  buildAt(BUILT_MS, 'process-OLD.js');
  buildAt(BUILT_MS + 1000 * HOUR_MS, 'process-NEW.js');
  expect(isThere('process-OLD.js')).toBe(true);
  buildAt(BUILT_MS + 1023 * HOUR_MS, 'process-NEW.js');
  expect(isThere('process-OLD.js')).toBe(true);
  buildAt(BUILT_MS + 1025 * HOUR_MS, 'process-NEW.js');
  expect([isThere('process-OLD.js'), isThere('process-NEW.js')]).toEqual([false, true]);
  expect(readFileSync(join(folder, 'process.js'), 'utf8')).toBe(`process.js of ${BUILT_MS + 1025 * HOUR_MS}`);
});

it('takes what lies there without a list of it for in force', () => {
  writeFileSync(join(folder, 'process-OLD.js'), '');
  utimesSync(join(folder, 'process-OLD.js'), BUILT_MS / 1000, BUILT_MS / 1000);
  buildAt(BUILT_MS + 1000 * HOUR_MS, 'process-NEW.js');
  expect(isThere('process-OLD.js')).toBe(true);
});
