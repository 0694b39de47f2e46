// The step between 3 and 4: a session is worth something only with its caller.
import { describe, expect, it } from 'vitest';
import { PASS } from '../../../src/chain/verdict.js';
import { alone, createMcpSessions } from '../../../src/engines/mcp-session/sessions.js';
import { NOBODY } from '../../../src/engines/mcp-session/places.js';
import { sessionKey } from '../../../src/engines/mcp-session/session-key.js';
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

  it('of a session that sleeps waits until it is taken up, and is unavailable where it can\'t be read', async () => {
    const id = `00${'cd'.repeat(23)}`;
    const kept = { serial: 1, key: sessionKey(id), caller: AGENT_ID, protocolVersion: '2025-06-18', initializeParams: '{}', createdMs: 1, usedMs: NOW_MS, taint: undefined };
    const asleep = async (read: () => Promise<typeof kept>) => {
      const around = alone(LIMITS, (bytes) => 'ab'.repeat(bytes));
      around.places.open(AGENT_ID, kept.key, 1, LIMITS, NOBODY);
      const ctx = contextOf('{}', { posted: { headers: { mcpSessionId: id } } });
      Object.assign(ctx, { mcpSession: undefined, call: callOf(), caller: callerOf(AGENT_ID) });
      const verdict = bindSession(createMcpSessions(LIMITS, { ...around, keeper: { ...around.keeper, read } })).decide(ctx as never);
      return [verdict instanceof Promise, await verdict, ctx.mcpSession];
    };
    expect(await asleep(() => Promise.resolve(kept))).toMatchObject([true, PASS, { id, protocolVersion: '2025-06-18' }]);
    expect(await asleep(() => Promise.reject(new Error('down')))).toMatchObject([true, { code: 'session_unavailable_fail_closed', reasonCode: 'session_not_read' }, undefined]);
  });

  it('of a session that another thread has names that thread', () => {
    const around = alone(LIMITS, (bytes) => 'ab'.repeat(bytes));
    around.places.open(AGENT_ID, sessionKey(ID), 1, LIMITS, 7);
    const ctx = contextOf('{}', { posted: { headers: { mcpSessionId: ID } } });
    Object.assign(ctx, { mcpSession: undefined, call: callOf(), caller: callerOf(AGENT_ID) });
    expect(bindSession(createMcpSessions(LIMITS, around)).decide(ctx as never)).toMatchObject({ code: 'session_unavailable_fail_closed' });
    expect(ctx.sessionOwner).toBe(7);
  });

  it.each([['absent', '', callOf()], ['sent with a stateless request', 'ff', callOf({ era: 'modern' })], ['sent with initialize', 'ff', callOf({ method: 'initialize' })]] as const)('is none when %s', (_what, id, call) => {
    const { verdict, session } = decide(id, call);
    expect([verdict, session()]).toEqual([PASS, 'none']);
  });
});
