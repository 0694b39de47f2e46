// Between 3 and 4: a legacy session id must name a live session of this very caller (step 0's refusal: the client must initialize again).
import type { Layer } from '../chain/layer.js';
import { deny, PASS } from '../chain/verdict.js';
import type { McpSessions } from '../engines/mcp-session/sessions.js';

export function bindSession(sessions: McpSessions): Layer<'call' | 'caller', 'mcpSession'> {
  return {
    step: 3,
    name: 'bind_session',
    unnumbered: true,
    onFault: deny('session_not_found', { reasonCode: 'layer_fault' }),
    decide(ctx) {
      const id = ctx.inbound.headers.mcpSessionId;
      // 2026-07-28 has no sessions: an id sent along is ignored. An initialize opens a new one.
      if (id === '' || ctx.call.era === 'modern' || ctx.call.method === 'initialize') {
        ctx.mcpSession = 'none';
        return PASS;
      }
      const session = sessions.find(id, ctx.caller.spiffeId, ctx.nowMs);
      if (session === undefined) return deny('session_not_found');
      ctx.mcpSession = session;
      return PASS;
    },
  };
}
