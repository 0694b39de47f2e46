// The figures of bench/README.md are those that the benches wrote, and each kept run is shown.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';

const BENCH = join(import.meta.dirname, '..', '..', 'bench');
const { figuresOf } = (await import(pathToFileURL(join(BENCH, 'support', 'results.mjs')).href)) as { figuresOf: (name: string, how?: { short: boolean }) => string };
const README = readFileSync(join(BENCH, 'README.md'), 'utf8');
const kept = readdirSync(join(BENCH, 'results'));
const named = (ending: string): string[] => kept.filter((file) => file.endsWith(ending)).map((file) => file.slice(0, -ending.length));

describe('bench/README.md', () => {
  it.each(named('.json'))('shows results/%s.json as it is (node bench/figures.mjs)', (name) => {
    expect(README).toContain(`<!-- results/${name}.json -->\n${figuresOf(name)}\n<!-- end -->`);
  });

  it.each(named('.svg'))('shows results/%s.svg, drawn from a run that was kept', (name) => {
    expect(README).toContain(`(results/${name}.svg)`);
    expect(kept).toContain(`${name}.json`);
  });

  it('has no block without a run', () => {
    expect([...README.matchAll(/<!-- results\/([\w-]+)\.json -->/g)].map((match) => match[1]).sort()).toEqual(named('.json').sort());
  });
});

describe('README.md', () => {
  const front = readFileSync(join(BENCH, '..', 'README.md'), 'utf8');

  it.each([...front.matchAll(/<!-- bench\/results\/([\w-]+)\.json -->/g)].map((match) => match[1] ?? ''))('shows bench/results/%s.json in short (node bench/figures.mjs)', (name) => {
    expect(front).toContain(`<!-- bench/results/${name}.json -->\n${figuresOf(name, { short: true })}\n<!-- end -->`);
  });
});
