// What the chain counts for operators.
import { describe, expect, it } from 'vitest';
import { VERDICT_NAMES } from '../../../src/audit/record.js';
import { DENIED, FAULTED, FLAGGED, LAYER_COUNT, NOT_REACHED, PASSED, SKIPPED } from '../../../src/chain/context.js';
import { ChainStats } from '../../../src/chain/stats.js';
import { contextOf } from './contexts.js';

describe('chain statistics', () => {
  it('know every verdict by its number', () => {
    expect([NOT_REACHED, PASSED, FLAGGED, DENIED, FAULTED, SKIPPED].map((verdict) => VERDICT_NAMES[verdict])).toEqual(['not_reached', 'pass', 'flag', 'deny', 'fault', 'skipped']);
    expect(VERDICT_NAMES).toHaveLength(6);
  });

  it('count each layer by verdict, its time and its worst', () => {
    const stats = new ChainStats();
    for (const us of [3, 5]) {
      const ctx = contextOf('{}');
      ctx.verdicts[0] = PASSED;
      ctx.verdicts[1] = DENIED;
      ctx.layerUs[0] = us;
      stats.count(ctx, us === 3, us === 3 ? undefined : 'mcp_invalid_request');
    }
    const report = stats.report();
    expect(report.layers).toHaveLength(LAYER_COUNT);
    expect(report.layers[0]).toEqual({ byVerdict: [0, 2, 0, 0, 0, 0], sumUs: 8, maxUs: 5 });
    expect(report.layers[1]?.byVerdict[VERDICT_NAMES.indexOf('deny')]).toBe(2);
    expect(report.layers[12]?.byVerdict[VERDICT_NAMES.indexOf('not_reached')]).toBe(2);
    expect([report.allowed, report.denied, report.byCode]).toEqual([1, 1, { mcp_invalid_request: 1 }]);
  });
});
