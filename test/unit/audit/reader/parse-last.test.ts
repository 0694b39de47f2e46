// A count or a window, and nothing that only looks like one.
import { describe, expect, it } from 'vitest';
import { parseLast } from '../../../../src/audit/reader/parse-last.js';

const NOW = 1_767_225_600_000;

describe('--last', () => {
  it.each([['1', 1], ['20', 20], [' 7 ', 7], ['999999999', 999_999_999]])('%j is a count', (text, count) => {
    expect(parseLast(text, NOW)).toEqual({ kind: 'count', count });
  });

  it.each([['30s', 30_000], ['5m', 300_000], ['24h', 86_400_000], ['7d', 604_800_000], ['2w', 1_209_600_000]])('%j is a window', (text, ms) => {
    expect(parseLast(text, NOW)).toEqual({ kind: 'since', sinceMs: NOW - ms });
  });

  it.each(['', '0', '0m', '-5', '+5', '1.5', '5y', '5M', 'm', '5 m', '1e3', '0x5', '٥', '9999999999', '5m5s', 'NaN'])('%j is neither', (text) => {
    expect(parseLast(text, NOW)).toBeUndefined();
  });
});
