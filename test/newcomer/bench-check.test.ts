// The check of the benches against their baseline: what counts as a fall, and that the baseline has what is measured.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';

interface Entry {
  readonly ratio: number;
  readonly scatter: number;
}
interface Row {
  readonly name: string;
  readonly ratio: number | undefined;
  readonly floor?: number;
  readonly fell: boolean;
  readonly fresh: boolean;
}
const BENCH = join(import.meta.dirname, '..', '..', 'bench');
const load = async (file: string): Promise<unknown> => import(pathToFileURL(join(BENCH, file)).href);
const { baselineOf, compare } = (await load('support/baseline.mjs')) as {
  baselineOf: (runs: readonly Readonly<Record<string, number>>[]) => Record<string, Entry>;
  compare: (baseline: Readonly<Record<string, Entry>>, found: Readonly<Record<string, number>>) => Row[];
};
const { RATIOS } = (await load('check/ratios.mjs')) as { RATIOS: Readonly<Record<string, string>> };
const fallen = (baseline: Readonly<Record<string, Entry>>, found: Readonly<Record<string, number>>): string[] => compare(baseline, found).filter(({ fell }) => fell).map(({ name }) => name);

describe('the comparison with a baseline', () => {
  it.each([[0.901, false], [0.899, true], [1, false], [5, false]])('without scatter takes 1 → %d as a fall: %s', (now, fell) => {
    expect(fallen({ speed: { ratio: 1, scatter: 0 } }, { speed: now }).length > 0).toBe(fell);
  });

  it.each([[0.801, false], [0.799, true]])('lets a ratio that scatters by a tenth fall further: 1 → %d is a fall: %s', (now, fell) => {
    expect(fallen({ speed: { ratio: 1, scatter: 0.1 } }, { speed: now }).length > 0).toBe(fell);
  });

  it('names the ratio that fell, and only that', () => {
    expect(fallen({ one: { ratio: 2, scatter: 0.05 }, other: { ratio: 600, scatter: 0.05 } }, { one: 2, other: 400 })).toEqual(['other']);
  });

  it('takes what was not measured for fallen', () => {
    expect(fallen({ one: { ratio: 2, scatter: 0 }, other: { ratio: 2, scatter: 0.9 } }, { one: Number.NaN })).toEqual(['one', 'other']);
  });

  it('says of a new ratio that the baseline lacks it', () => {
    expect(compare({}, { one: 2 })).toEqual([{ name: 'one', ratio: 2, fell: false, fresh: true }]);
  });
});

describe('a baseline of several runs', () => {
  it('has the median, and half the range as a share of it', () => {
    expect(baselineOf([{ speed: 9 }, { speed: 10 }, { speed: 13 }])).toEqual({ speed: { ratio: 10, scatter: 0.2 } });
    expect(baselineOf([{ speed: 9 }, { speed: 11 }])).toEqual({ speed: { ratio: 10, scatter: 0.1 } });
  });

  it('lets every run that it was made of pass', () => {
    const runs = [{ speed: 7 }, { speed: 10 }, { speed: 10 }, { speed: 13 }];
    for (const run of runs) expect(fallen(baselineOf(runs), run)).toEqual([]);
  });
});

describe('bench/baseline.json', () => {
  const baseline = JSON.parse(readFileSync(join(BENCH, 'baseline.json'), 'utf8')) as Record<string, Entry & { readonly is: string }>;

  it('has every ratio that is measured, and what it is', () => {
    expect(Object.fromEntries(Object.entries(baseline).map(([name, { is }]) => [name, is]))).toEqual(RATIOS);
  });

  it('has ratios of a run, each with its scatter', () => {
    for (const { ratio, scatter } of Object.values(baseline)) {
      expect(ratio).toBeGreaterThan(0);
      expect(scatter).toBeGreaterThan(0);
      expect(scatter).toBeLessThan(0.5); // beyond it a ratio says nothing, and is not worth keeping
    }
  });
});
