// The step between 5 and 6: the caller's risk, and its fault as layer 8's.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PASS } from '../../../src/chain/verdict.js';
import type { McpSession } from '../../../src/engines/mcp-session/types.js';
import { parseChains } from '../../../src/engines/session-risk/chains.js';
import { createSessionRisk } from '../../../src/engines/session-risk/session-risk.js';
import { loadSession } from '../../../src/layers/load-session.js';
import { AGENT_ID, contextOf, NOW_MS } from '../chain/contexts.js';

const chains = parseChains(readFileSync('config/session_chains.yaml', 'utf8'), 'chains');

describe('the session\'s risk', () => {
  it('is the worse of caller and session: a new session is not clean', () => {
    const risk = createSessionRisk({ ttlMs: 1000, halfLifeMs: 1000, riskDenyAt: 1, actionsKept: 5, sessionsMax: 10 }, chains);
    risk.taint(AGENT_ID, 'old', 'sensitive', 'read', NOW_MS);
    const ctx = contextOf('{}');
    Object.assign(ctx, { session: undefined, mcpSession: { id: 'new' } as McpSession });
    expect([loadSession(risk).decide(ctx as never), ctx.session?.tainted, ctx.session?.id]).toEqual([PASS, true, 'new']);
  });

  it('has the taint of before a restart, for the time that was left of it, and takes it over once', () => {
    const risk = createSessionRisk({ ttlMs: 1000, halfLifeMs: 1000, riskDenyAt: 1, actionsKept: 5, sessionsMax: 10 }, chains);
    const session = { id: 's', inherited: { severity: 3, classification: 'sensitive', source: 'read', atMs: NOW_MS - 999 } } as McpSession;
    const ctx = contextOf('{}');
    Object.assign(ctx, { session: undefined, mcpSession: session });
    expect([loadSession(risk).decide(ctx as never), ctx.session?.tainted, ctx.session?.taintSource, session.inherited]).toEqual([PASS, true, 'read', undefined]);
    expect([risk.load(AGENT_ID, undefined, NOW_MS).tainted, risk.load(AGENT_ID, 's', NOW_MS + 1).tainted]).toEqual([true, false]);
  });

  it('declares layer 8\'s fault', () => {
    expect(loadSession(createSessionRisk({ ttlMs: 1, halfLifeMs: 1, riskDenyAt: 1, actionsKept: 1, sessionsMax: 1 }, chains))).toMatchObject({ step: 8, unnumbered: true, onFault: { code: 'session_unavailable_fail_closed' } });
  });

  it('of a caller without a session is the caller\'s alone', () => {
    const risk = createSessionRisk({ ttlMs: 1000, halfLifeMs: 1000, riskDenyAt: 1, actionsKept: 5, sessionsMax: 10 }, chains);
    const ctx = contextOf('{}');
    Object.assign(ctx, { session: undefined, mcpSession: 'none' });
    expect([loadSession(risk).decide(ctx as never), ctx.mcpSessionId, ctx.session?.id]).toEqual([PASS, undefined, 'caller']);
  });
});
