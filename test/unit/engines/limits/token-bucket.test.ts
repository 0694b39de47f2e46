// The token bucket against a model that keeps whole history, hostile clocks and a full table.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketTable, createRateLimiter } from '../../../../src/engines/limits/token-bucket.js';
import { tableOf } from '../../../support/shared-tables.js';

const limiter = (keysMax = 100) => createRateLimiter(tableOf(bucketTable(keysMax)));

describe('token bucket', () => {
  it('lets a burst through, then one call for each interval', () => {
    const rate = limiter();
    const answers = Array.from({ length: 6 }, () => rate.take('a', 60, 5, 0).allowed);
    expect(answers).toEqual([true, true, true, true, true, false]);
    expect(rate.take('a', 60, 5, 999).allowed).toBe(false);
    expect(rate.take('a', 60, 5, 1000).allowed).toBe(true);
    expect(rate.take('a', 60, 5, 1000).allowed).toBe(false);
  });

  it('says how long until one call fits and until the bucket is full', () => {
    const rate = limiter();
    for (let i = 0; i < 10; i++) rate.take('a', 6, 10, 0);
    const refused = rate.take('a', 6, 10, 0);
    expect(refused).toEqual({ allowed: false, limit: 10, remaining: 0, resetSeconds: 100, retryAfterSeconds: 10 });
    expect(rate.take('a', 6, 10, refused.retryAfterSeconds * 1000).allowed).toBe(true);
  });

  it('never asks to come back too early', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 90_000 }), (perMinute, burst, pause) => {
      const rate = limiter();
      while (rate.take('a', perMinute, burst, 0).allowed);
      const refused = rate.take('a', perMinute, burst, pause);
      if (refused.allowed) return;
      expect(rate.take('a', perMinute, burst, pause + refused.retryAfterSeconds * 1000).allowed).toBe(true);
    }));
  });

  it('peeks without taking and without a place in the table', () => {
    const rate = limiter(1);
    rate.take('a', 60, 1, 0);
    for (let i = 0; i < 50; i++) expect(rate.peek(`stranger-${i}`, 60, 1, 0).allowed).toBe(true);
    expect(rate.peek('a', 60, 1, 0).allowed).toBe(false);
    expect(rate.peek('a', 60, 1, 1000).remaining).toBe(1);
    expect(rate.take('a', 60, 1, 1000).allowed).toBe(true);
  });

  it('pays nothing twice when the clock goes back and forth', () => {
    const rate = limiter();
    for (let i = 0; i < 10; i++) rate.take('a', 60, 10, 100_000);
    let paid = 0;
    for (let i = 0; i < 50; i++) {
      if (rate.take('a', 60, 10, 50_000).allowed) paid++;
      if (rate.take('a', 60, 10, 100_000).allowed) paid++;
    }
    expect(paid).toBe(0);
    expect(rate.take('a', 60, 10, 101_000).allowed).toBe(true);
  });

  it('refuses a newcomer rather than forget a bucket in use', () => {
    const rate = limiter(2);
    rate.take('a', 60, 1, 0);
    rate.take('b', 60, 1, 0);
    expect(rate.take('c', 60, 1, 0).allowed).toBe(false);
    expect(rate.take('a', 60, 1, 0).allowed).toBe(false);
    expect(rate.take('c', 60, 1, 1000).allowed).toBe(true);
  });

  it('gives nobody a fresh burst by a flood of other keys', () => {
    const rate = limiter(8);
    while (rate.take('victim', 60, 3, 0).allowed);
    for (let i = 0; i < 10_000; i++) rate.take(`flood-${i}`, 60, 3, 1);
    expect(rate.take('victim', 60, 3, 1).allowed).toBe(false);
  });

  it('cuts the fill to a smaller burst after a reload', () => {
    const rate = limiter();
    rate.take('a', 60, 100, 0);
    expect(rate.take('a', 60, 2, 0).remaining).toBe(1);
    expect(rate.take('a', 60, 2, 0).allowed).toBe(true);
    expect(rate.take('a', 60, 2, 0).allowed).toBe(false);
  });

  it('agrees with a model that refills in exact fractions', () => {
    const step = fc.record({ key: fc.constantFrom('a', 'b', 'c'), waitMs: fc.integer({ min: -500, max: 5000 }) });
    fc.assert(fc.property(fc.integer({ min: 1, max: 600 }), fc.integer({ min: 1, max: 10 }), fc.array(step, { maxLength: 120 }), (perMinute, burst, steps) => {
      const rate = limiter();
      // In units of 1/60000 token all arithmetic is whole.
      const model = new Map<string, { units: number; atMs: number }>();
      let now = 0;
      for (const { key, waitMs } of steps) {
        now += waitMs;
        const bucket = model.get(key) ?? { units: burst * 60_000, atMs: now };
        if (now > bucket.atMs) {
          bucket.units = Math.min(burst * 60_000, bucket.units + (now - bucket.atMs) * perMinute);
          bucket.atMs = now;
        }
        const allowed = bucket.units >= 60_000;
        if (allowed) bucket.units -= 60_000;
        model.set(key, bucket);
        const answer = rate.take(key, perMinute, burst, now);
        expect(answer.allowed).toBe(allowed);
        expect(answer.remaining).toBe(Math.floor(bucket.units / 60_000));
      }
    }));
  });
});
