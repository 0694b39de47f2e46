// Takes the marks off chain-order.ts: every mistake in it must then be an error of the compiler, on the very line it was marked for.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const FILE = resolve('test/types/chain-order.ts');
const MARK = '// @ts-expect-error';

function errorLines(text: string): number[] {
  const parsed = ts.parseJsonConfigFileContent(ts.readConfigFile('tsconfig.json', (path) => ts.sys.readFile(path)).config, ts.sys, process.cwd());
  const host = ts.createCompilerHost(parsed.options);
  const { getSourceFile } = host;
  host.getSourceFile = (name, ...rest) => (resolve(name) === FILE ? ts.createSourceFile(name, text, ts.ScriptTarget.ES2023) : getSourceFile.call(host, name, ...rest));
  const program = ts.createProgram([FILE], parsed.options, host);
  const source = program.getSourceFile(FILE);
  if (source === undefined) throw new Error('the file is not in the program');
  return program.getSemanticDiagnostics(source).map(({ start = 0 }) => ts.getLineAndCharacterOfPosition(source, start).line + 1);
}

describe('the order of the layers', () => {
  const text = readFileSync(FILE, 'utf8');

  it('compiles with every mistake marked', () => {
    expect(errorLines(text)).toEqual([]);
  });

  it('does not compile where a mark is taken away', () => {
    const lines = text.split('\n');
    const marked = lines.flatMap((line, i) => (line.includes(MARK) ? [i + 2] : []));
    expect(marked.length).toBeGreaterThan(8);
    expect([...new Set(errorLines(lines.map((line) => line.replace(MARK, '//')).join('\n')))]).toEqual(marked);
  });
});
