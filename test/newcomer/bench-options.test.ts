// A bench program says what it measures and which options it has, and names a wrong one before it measures anything.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const BENCH = join(import.meta.dirname, '..', '..', 'bench');
const ask = (...words: string[]) => spawnSync(process.execPath, [join(BENCH, 'wire', 'run.mjs'), ...words], { encoding: 'utf8' });

describe('a bench program', () => {
  it('tells with --help what it measures, and what its options are without being given', () => {
    const { status, stdout } = ask('--help');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^The wire bench: the gateway beside nginx/);
    expect(stdout).toMatch(/ {2}--rounds 5\n/);
    expect(stdout).toMatch(/ {2}--save <text>\n/);
  });

  it.each<readonly [string, readonly string[], RegExp]>([
    ['an unknown option', ['--round', '3'], /'--round'/],
    ['a word that is no number', ['--rounds', 'many'], /^--rounds many: a number above 0 is meant\.\n/],
    ['a number that measures nothing', ['--seconds', '0'], /^--seconds 0: /],
    ['a stray word', ['3'], /'3'/],
  ])('names %s with the options that there are', (_what, words, expected) => {
    const { status, stderr, stdout } = ask(...words);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(expected);
    expect(stderr).toContain('  --connections 64\n');
    expect(stderr).not.toContain('    at ');
  });
});
