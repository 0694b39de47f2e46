// Token buckets, exact and lazy: tokens are worked out from the time that passed, so nothing ticks (SPEC section 2, layer 11).
// They lie in memory that all gateway threads share, so a limit is one limit, whichever thread a call comes in on.
import { NONE, type SharedTable, type Stripe, type TableShape } from '../../base/shared/table.js';
import type { RateDecision, RateLimiter } from './types.js';

interface Bucket {
  /** Tokens left, fractional; at `atMs`. */
  tokens: number;
  /** Never goes back, whatever the clock does: a clock set back would otherwise stop the refill or, set forth again, pay it twice. */
  atMs: number;
  burst: number;
  perMs: number;
}

// 64-bit floats of a record; the last is when the bucket is full again: from then on it says no more than a new one does, so it may be forgotten.
const TOKENS = 0;
const AT_MS = 1;
const BURST = 2;
const PER_MS = 3;
const FULL_AT_MS = 4;
const RECORD_DOUBLES = 5;

const MS_PER_MINUTE = 60_000;
/** Full buckets are looked for in steps, so that a table full of busy ones costs each newcomer this much and no more. */
const SWEEP_STEPS_MAX = 64;
/** Floating-point sums of refills may miss a whole token by a hair. */
const TOKEN_EPSILON = 1e-9;

/** `keysMax`: buckets held at most. A bucket that is not full is never forgotten for a newcomer: that would give its owner a fresh burst. */
export function bucketTable(keysMax: number): TableShape {
  return { capacity: keysMax, dataBytes: RECORD_DOUBLES * Float64Array.BYTES_PER_ELEMENT };
}

export function createRateLimiter(table: SharedTable): RateLimiter {
  // Filled and read within one call: the lock is held over plain arithmetic, and nothing is made anew but the answer.
  const bucket: Bucket = { tokens: 0, atMs: 0, burst: 0, perMs: 0 };

  function take(key: string, perMinute: number, burst: number, nowMs: number): RateDecision {
    const hash = table.hashOf(key);
    const stripe = table.stripeOf(hash);
    let allowed = false;
    stripe.lock();
    try {
      let record = stripe.find(hash);
      if (record !== NONE) readBucket(stripe, record, bucket);
      else {
        record = stripe.add(hash);
        if (record === NONE && makeRoom(stripe, nowMs)) record = stripe.add(hash);
        if (record === NONE) return refuseNewcomer(burst, perMinute);
        renew(bucket, perMinute, burst, nowMs);
      }
      refill(bucket, perMinute, burst, nowMs);
      allowed = bucket.tokens >= 1 - TOKEN_EPSILON;
      if (allowed) bucket.tokens = Math.max(0, bucket.tokens - 1);
      writeBucket(stripe, record, bucket);
    } finally {
      stripe.unlock();
    }
    return describe(bucket, allowed);
  }

  function peek(key: string, perMinute: number, burst: number, nowMs: number): RateDecision {
    const hash = table.hashOf(key);
    const stripe = table.stripeOf(hash);
    stripe.lock();
    try {
      const record = stripe.find(hash);
      if (record === NONE) renew(bucket, perMinute, burst, nowMs);
      else {
        readBucket(stripe, record, bucket);
        const changed = bucket.burst !== burst || bucket.perMs !== perMinute / MS_PER_MINUTE;
        refill(bucket, perMinute, burst, nowMs);
        // Whoever has no token is only looked at until there is one: were the new rate not kept here, all of that wait would count at the old.
        if (changed) writeBucket(stripe, record, bucket);
      }
    } finally {
      stripe.unlock();
    }
    return describe(bucket, bucket.tokens >= 1 - TOKEN_EPSILON);
  }

  return { take, peek };
}

/** Forgets full buckets until one place is free; false when every bucket looked at is in use. */
function makeRoom(stripe: Stripe, nowMs: number): boolean {
  for (let step = 0; step < SWEEP_STEPS_MAX; step++) {
    const record = stripe.sweep(1);
    if (record === NONE || (stripe.doubles[stripe.doubleAt(record) + FULL_AT_MS] ?? 0) > nowMs) continue;
    stripe.remove(record);
    return true;
  }
  return false;
}

function readBucket(stripe: Stripe, record: number, into: Bucket): void {
  const { doubles } = stripe;
  const at = stripe.doubleAt(record);
  into.tokens = doubles[at + TOKENS] ?? 0;
  into.atMs = doubles[at + AT_MS] ?? 0;
  into.burst = doubles[at + BURST] ?? 0;
  into.perMs = doubles[at + PER_MS] ?? 0;
}

function writeBucket(stripe: Stripe, record: number, bucket: Bucket): void {
  const { doubles } = stripe;
  const at = stripe.doubleAt(record);
  doubles[at + TOKENS] = bucket.tokens;
  doubles[at + AT_MS] = bucket.atMs;
  doubles[at + BURST] = bucket.burst;
  doubles[at + PER_MS] = bucket.perMs;
  doubles[at + FULL_AT_MS] = bucket.atMs + (bucket.burst - bucket.tokens) / bucket.perMs;
}

function renew(bucket: Bucket, perMinute: number, burst: number, nowMs: number): void {
  bucket.tokens = burst;
  bucket.atMs = nowMs;
  bucket.burst = burst;
  bucket.perMs = perMinute / MS_PER_MINUTE;
}

/** A reload may change rate and burst of a live bucket: time before it is first seen counts at the old rate, from then on at the new; the fill is cut to a smaller burst, and grows into a larger one. */
function refill(bucket: Bucket, perMinute: number, burst: number, nowMs: number): void {
  if (nowMs > bucket.atMs) {
    bucket.tokens = Math.min(bucket.burst, bucket.tokens + (nowMs - bucket.atMs) * bucket.perMs);
    bucket.atMs = nowMs;
  }
  if (bucket.burst !== burst) {
    bucket.burst = burst;
    bucket.tokens = Math.min(bucket.tokens, burst);
  }
  bucket.perMs = perMinute / MS_PER_MINUTE;
}

function describe(bucket: Bucket, allowed: boolean): RateDecision {
  return {
    allowed,
    limit: bucket.burst,
    remaining: Math.floor(bucket.tokens + TOKEN_EPSILON),
    resetSeconds: wholeSeconds((bucket.burst - bucket.tokens) / bucket.perMs),
    retryAfterSeconds: allowed ? 0 : Math.max(1, wholeSeconds((1 - bucket.tokens) / bucket.perMs)),
  };
}

function refuseNewcomer(burst: number, perMinute: number): RateDecision {
  const oneCallMs = MS_PER_MINUTE / perMinute;
  const retryAfterSeconds = Math.max(1, wholeSeconds(oneCallMs));
  return { allowed: false, limit: burst, remaining: 0, resetSeconds: retryAfterSeconds, retryAfterSeconds };
}

function wholeSeconds(ms: number): number {
  return Math.ceil(ms / 1000 - TOKEN_EPSILON);
}
