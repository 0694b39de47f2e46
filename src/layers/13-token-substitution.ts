// Layer 13: references become secrets, only now, nearest the wire; adds the message as it goes upstream.
import type { MessageReader } from '../base/workers/message-reader.js';
import { onceRead } from '../base/workers/once-read.js';
import type { Outbound } from '../chain/context.js';
import type { Ctx, Layer } from '../chain/layer.js';
import { deny, PASS, type Verdict } from '../chain/verdict.js';
import type { RegisteredTool } from '../engines/registry/types.js';
import { mayHoldReferences, REFERENCE_PLACES } from '../engines/secrets/substitute.js';
import type { ReferencePlaces, SecretStore } from '../engines/secrets/types.js';

type SubstitutionCtx = Ctx<'call' | 'caller' | 'tool', 'outbound'>;

const AS_IT_CAME: Outbound = Object.freeze({ bytes: undefined, secretValues: [], secretRefs: [] });

export function tokenSubstitution(secrets: SecretStore, reader: MessageReader): Layer<'call' | 'caller' | 'tool', 'outbound'> {
  return {
    step: 13,
    name: 'token_substitution',
    onFault: deny('token_redemption_failed', { reasonCode: 'layer_fault' }),
    decide(ctx) {
      const { argumentsFrom: from, argumentsTo: to } = ctx.call;
      if (ctx.tool === 'none' || !mayHoldReferences(ctx.inbound.body, from, to)) {
        ctx.outbound = AS_IT_CAME;
        return PASS;
      }
      const { registered } = ctx.tool;
      return onceRead(reader.read(REFERENCE_PLACES, ctx.inbound, { from, to }, ctx.snapshot.config.dlp.inline_bytes_max), putIn, ctx, registered, secrets);
    },
  };
}

function putIn(places: ReferencePlaces, ctx: SubstitutionCtx, tool: RegisteredTool, secrets: SecretStore): Verdict {
  const result = secrets.substitute(ctx.inbound.body, places, ctx.caller.spiffeId, tool.requiredScope, ctx.nowMs);
  switch (result.kind) {
    case 'none':
      ctx.outbound = AS_IT_CAME;
      return PASS;
    case 'substituted':
      ctx.outbound = { bytes: result.bytes, secretValues: result.values, secretRefs: result.refs };
      ctx.note(13, `${result.refs.length} reference(s)`);
      return PASS;
    case 'refused':
      return deny(result.code, { reasonCode: result.reasonCode, details: { tool: ctx.call.name, ...result.scopes } });
  }
}
