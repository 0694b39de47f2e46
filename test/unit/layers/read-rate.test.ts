// Admission's look at layer 11's bucket: it takes nothing, and refuses with layer 11's words.
import { describe, expect, it } from 'vitest';
import { PASS } from '../../../src/chain/verdict.js';
import { bucketTable, createRateLimiter } from '../../../src/engines/limits/token-bucket.js';
import { tableOf } from '../../support/shared-tables.js';
import { rateLimit } from '../../../src/layers/11-rate-limit.js';
import { readRate } from '../../../src/layers/read-rate.js';
import { configOf, contextOf } from '../chain/contexts.js';

const config = configOf('rate_limit: {per_minute: 60, burst: 3}');
const ctx = () => contextOf('{}', { snapshot: { config } }) as never;

describe('the look at the bucket', () => {
  it('takes nothing, however often it looks', () => {
    const limiter = createRateLimiter(tableOf(bucketTable(10)));
    for (let i = 0; i < 100; i++) expect(readRate(limiter).decide(ctx())).toBe(PASS);
    expect([1, 2, 3].map(() => rateLimit(limiter).decide(ctx()))).toEqual([PASS, PASS, PASS]);
  });

  it('refuses what layer 11 would refuse, in the same words', () => {
    const limiter = createRateLimiter(tableOf(bucketTable(10)));
    for (let i = 0; i < 3; i++) void rateLimit(limiter).decide(ctx());
    const refusal = readRate(limiter).decide(ctx());
    expect(refusal).toMatchObject({ code: 'ratelimit_exceeded', reasonCode: 'caller', retryAfterSeconds: 1 });
    expect(refusal).toEqual(rateLimit(limiter).decide(ctx()));
  });
});
