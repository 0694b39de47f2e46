// The check against a baseline: ratios only, since machines differ. Each has a scatter, which is how far single runs lay apart when the baseline was measured.

/** What a ratio may fall below its baseline, beside its scatter. */
export const FALL_MAX = 0.1;

/** Baseline entries of several runs (each an object of ratios): the median, and half the range as a share of it. */
export function baselineOf(runs) {
  const names = Object.keys(runs[0] ?? {});
  return Object.fromEntries(names.map((name) => {
    const sorted = runs.map((run) => run[name]).sort((a, b) => a - b);
    const half = sorted.length >> 1;
    const ratio = sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
    return [name, { ratio: rounded(ratio), scatter: rounded((sorted[sorted.length - 1] - sorted[0]) / 2 / ratio) }];
  }));
}

/** One row for each ratio of the baseline or the run. `fell`: below what scatter and FALL_MAX allow, or not measured. One that the baseline lacks is `fresh`, and no failure. */
export function compare(baseline, found) {
  return [...new Set([...Object.keys(baseline), ...Object.keys(found)])].map((name) => {
    const [known, ratio] = [baseline[name], found[name]];
    if (known === undefined) return { name, ratio, fell: false, fresh: true };
    const floor = known.ratio * (1 - FALL_MAX - known.scatter);
    const measured = Number.isFinite(ratio);
    return { name, ratio: measured ? ratio : undefined, baseline: known.ratio, scatter: known.scatter, floor, change: measured ? ratio / known.ratio - 1 : undefined, fell: !measured || ratio < floor, fresh: false };
  });
}

function rounded(number) {
  return Number(number.toPrecision(3));
}
