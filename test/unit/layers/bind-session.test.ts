// The step between 3 and 4: a session is worth something only with its caller.
import { describe, expect, it } from 'vitest';
import { PASS } from '../../../src/chain/verdict.js';
import { alone, createMcpSessions } from '../../../src/engines/mcp-session/sessions.js';
import { bindSession } from '../../../src/layers/bind-session.js';
import { AGENT_ID, callerOf, callOf, contextOf, NOW_MS } from '../chain/contexts.js';

const ID = `00${'ab'.repeat(23)}`;
const LIMITS = { perCallerMax: 10, totalMax: 10, ttlMs: 1000 };
function decide(mcpSessionId: string, call = callOf(), caller = AGENT_ID) {
  const sessions = createMcpSessions(LIMITS, alone(LIMITS, (bytes) => 'ab'.repeat(bytes)));
  sessions.open(AGENT_ID, '2025-11-25', '{}', NOW_MS);
  const ctx = contextOf('{}', { posted: { headers: { mcpSessionId } } });
  Object.assign(ctx, { mcpSession: undefined, call, caller: callerOf(caller) });
  return { verdict: bindSession(sessions).decide(ctx as never), session: () => ctx.mcpSession };
}

describe('a session id', () => {
  it('binds a live session of its caller', () => {
    const { verdict, session } = decide(ID);
    expect([verdict, session()]).toMatchObject([PASS, { id: ID, caller: AGENT_ID }]);
  });

  it('of another caller, or of nobody, is not found', () => {
    expect(decide(ID, callOf(), 'spiffe://poc.local/agents/mcp-client/other/dev').verdict).toMatchObject({ code: 'session_not_found' });
    expect(decide('ff').verdict).toMatchObject({ code: 'session_not_found' });
  });

  it.each([['absent', '', callOf()], ['sent with a stateless request', 'ff', callOf({ era: 'modern' })], ['sent with initialize', 'ff', callOf({ method: 'initialize' })]] as const)('is none when %s', (_what, id, call) => {
    const { verdict, session } = decide(id, call);
    expect([verdict, session()]).toEqual([PASS, 'none']);
  });
});
