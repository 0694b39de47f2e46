// What the process, its threads and agw begin with: few files, since each module that Node loads delays every start.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { installed, programOf, runningCode } from '../../src/base/installation.js';

const FOLDER = installed('dist/program');
/** Of the last build: files of the one before may lie there, too. */
const BUILT = (JSON.parse(readFileSync(join(FOLDER, 'files.json'), 'utf8')) as readonly string[]).filter((name) => name.endsWith('.js'));
/** agw loads each command's own part late, and they share parts. */
const FILES_MAX = { process: 8, gateway: 8, 'audit-writer': 4, scan: 4, planner: 4, cli: 60 };
const SELDOM = ['undici', '@grpc/grpc-js', 'piscina'];

function importsOf(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2023);
  return source.statements.flatMap((statement) => ((ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement)) && statement.moduleSpecifier !== undefined && ts.isStringLiteral(statement.moduleSpecifier) ? [statement.moduleSpecifier.text] : []));
}

function reachedFrom(file: string, reached = new Map<string, readonly string[]>()): Map<string, readonly string[]> {
  if (reached.has(file)) return reached;
  const imports = importsOf(file);
  reached.set(file, imports);
  for (const name of imports.filter((text) => text.startsWith('.'))) reachedFrom(join(dirname(file), name), reached);
  return reached;
}

describe.each(Object.entries(FILES_MAX))('program %s', (name, filesMax) => {
  const reached = reachedFrom(join(FOLDER, `${name}.js`));

  it(`begins with at most ${filesMax} files`, () => {
    expect(reached.size).toBeLessThanOrEqual(filesMax);
  });

  it('takes from node_modules, before anything asks for it, nothing that is seldom needed', () => {
    expect([...reached.values()].flat().filter((text) => SELDOM.includes(text))).toEqual([]);
  });

  it("has no messages of zod's in other languages", () => {
    expect([...reached.keys()].filter((file) => readFileSync(file, 'utf8').includes('zod/v4/locales/de.js'))).toEqual([]);
  });
});

it.each([['process', ['audit-writer', 'gateway', 'planner']], ['gateway', ['scan']]] as const)('%s names the threads that it starts by their content: %s', (name, threads) => {
  const text = [...reachedFrom(join(FOLDER, `${name}.js`)).keys()].map((file) => readFileSync(file, 'utf8')).join('');
  const named = threads.flatMap((thread) => importsOf(join(FOLDER, `${thread}.js`)).map((file) => file.replace('./', '')));
  expect(named.map((file) => file.replace(/-[A-Z0-9]{8}\.js$/, ''))).toEqual(threads);
  expect(named.filter((file) => !text.includes(file) || !BUILT.includes(file))).toEqual([]);
});

it('have nothing left out that lay beside a library', () => {
  const asking = BUILT.filter((file) => /require\d*\("\.\.?\//.test(readFileSync(join(FOLDER, file), 'utf8')));
  expect(asking).toEqual([]);
});

it('have no part that is loaded late and keeps its names in `default` alone, as a library of the older module kind would', () => {
  const late = BUILT.filter((file) => /^export default require_/m.test(readFileSync(join(FOLDER, file), 'utf8')));
  expect(late).toEqual([]);
});

it('finds what lies beside the code from the folder of package.json', () => {
  expect(existsSync(installed('package.json'))).toBe(true);
  expect(runningCode(['engines/policy']).map((url) => fileURLToPath(url))).toEqual([installed('src/engines/policy')]);
  expect((['audit-writer', 'gateway', 'process', 'scan'] as const).map((name) => existsSync(programOf(name)))).toEqual([true, true, true, true]);
});
