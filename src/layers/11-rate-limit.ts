// Layer 11: a token bucket per SPIFFE ID, and a second one where the tool has its own limit.
import type { Layer } from '../chain/layer.js';
import { deny, PASS, type Deny } from '../chain/verdict.js';
import type { RateDecision, RateLimiter } from '../engines/limits/types.js';

export function rateLimit(limiter: RateLimiter): Layer<'caller' | 'tool', 'rate'> {
  return {
    step: 11,
    name: 'rate_limit',
    onFault: deny('ratelimit_unavailable_fail_closed', { reasonCode: 'layer_fault' }),
    decide(ctx) {
      const { per_minute: perMinute, burst } = ctx.snapshot.config.rate_limit;
      const own = limiter.take(ctx.caller.spiffeId, perMinute, burst, ctx.steadyMs);
      ctx.rate = own;
      if (!own.allowed) return exceeded(own, 'caller');
      const perTool = ctx.tool === 'none' ? undefined : ctx.tool.registered.rateLimit;
      if (perTool === undefined || ctx.tool === 'none') return PASS;
      const byTool = limiter.take(`${ctx.caller.spiffeId} ${ctx.tool.registered.limitName}`, perTool.perMinute, perTool.burst, ctx.steadyMs);
      ctx.rate = byTool;
      return byTool.allowed ? PASS : exceeded(byTool, 'tool');
    },
  };
}

export function rateHeaders(rate: RateDecision): Record<string, string> {
  return {
    'x-ratelimit-limit': String(rate.limit),
    'x-ratelimit-remaining': String(rate.remaining),
    'x-ratelimit-reset': String(rate.resetSeconds),
  };
}

export function exceeded(rate: RateDecision, of: 'caller' | 'tool'): Deny {
  return deny('ratelimit_exceeded', {
    reasonCode: of,
    retryAfterSeconds: rate.retryAfterSeconds,
    headers: rateHeaders(rate),
    details: { limit: rate.limit, remaining: rate.remaining, retry_after_seconds: rate.retryAfterSeconds },
  });
}
