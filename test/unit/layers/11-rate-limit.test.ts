// Layer 11: a bucket for each caller, and one more where the tool has its own.
import { describe, expect, it } from 'vitest';
import { PASS, type Deny } from '../../../src/chain/verdict.js';
import { bucketTable, createRateLimiter } from '../../../src/engines/limits/token-bucket.js';
import { rateLimit } from '../../../src/layers/11-rate-limit.js';
import { callerOf, configOf, contextOf, toolOf } from '../chain/contexts.js';
import { tableOf } from '../../support/shared-tables.js';

const config = configOf('rate_limit: {per_minute: 60, burst: 3}');
const limiter = () => rateLimit(createRateLimiter(tableOf(bucketTable(100))));
function contextWith(more: { caller?: string; tool?: 'none' | Parameters<typeof toolOf>[0] } = {}) {
  const ctx = contextOf('{}', { snapshot: { config } });
  if (more.caller !== undefined) ctx.caller = callerOf(more.caller);
  ctx.tool = more.tool === 'none' ? 'none' : { registered: toolOf(more.tool ?? {}), hashAlg: 'seed' };
  return ctx as never;
}

describe('the rate limit', () => {
  it('refuses after the burst, with the headers that say when to come back', () => {
    const layer = limiter();
    expect([1, 2, 3].map(() => layer.decide(contextWith()))).toEqual([PASS, PASS, PASS]);
    const refusal = layer.decide(contextWith()) as Deny;
    expect(refusal).toMatchObject({ code: 'ratelimit_exceeded', reasonCode: 'caller', retryAfterSeconds: 1, headers: { 'x-ratelimit-limit': expect.stringMatching(/^\d+$/) as string, 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': expect.stringMatching(/^\d+$/) as string } });
  });

  it('counts each caller alone', () => {
    const layer = limiter();
    for (let i = 0; i < 4; i++) void layer.decide(contextWith());
    expect(layer.decide(contextWith({ caller: 'spiffe://poc.local/agents/mcp-client/other/dev' }))).toBe(PASS);
  });

  it('counts a tool\'s own limit as well, per caller', () => {
    const layer = limiter();
    const tool = { rateLimit: { perMinute: 60, burst: 1 } };
    expect([layer.decide(contextWith({ tool })), layer.decide(contextWith({ tool }))]).toMatchObject([PASS, { code: 'ratelimit_exceeded', reasonCode: 'tool' }]);
    expect(layer.decide(contextWith({ tool: 'none' }))).toBe(PASS);
    expect(layer.decide(contextWith({ tool, caller: 'spiffe://poc.local/agents/mcp-client/other/dev' }))).toBe(PASS);
  });
});
