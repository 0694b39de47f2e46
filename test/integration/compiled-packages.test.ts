// What make up compiles: no more than the Node that runs it loads.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { Database } from '../../src/base/sqlite/database.js';

const script = pathToFileURL(join(import.meta.dirname, '..', '..', 'scripts', 'npm-packages.mjs')).href;
const { scriptsToRun } = (await import(script)) as { scriptsToRun: (major: number) => readonly string[] };
const require = createRequire(import.meta.url);

it.each([[20, ['re2', 'better-sqlite3', 'esbuild']], [22, ['re2', 'esbuild']], [24, ['re2', 'esbuild']]])('on Node %i is %j', (major, names) => {
  expect(scriptsToRun(major)).toEqual(names);
});

it('is the SQLite that is loaded here, or none', () => {
  const major = Number(process.versions.node.split('.', 1)[0]);
  const isCompiled = scriptsToRun(major).includes('better-sqlite3');
  expect(Database === require(isCompiled ? 'better-sqlite3' : 'better-sqlite3-node22')).toBe(true);
  new Database(':memory:').close(); // its program is there
});
