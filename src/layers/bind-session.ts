// Between 3 and 4: a legacy session id must name a session of this very caller (step 0's refusal: the client must initialize again). One that sleeps is taken up here.
import type { Layer } from '../chain/layer.js';
import { deny, PASS, type Verdict } from '../chain/verdict.js';
import type { Revived } from '../engines/mcp-session/revival.js';
import type { McpSessions } from '../engines/mcp-session/sessions.js';
import type { McpSession } from '../engines/mcp-session/types.js';

const UNKNOWN = Object.freeze(deny('session_not_found'));
const UNREADABLE = Object.freeze(deny('session_unavailable_fail_closed', { reasonCode: 'session_not_read', retryAfterSeconds: 1 }));
/** Given only where the thread that has the session is just ending. */
const ELSEWHERE = Object.freeze(deny('session_unavailable_fail_closed', { reasonCode: 'session_thread_ended', retryAfterSeconds: 1 }));

interface Bindable {
  mcpSession: McpSession | 'none' | undefined;
  sessionOwner: number | undefined;
}

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
      if (session !== undefined) {
        ctx.mcpSession = session;
        return PASS;
      }
      const revived = sessions.revive(id, ctx.caller.spiffeId, ctx.nowMs);
      return revived instanceof Promise ? revived.then((late) => bind(ctx, late), () => UNREADABLE) : bind(ctx, revived);
    },
  };
}

function bind(ctx: Bindable, revived: Revived): Verdict {
  switch (revived.kind) {
    case 'open':
      ctx.mcpSession = revived.session;
      return PASS;
    case 'elsewhere':
      ctx.sessionOwner = revived.owner;
      return ELSEWHERE;
    case 'unknown':
      return UNKNOWN;
  }
}
