// Help has one source, the command table, and one writer; what the build keeps for bin/agw needs nothing else.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import ts from 'typescript';
import { helpAskedFor, helpText } from '../../../src/cli/help.js';
import { COMMANDS, GROUPS } from '../../../src/cli/index.js';
import { allHelp } from '../../../src/cli/program.js';
import { openBench } from './cli-fixture.js';

const REPOSITORY = resolve(import.meta.dirname, '..', '..', '..');
const pages = allHelp(COMMANDS, GROUPS);
const bench = openBench();
afterAll(() => bench.close());

describe('the kept help', () => {
  it.each(Object.entries(pages))('of "agw %s" is what the program prints', async (path, page) => {
    expect((await bench.agw([...path.split(' ').filter((word) => word !== ''), '--help'])).out.trimEnd()).toBe(helpText(page));
  });

  it('has a page for the program, each group and each command', () => {
    expect(Object.keys(pages).toSorted()).toEqual(['', ...GROUPS.map(({ name }) => name), ...COMMANDS.map(({ path }) => path)].toSorted());
  });

  it('fits the width, but for words and examples that are longer', () => {
    for (const page of Object.values(pages)) {
      const wrapped = helpText({ ...page, after: '' }, 100).split('\n');
      expect(wrapped.filter((line) => line.length > 100)).toEqual([]);
    }
  });

  it.each([
    [[], ''], [['--help'], ''], [['help', 'policy'], 'policy'], [['-h', 'policy', 'eval'], 'policy eval'], [['policy', 'eval', '-h'], 'policy eval'],
    [['policy', 'evil', '--help'], undefined], [['status'], undefined], [['status', '--json', '--help'], undefined], [['help', 'toString'], undefined],
  ])('%j asks for the page %j', (words, path) => {
    expect(helpAskedFor(words, pages)).toBe(path);
  });
});

describe('bin/agw', () => {
  const root = mkdtempSync(join(tmpdir(), 'agw-bin-'));
  const agw = (...words: string[]) => spawnSync(process.execPath, [join(root, 'bin', 'agw'), ...words], { encoding: 'utf8' });
  beforeAll(() => {
    mkdirSync(join(root, 'bin'));
    mkdirSync(join(root, 'dist', 'cli'), { recursive: true });
    writeFileSync(join(root, 'package.json'), '{"type":"module"}');
    cpSync(join(REPOSITORY, 'bin', 'agw'), join(root, 'bin', 'agw'));
    const source = readFileSync(join(REPOSITORY, 'src', 'cli', 'help.ts'), 'utf8');
    writeFileSync(join(root, 'dist', 'cli', 'help.js'), ts.transpileModule(source, { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 } }).outputText);
    writeFileSync(join(root, 'dist', '.tsbuildinfo'), '');
    writeFileSync(join(root, 'dist', 'cli', 'help.json'), JSON.stringify(pages));
  });
  afterAll(() => rmSync(root, { recursive: true }));

  it('answers help with no module of the program but the one that writes it', () => {
    expect(agw('--help')).toMatchObject({ status: 0, stdout: `${helpText(pages[''] as (typeof pages)[string])}\n`, stderr: '' });
    expect(agw('status')).toMatchObject({ status: 2, stdout: '' });
  });

  it('does not trust help that is older than what was compiled', () => {
    utimesSync(join(root, 'dist', '.tsbuildinfo'), new Date(), new Date(Date.now() + 60_000));
    expect(agw('--help')).toMatchObject({ status: 2, stdout: '' });
  });
});
