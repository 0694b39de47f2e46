// Between bind_session and 4: the caller's requests under way have a bound. Step 0's refusal: it is admission that had to wait for a caller.
import type { Layer } from '../chain/layer.js';
import { deny, PASS } from '../chain/verdict.js';
import type { Places } from '../engines/limits/places.js';

const RETRY_AFTER_SECONDS = 1; // nobody knows when a call ends: a short wait is the honest answer

export function holdPlace(places: Places): Layer<'caller', 'place'> {
  return {
    step: 0,
    name: 'hold_place',
    unnumbered: true,
    onFault: deny('gateway_overloaded', { reasonCode: 'layer_fault', retryAfterSeconds: RETRY_AFTER_SECONDS }),
    decide(ctx) {
      const place = places.take(ctx.caller.spiffeId, ctx.snapshot.config.front.requests_per_caller_max);
      if (place === undefined) return deny('gateway_overloaded', { reasonCode: 'requests_per_caller', retryAfterSeconds: RETRY_AFTER_SECONDS });
      ctx.place = place;
      return PASS;
    },
  };
}
