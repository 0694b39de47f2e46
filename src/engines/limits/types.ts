// Token buckets and circuit breakers. Clocks are passed in; nothing here waits.

export interface RateDecision {
  readonly allowed: boolean;
  readonly limit: number;
  readonly remaining: number;
  /** Whole seconds until the bucket is full again. */
  readonly resetSeconds: number;
  /** Whole seconds until one call fits; 0 when allowed. */
  readonly retryAfterSeconds: number;
}

export interface RateLimiter {
  take(key: string, perMinute: number, burst: number, nowMs: number): RateDecision;
  /** Takes nothing, for admission; a rate or burst that is new counts from here on, as with `take`. */
  peek(key: string, perMinute: number, burst: number, nowMs: number): RateDecision;
}

export type BreakerState =
  | { readonly kind: 'closed'; readonly failures: number }
  | { readonly kind: 'open'; readonly untilMs: number }
  | { readonly kind: 'half_open'; readonly probesInFlight: number; readonly successes: number };

export type BreakerAdmission = { readonly admitted: true; readonly probe: boolean } | { readonly admitted: false; readonly retryAfterSeconds: number };

/** What the one exit says of a call that was admitted. `neutral` (client hung up, refused before sending) gives a probe back and counts nothing. */
export type BreakerOutcome = 'success' | 'failure' | 'neutral';

export interface CircuitBreakers {
  admit(key: string, nowMs: number): BreakerAdmission;
  settle(key: string, probe: boolean, outcome: BreakerOutcome, nowMs: number): void;
  state(key: string): BreakerState;
  all(): ReadonlyMap<string, BreakerState>;
  reset(key: string): void;
}
