// Layer 13: references become secrets, only now, nearest the wire; adds the message as it goes upstream.
import type { Outbound } from '../chain/context.js';
import type { Layer } from '../chain/layer.js';
import { deny, PASS } from '../chain/verdict.js';
import type { SecretStore } from '../engines/secrets/types.js';

const AS_IT_CAME: Outbound = Object.freeze({ bytes: undefined, secretValues: [], secretRefs: [] });

export function tokenSubstitution(secrets: SecretStore): Layer<'call' | 'caller' | 'tool', 'outbound'> {
  return {
    step: 13,
    name: 'token_substitution',
    onFault: deny('token_redemption_failed', { reasonCode: 'layer_fault' }),
    decide(ctx) {
      const { argumentsFrom, argumentsTo, name } = ctx.call;
      if (ctx.tool === 'none' || argumentsFrom === argumentsTo) {
        ctx.outbound = AS_IT_CAME;
        return PASS;
      }
      const result = secrets.substitute(ctx.inbound.body, argumentsFrom, argumentsTo, ctx.caller.spiffeId, ctx.tool.registered.requiredScope, ctx.nowMs);
      switch (result.kind) {
        case 'none':
          ctx.outbound = AS_IT_CAME;
          return PASS;
        case 'substituted':
          ctx.outbound = { bytes: result.bytes, secretValues: result.values, secretRefs: result.refs };
          ctx.note(13, `${result.refs.length} reference(s)`);
          return PASS;
        case 'refused':
          return deny(result.code, { reasonCode: result.reasonCode, details: { tool: name, ...result.scopes } });
      }
    },
  };
}
