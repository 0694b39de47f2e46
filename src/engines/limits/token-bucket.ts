// Token buckets, exact and lazy: tokens are worked out from the time that passed, so nothing ticks (SPEC section 2, layer 11).
import type { RateDecision, RateLimiter } from './types.js';

interface Bucket {
  /** Tokens left, fractional; at `atMs`. */
  tokens: number;
  /** Never goes back, whatever the clock does: a clock set back would otherwise stop the refill or, set forth again, pay it twice. */
  atMs: number;
  burst: number;
  perMs: number;
  /** When the bucket is full again; from then on it says no more than a new one does, so it may be forgotten. */
  fullAtMs: number;
}

export interface RateLimiterOptions {
  /** Buckets held at most. A bucket that is not full is never forgotten for a newcomer: that would give its owner a fresh burst. */
  readonly keysMax: number;
}

const MS_PER_MINUTE = 60_000;
/** Full buckets are looked for in steps, so that a table full of busy ones costs each newcomer this much and no more. */
const SWEEP_STEPS_MAX = 64;
/** Floating-point sums of refills may miss a whole token by a hair. */
const TOKEN_EPSILON = 1e-9;

export function createRateLimiter({ keysMax }: RateLimiterOptions): RateLimiter {
  const buckets = new Map<string, Bucket>();
  let sweep: IterableIterator<[string, Bucket]> = buckets.entries();

  /** Forgets full buckets until there is room; false when every bucket looked at is in use. */
  function makeRoom(nowMs: number): boolean {
    for (let step = 0; step < SWEEP_STEPS_MAX && buckets.size >= keysMax; step++) {
      let next = sweep.next();
      if (next.done === true) {
        sweep = buckets.entries();
        next = sweep.next();
        if (next.done === true) return true;
      }
      const [key, bucket] = next.value;
      if (bucket.fullAtMs <= nowMs) buckets.delete(key);
    }
    return buckets.size < keysMax;
  }

  function take(key: string, perMinute: number, burst: number, nowMs: number): RateDecision {
    let bucket = buckets.get(key);
    if (bucket === undefined) {
      if (!makeRoom(nowMs)) return refuseNewcomer(burst, perMinute);
      bucket = newBucket(perMinute, burst, nowMs);
      buckets.set(key, bucket);
    }
    refill(bucket, perMinute, burst, nowMs);
    const allowed = bucket.tokens >= 1 - TOKEN_EPSILON;
    if (allowed) bucket.tokens = Math.max(0, bucket.tokens - 1);
    bucket.fullAtMs = bucket.atMs + (bucket.burst - bucket.tokens) / bucket.perMs;
    return describe(bucket, allowed);
  }

  function peek(key: string, perMinute: number, burst: number, nowMs: number): RateDecision {
    const known = buckets.get(key);
    const bucket = known === undefined ? newBucket(perMinute, burst, nowMs) : { ...known };
    refill(bucket, perMinute, burst, nowMs);
    return describe(bucket, bucket.tokens >= 1 - TOKEN_EPSILON);
  }

  return { take, peek };
}

function newBucket(perMinute: number, burst: number, nowMs: number): Bucket {
  return { tokens: burst, atMs: nowMs, burst, perMs: perMinute / MS_PER_MINUTE, fullAtMs: nowMs };
}

/** A reload may change rate and burst of a live bucket: time before now counts at the old rate, the fill is cut to the new burst. */
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
