// Layer 3: who calls; adds the caller. Synchronous for declared and cached evidence.
import type { Layer } from '../chain/layer.js';
import { deny, PASS, type Verdict } from '../chain/verdict.js';
import type { Authenticator, Caller, IdentityResult } from '../engines/identity/types.js';

interface CallerSlot {
  caller: Caller | undefined;
}

export function spiffeAuth(authenticator: Authenticator): Layer<never, 'caller'> {
  return {
    step: 3,
    name: 'spiffe_auth',
    onFault: deny('auth_invalid_identity', { reasonCode: 'layer_fault' }),
    decide(ctx) {
      const result = authenticator.authenticate(ctx.inbound.evidence, ctx.snapshot.identities, ctx.nowMs);
      if (result instanceof Promise) return result.then((late) => judge(ctx, late));
      return judge(ctx, result);
    },
  };
}

function judge(slot: CallerSlot, result: IdentityResult): Verdict {
  if (!result.ok) return deny(result.code, { reasonCode: result.reasonCode, message: result.message, remediation: result.remediation, endsConnection: result.endsConnection });
  slot.caller = result.caller;
  return PASS;
}
