// The SDKs' own suites and checks, as their authors run them. What fails shows its last lines.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';

interface Install {
  readonly installSdkTools: () => Promise<Readonly<Record<string, string | undefined>>>;
  readonly pythonProgram: () => string;
}

interface Commands {
  readonly run: (command: string, words: readonly string[], options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> }) => Promise<{ readonly code: number; readonly output: string }>;
  readonly lastLines: (text: string, count: number) => string;
}

const ROOT = join(import.meta.dirname, '..', '..');
const load = async <T>(...path: readonly string[]): Promise<T> => (await import(pathToFileURL(join(ROOT, ...path)).href)) as T;
const { installSdkTools, pythonProgram } = await load<Install>('test', 'sdk', 'install.mjs');
const { run, lastLines } = await load<Commands>('scripts', 'run-command.mjs');
const missing = await installSdkTools();

const SUITE_MS = 300_000;
const SHOWN_LINES = 60;
const python = pythonProgram();

const SUITES: readonly (readonly [kind: 'python' | 'go', name: string, command: string, words: readonly string[]])[] = [
  ['python', 'pytest', python, ['-m', 'pytest', '-q']],
  ['python', 'mypy', python, ['-m', 'mypy', '--cache-dir', '/dev/null']],
  ['python', 'ruff', python, ['-m', 'ruff', 'check', '--no-cache', '.']],
  ['go', 'go test', 'go', ['test', './...']],
  ['go', 'go vet', 'go', ['vet', './...']],
  ['go', 'gofmt', 'sh', ['-c', 'test -z "$(gofmt -l .)" || { gofmt -l .; exit 1; }']],
];

describe('the SDK\'s own', () => {
  for (const [kind, name, command, words] of SUITES) {
    const why = missing[kind];
    const test = why === undefined ? it : it.skip;
    test(why === undefined ? `${kind}: ${name}` : `${kind}: ${name} (missing: ${why})`, async () => {
      const { code, output } = await run(command, words, { cwd: join(ROOT, 'sdk', kind), env: { PYTHONDONTWRITEBYTECODE: '1', NO_COLOR: '1' } });
      expect(code, `${name}:\n${lastLines(output, SHOWN_LINES)}`).toBe(0);
    }, SUITE_MS);
  }
});
