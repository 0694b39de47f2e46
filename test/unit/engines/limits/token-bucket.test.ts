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

  it('counts at a raised rate from the first look on, though who has no token is only looked at', () => {
    const rate = limiter();
    while (rate.take('a', 1, 2, 0).allowed);
    expect(rate.peek('a', 600, 100, 6000)).toEqual({ allowed: false, limit: 100, remaining: 0, resetSeconds: 10, retryAfterSeconds: 1 });
    expect(rate.peek('a', 600, 100, 6090)).toMatchObject({ allowed: true, remaining: 1 }); // 0.1 at the old rate, 0.9 at the new
    expect(rate.peek('a', 600, 100, 9000)).toMatchObject({ allowed: true, remaining: 30 });
    expect(rate.take('a', 600, 100, 9000)).toMatchObject({ allowed: true, remaining: 29 });
  });

  it('counts at a lowered rate from the first look on, and keeps what was earned before', () => {
    const rate = limiter();
    while (rate.take('a', 600, 10, 0).allowed);
    expect(rate.peek('a', 60, 10, 50)).toMatchObject({ allowed: false, retryAfterSeconds: 1 }); // half a token
    expect(rate.peek('a', 60, 10, 549).allowed).toBe(false);
    expect(rate.peek('a', 60, 10, 550)).toMatchObject({ allowed: true, remaining: 1 });
    expect(rate.take('a', 60, 10, 1550)).toMatchObject({ allowed: true, remaining: 1 });
  });

  it('cuts the fill to a smaller burst after a reload', () => {
    const rate = limiter();
    rate.take('a', 60, 100, 0);
    expect(rate.take('a', 60, 2, 0).remaining).toBe(1);
    expect(rate.take('a', 60, 2, 0).allowed).toBe(true);
    expect(rate.take('a', 60, 2, 0).allowed).toBe(false);
  });

  it('cuts it for good, also when it was only looked at', () => {
    const rate = limiter();
    rate.take('a', 60, 100, 0);
    expect(rate.peek('a', 60, 2, 0)).toMatchObject({ limit: 2, remaining: 2 });
    expect(rate.peek('a', 60, 100, 0)).toMatchObject({ limit: 100, remaining: 2 });
  });

  it('fills into a larger burst after a reload, from what was there', () => {
    const rate = limiter();
    rate.take('a', 60, 2, 0);
    expect(rate.peek('a', 60, 10, 60_000)).toMatchObject({ limit: 10, remaining: 2, resetSeconds: 8 });
    expect(rate.peek('a', 60, 10, 63_000)).toMatchObject({ limit: 10, remaining: 5 });
    expect(rate.peek('a', 60, 10, 120_000)).toMatchObject({ limit: 10, remaining: 10 });
  });

  it('says when to come back by the limits of now, whatever they were before', () => {
    const limits = fc.record({ perMinute: fc.integer({ min: 1, max: 5000 }), burst: fc.integer({ min: 1, max: 20 }) });
    fc.assert(fc.property(limits, limits, fc.integer({ min: 0, max: 90_000 }), fc.array(fc.integer({ min: 0, max: 999 }), { maxLength: 5 }), (before, now, pause, looks) => {
      const rate = limiter();
      while (rate.take('a', before.perMinute, before.burst, 0).allowed);
      const refused = rate.peek('a', now.perMinute, now.burst, pause);
      if (refused.allowed) return;
      for (const thousandth of looks) rate.peek('a', now.perMinute, now.burst, pause + refused.retryAfterSeconds * thousandth);
      expect(rate.peek('a', now.perMinute, now.burst, pause + refused.retryAfterSeconds * 1000).allowed).toBe(true);
      expect(refused.retryAfterSeconds).toBeLessThanOrEqual(Math.max(1, Math.ceil(60 / now.perMinute)));
    }));
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

  it('agrees with that model while its limits change, and is looked at in between', () => {
    const step = fc.record({ waitMs: fc.integer({ min: -500, max: 5000 }), limits: fc.integer({ min: 0, max: 2 }), looks: fc.boolean() });
    const LIMITS = [{ perMinute: 1, burst: 2 }, { perMinute: 600, burst: 10 }, { perMinute: 37, burst: 5 }];
    fc.assert(fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const rate = limiter();
      let model: { units: number; atMs: number; perMinute: number; burst: number } | undefined;
      let now = 0;
      for (const { waitMs, limits, looks } of steps) {
        now += waitMs;
        const { perMinute, burst } = LIMITS[limits] ?? { perMinute: 1, burst: 1 };
        const bucket = model === undefined ? { units: burst * 60_000, atMs: now, perMinute, burst } : { ...model };
        const isNew = model !== undefined && (model.perMinute !== perMinute || model.burst !== burst);
        if (now > bucket.atMs) {
          bucket.units = Math.min(bucket.burst * 60_000, bucket.units + (now - bucket.atMs) * bucket.perMinute);
          bucket.atMs = now;
        }
        bucket.units = Math.min(bucket.units, burst * 60_000);
        const allowed = bucket.units >= 60_000;
        if (allowed && !looks) bucket.units -= 60_000;
        if (!looks || isNew) model = { ...bucket, perMinute, burst };
        expect(rate[looks ? 'peek' : 'take']('a', perMinute, burst, now)).toMatchObject({ allowed, limit: burst, remaining: Math.floor(bucket.units / 60_000) });
      }
    }));
  });
});
