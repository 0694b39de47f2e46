// Taint of an answer counts from when the client gets it.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Exchange } from '../../../src/chain/exchange.js';
import { parseChains } from '../../../src/engines/session-risk/chains.js';
import { createSessionRisk } from '../../../src/engines/session-risk/session-risk.js';
import { MessageScreen } from '../../../src/terminals/message-screen.js';
import type { TerminalServices } from '../../../src/terminals/services.js';
import { AGENT_ID, contextOf, NOW_MS, toolOf } from '../chain/contexts.js';

const URL = 'http://127.0.0.1:9/mcp';
const TTL_MS = 60_000;

describe('a sensitive answer', () => {
  it('taints for the whole time, however late it comes', () => {
    const risk = createSessionRisk({ ttlMs: TTL_MS, halfLifeMs: TTL_MS, riskDenyAt: 1, actionsKept: 5, sessionsMax: 10 }, parseChains(readFileSync('config/session_chains.yaml', 'utf8'), 'chains'));
    const ctx = contextOf('{}', { snapshot: { registry: { upstreams: [URL] } as never } });
    ctx.tool = { registered: toolOf({ upstream: URL, classification: 'sensitive' }), hashAlg: 'seed' };
    const noted: number[] = [];
    Object.assign(ctx, { mcpSession: { id: 's', noteTaint: ({ atMs }: { atMs: number }) => noted.push(atMs) } });
    const answeredMs = NOW_MS + 2 * TTL_MS;
    const screen = new MessageScreen({ ctx } as Exchange, { sessionRisk: risk, nowMs: () => answeredMs } as Partial<TerminalServices> as TerminalServices, URL);
    screen.taint();
    const isTainted = (session: string | undefined, ms: number): boolean => risk.load(AGENT_ID, session, ms).tainted;
    expect([noted, isTainted(undefined, answeredMs + TTL_MS - 1), isTainted('s', answeredMs + TTL_MS - 1), isTainted(undefined, answeredMs + TTL_MS)]).toEqual([[answeredMs], true, true, false]);
  });
});
