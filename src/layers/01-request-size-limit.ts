// Layer 1: refuses a body that passed the limit; the front stopped reading at that byte.
import type { Layer } from '../chain/layer.js';
import { deny, PASS } from '../chain/verdict.js';

export const requestSizeLimit: Layer = {
  step: 1,
  name: 'request_size_limit',
  onFault: deny('request_too_large', { reasonCode: 'layer_fault' }),
  decide(ctx) {
    if (!ctx.inbound.bodyTooLarge) return PASS;
    return deny('request_too_large', {
      details: { max_bytes: ctx.snapshot.config.front.body_bytes_max, seen_bytes: ctx.inbound.bodyBytes },
    });
  },
};
