// Layer 12: stops calls to a tool whose server keeps failing; the one exit feeds it, never a client that hung up.
import type { Layer } from '../chain/layer.js';
import { deny, PASS } from '../chain/verdict.js';
import type { CircuitBreakers } from '../engines/limits/types.js';

export function circuitBreaker(breakers: CircuitBreakers): Layer<'call' | 'tool', 'breaker'> {
  return {
    step: 12,
    name: 'circuit_breaker',
    onFault: deny('circuit_unavailable_fail_closed', { reasonCode: 'layer_fault' }),
    decide(ctx) {
      if (ctx.tool === 'none') {
        ctx.breaker = 'none';
        return PASS;
      }
      const { registered } = ctx.tool;
      const key = `${registered.upstream} ${registered.limitName}`;
      const admission = breakers.admit(key, ctx.steadyMs);
      if (!admission.admitted) {
        return deny('circuit_open', { retryAfterSeconds: admission.retryAfterSeconds, details: { tool: registered.name, upstream: registered.upstream, retry_after_seconds: admission.retryAfterSeconds } });
      }
      ctx.breaker = { key, probe: admission.probe };
      if (admission.probe) ctx.note(12, 'half-open probe');
      return PASS;
    },
  };
}
