// Between bind_session and 4: admission reads layer 11's bucket without taking from it (SPEC section 2): who is known to be over the limit costs no more than this.
import type { Layer } from '../chain/layer.js';
import { deny, PASS } from '../chain/verdict.js';
import type { RateLimiter } from '../engines/limits/types.js';
import { exceeded } from './11-rate-limit.js';

export function readRate(limiter: RateLimiter): Layer<'caller'> {
  return {
    step: 11,
    name: 'read_rate',
    unnumbered: true,
    onFault: deny('ratelimit_unavailable_fail_closed', { reasonCode: 'layer_fault' }),
    decide(ctx) {
      const { per_minute: perMinute, burst } = ctx.snapshot.config.rate_limit;
      const seen = limiter.peek(ctx.caller.spiffeId, perMinute, burst, ctx.steadyMs);
      return seen.allowed ? PASS : exceeded(seen, 'caller');
    },
  };
}
