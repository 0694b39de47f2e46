// Layer 12: per upstream and tool; open, it says when to come back.
import { describe, expect, it } from 'vitest';
import { PASS } from '../../../src/chain/verdict.js';
import { breakerTable, createCircuitBreakers } from '../../../src/engines/limits/circuit-breaker.js';
import { circuitBreaker } from '../../../src/layers/12-circuit-breaker.js';
import { contextOf, NOW_MS, toolOf } from '../chain/contexts.js';
import { tableOf } from '../../support/shared-tables.js';

const setUp = () => {
  const breakers = createCircuitBreakers({ failuresToOpen: 2, resetTimeoutMs: 30_000, successesToClose: 1, probesMax: 1 }, tableOf(breakerTable()), 0);
  const layer = circuitBreaker(breakers);
  const decide = (name = 'my_tool', upstream = toolOf().upstream) => {
    const ctx = contextOf('{}');
    ctx.tool = { registered: toolOf({ name, upstream }), hashAlg: 'seed' };
    return { verdict: layer.decide(ctx as never), ctx };
  };
  return { breakers, layer, decide };
};

describe('the circuit breaker', () => {
  it('gives the exit the key to settle', () => {
    const { decide } = setUp();
    const { verdict, ctx } = decide();
    expect([verdict, ctx.breaker]).toEqual([PASS, { key: `${toolOf().upstream} my_tool`, probe: false }]);
  });

  it('stops the calls of a tool that keeps failing, and of no other tool or server', () => {
    const { breakers, decide } = setUp();
    for (let i = 0; i < 2; i++) breakers.settle(`${toolOf().upstream} my_tool`, false, 'failure', NOW_MS);
    expect(decide().verdict).toMatchObject({ code: 'circuit_open', retryAfterSeconds: 30 });
    expect(decide().ctx.breaker).toBeUndefined();
    expect([decide('other_tool').verdict, decide('my_tool', 'http://127.0.0.1:10/mcp').verdict]).toEqual([PASS, PASS]);
  });

  it('has none for methods that name no tool', () => {
    const { layer } = setUp();
    const ctx = contextOf('{}');
    ctx.tool = 'none';
    expect([layer.decide(ctx as never), ctx.breaker]).toEqual([PASS, 'none']);
  });
});
