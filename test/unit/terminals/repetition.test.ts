// A call that is sent again with its client's answers: what layers 8 and 9 would say of them is said here.
import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Context } from '../../../src/chain/context.js';
import { parseRegistry } from '../../../src/engines/registry/registry-file.js';
import type { RegisteredTool } from '../../../src/engines/registry/types.js';
import { parseChains } from '../../../src/engines/session-risk/chains.js';
import { createSessionRisk } from '../../../src/engines/session-risk/session-risk.js';
import type { SessionRisk } from '../../../src/engines/session-risk/types.js';
import { parseDestinations } from '../../../src/engines/step-up/destinations.js';
import { parseThresholds } from '../../../src/engines/step-up/thresholds.js';
import { judgeRepetition, serverSendsOut } from '../../../src/terminals/sends-out.js';
import type { TerminalServices } from '../../../src/terminals/services.js';
import { AGENT_ID, contextOf, NOW_MS, toolOf } from '../chain/contexts.js';

const URL = 'http://t/mcp';
const HASH = 'a'.repeat(64);
const INSIDE = 'http://localhost/';
const KNOWN = 'http://known.example/';
const FAR = 'https://far.example/';
const chains = parseChains(readFileSync('config/session_chains.yaml', 'utf8'), 'chains');

let risk: SessionRisk;
beforeEach(() => {
  risk = createSessionRisk({ ttlMs: 1000, halfLifeMs: 1000, riskDenyAt: 1, actionsKept: 5, sessionsMax: 10 }, chains);
});

const taint = (): unknown => risk.taint(AGENT_ID, undefined, 'sensitive', 'read', NOW_MS);
const registryOf = (section: string) => parseRegistry(`${section.startsWith('tools') ? '' : 'tools: []\n'}${section}\n`, 'registry.yaml');
const tool = (more: string) => `tools: [{name: t, upstream: ${URL}, risk_level: low, hash: ${HASH}${more}}]`;

function contextWith(registered: Partial<RegisteredTool> | 'none', more: { readonly registry?: string; readonly thresholds?: string; readonly granted?: boolean } = {}): Context {
  const ctx = contextOf('{}', { snapshot: { registry: registryOf(more.registry ?? 'tools: []'), thresholds: parseThresholds(more.thresholds ?? '', 'thresholds'), destinations: parseDestinations('allowed_destinations: [localhost, known.example]', 'destinations') } });
  ctx.tool = registered === 'none' ? 'none' : { registered: toolOf({ upstream: URL, ...registered }), hashAlg: 'seed' };
  const score = { total: 0, impact: 0, reversibility: 0, exposure: 0, novelty: 0 };
  ctx.stepUp = { score, grant: more.granted === true ? { requestId: 'r', token: 't', approver: 'alice' } : undefined, argumentsDigest: '' };
  return ctx;
}

function judge(ctx: Context, answers: Parameters<typeof judgeRepetition>[2]): string {
  const refusal = judgeRepetition(ctx, URL, answers, { sessionRisk: risk, nowMs: () => NOW_MS } as unknown as TerminalServices);
  return refusal === undefined ? 'goes on' : [refusal.code, refusal.reasonCode].filter((word) => word !== undefined).join(' ');
}
const saying = (content: unknown): { readonly json: string } => ({ json: JSON.stringify({ who: { action: 'accept', content } }) });

describe('a server', () => {
  it.each([
    ['a tool', tool(', external: true'), true], ['a prompt', `prompts: [{name: p, upstream: ${URL}, risk_level: low, external: true}]`, true], ['a resource', `resources: [{uri: 'x:1', upstream: ${URL}, risk_level: low, external: true}]`, true],
    ['a prefix', `resources: [{uri_prefix: 'x:', upstream: ${URL}, risk_level: low, external: true}]`, true], ['nothing', tool(''), false], ['a tool of another', tool(', external: true').replace(URL, 'http://o/mcp'), false],
  ])('with %s that is external', (_what, section, sends) => {
    expect(serverSendsOut(contextWith('none', { registry: section }), URL)).toBe(sends);
  });
});

describe('a call that a person approved', () => {
  it.each(['none', 'to_come', saying({})] as const)('was approved without %j', (answers) => {
    expect(judge(contextWith({ riskLevel: 'critical' }, { granted: true }), answers)).toBe('stepup_approval_required answers_not_approved');
    expect(judge(contextWith({ requiresStepUp: true }), answers)).toBe('stepup_approval_required answers_not_approved');
    expect(judge(contextWith({}), answers)).toBe('goes on');
  });
});

describe('who has read', () => {
  beforeEach(taint);

  it('answers no tool that sends out, and is not asked', () => {
    for (const answers of ['to_come', saying({}), saying({ url: INSIDE })] as const) expect(judge(contextWith({ external: true }), answers)).toBe('exfiltration_detected');
    expect(judge(contextWith({ external: true }), 'none')).toBe('goes on');
  });

  it.each([{ url: FAR }, { note: `see ${FAR}` }, { note: JSON.stringify({ url: FAR }) }, { [FAR]: 1 }, { first: INSIDE, then: FAR }])('names no destination outside, wherever it stands: %j', (content) => {
    expect(judge(contextWith({}), saying(content))).toBe('exfiltration_detected');
    expect(judge(contextWith({}), 'to_come')).toBe('goes on');
  });

  it('may name one inside', () => {
    expect(judge(contextWith({}), saying({ url: INSIDE }))).toBe('goes on');
  });

  it('tells nothing that is not registered to a server that sends out', () => {
    for (const answers of ['to_come', saying({})] as const) {
      expect(judge(contextWith('none', { registry: tool(', external: true') }), answers)).toBe('exfiltration_detected');
      expect(judge(contextWith('none', { registry: tool('') }), answers)).toBe('goes on');
    }
    expect(judge(contextWith('none', { registry: tool(', external: true') }), 'none')).toBe('goes on');
  });
});

describe('who has read nothing', () => {
  it.each([
    // Low risk: the destination alone makes it 4.
    ['low', { url: FAR }, 'stepup_destination_blocked'], ['low', { note: `see ${FAR}` }, 'goes on'], ['low', { url: KNOWN }, 'goes on'], ['low', {}, 'goes on'], ['medium', { url: FAR }, 'stepup_destination_blocked'], ['medium', { url: KNOWN }, 'goes on'], ['medium', { url: KNOWN, cc: FAR }, 'stepup_destination_blocked'],
    ['high', {}, 'goes on'], ['high', { url: KNOWN }, 'stepup_approval_required answers_not_approved'], ['high', { url: FAR }, 'stepup_approval_required answers_not_approved'],
  ] as const)('may answer a tool of %s risk, naming %j: %s', (riskLevel, content, then) => {
    expect(judge(contextWith({ riskLevel }), saying(content))).toBe(then);
    expect(judge(contextWith({ riskLevel }), 'to_come')).toBe('goes on');
  });

  it('may name what the tool may have', () => {
    expect(judge(contextWith({ riskLevel: 'medium', allowedDestinations: ['far.example'] }), saying({ url: FAR }))).toBe('goes on');
    expect(judge(contextWith({ external: true, allowedDestinations: ['far.example'] }), saying({ url: FAR }))).toBe('goes on');
    expect(judge(contextWith({ external: true, allowedDestinations: ['far.example'] }), saying({ url: 'https://farther.example/' }))).toBe('stepup_destination_blocked');
  });

  it('is held to the limits of the one tool', () => {
    expect(judge(contextWith({ limitName: 'one' }, { thresholds: 'tools: {one: {pass: -1, checked: 1, approval: 9}}' }), saying({ url: KNOWN }))).toBe('stepup_approval_required answers_not_approved');
  });
});

describe('a score', () => {
  it('that nobody may approve is denied; what was read counts in it', () => {
    const wiping = (): string => judge(contextWith({ name: 'wipe', riskLevel: 'high' }, { thresholds: 'thresholds: {approval: 8}' }), saying({ url: INSIDE }));
    expect(wiping()).toBe('stepup_approval_required answers_not_approved');
    taint();
    expect(wiping()).toBe('stepup_denied score');
  });
});
