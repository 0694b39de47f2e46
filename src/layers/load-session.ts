// Between 5 and 6: loads the caller's risk, so that policies can read it. Its fault is layer 8's.
import type { Layer } from '../chain/layer.js';
import { deny, PASS } from '../chain/verdict.js';
import type { SessionRisk } from '../engines/session-risk/types.js';

export function loadSession(risk: SessionRisk): Layer<'call' | 'caller' | 'mcpSession', 'session'> {
  return {
    step: 8,
    name: 'load_session',
    unnumbered: true,
    onFault: deny('session_unavailable_fail_closed', { reasonCode: 'load_failed' }),
    decide(ctx) {
      const { mcpSession } = ctx;
      // A restart washes nothing off a session that goes on after it.
      if (mcpSession !== 'none' && mcpSession.inherited !== undefined) {
        const { classification, source, atMs } = mcpSession.inherited;
        risk.taint(ctx.caller.spiffeId, mcpSession.id, classification, source, atMs);
        mcpSession.inherited = undefined;
      }
      ctx.session = risk.load(ctx.caller.spiffeId, ctx.mcpSessionId, ctx.nowMs);
      return PASS;
    },
  };
}
