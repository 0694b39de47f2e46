// What the chain counts for operators.
import { describe, expect, it } from 'vitest';
import { DENIED, LAYER_COUNT, PASSED, VERDICT_WORDS } from '../../../src/chain/context.js';
import { ChainStats } from '../../../src/chain/stats.js';
import { contextOf } from './contexts.js';

describe('chain statistics', () => {
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
    expect(report.layers[1]?.byVerdict[VERDICT_WORDS.indexOf('deny')]).toBe(2);
    expect(report.layers[12]?.byVerdict[VERDICT_WORDS.indexOf('not_reached')]).toBe(2);
    expect([report.allowed, report.denied, report.byCode]).toEqual([1, 1, { mcp_invalid_request: 1 }]);
  });
});
