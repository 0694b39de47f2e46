// Layer 9's grants over real sockets and crashes: one approval is one call, wherever it fails, however often it is tried.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApprover, signDecision } from '../../src/engines/step-up/approver-keys.js';
import type { ApprovalRequest } from '../../src/engines/step-up/types.js';
import { CALLER, permitAll, startGateway, type GatewayProcess, type HttpAnswer } from '../support/gateway-process.js';
import { startToolServer, type ToolServer } from '../support/tool-server.js';
import { call, codeOf, eventually, MCP, openSession, registration, toolText } from './calls.js';

const OTHER = 'spiffe://poc.local/agents/mcp-client/other/dev';
const AT_ONCE = 20;

let server: ToolServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startToolServer({ tools: ['critical', 'slow_critical'].map(toolText) });
  gateway = await startGateway({
    policies: { 'all.rego': `${permitAll()}\nallow if input.caller_spiffe_id == "${OTHER}"\n` },
    identities: { default: CALLER, identities: [{ spiffe_id: CALLER }, { spiffe_id: OTHER }] },
    tools: [registration('critical', server.url, { risk_level: 'critical' }), registration('slow_critical', server.url, { risk_level: 'critical', rate_limit: { per_minute: 60, burst: 1 } })],
    config: { rate_limit: { per_minute: 1_000_000, burst: 100_000 }, step_up: { pending_per_caller_max: 1000 }, upstream: { answer_timeout_ms: 1000 }, breaker: { failures_to_open: 1000 } },
  });
  createApprover(join(gateway.dir, '.precinct', 'approvers'), 'alice', undefined);
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

function runs(marker: string): number {
  return server.seen.filter((seen) => seen.rpcMethod === 'tools/call' && seen.body.includes(marker)).length;
}

function requestIdOf(answer: HttpAnswer): string {
  expect(codeOf(answer)).toBe('stepup_approval_required');
  const envelope = (answer.json['error'] as { data: { details: { request_id: string } } }).data;
  return envelope.details.request_id;
}

function noteOf(line: Record<string, unknown> | undefined): string | undefined {
  return (line?.['layers_traversed'] as { step: number; note?: string }[]).find(({ step }) => step === 9)?.note;
}

async function decide(requestId: string, decision: 'approve' | 'deny', reason?: string): Promise<number> {
  const { json } = await gateway.control('GET', `/v1/approvals/${requestId}`);
  const signature = signDecision(join(gateway.dir, '.precinct', 'approvers'), 'alice', undefined, json['approval'] as ApprovalRequest, decision);
  return (await gateway.control('POST', `/v1/approvals/${requestId}/decide`, { decision, approver: 'alice', signature, reason })).status;
}

async function approve(body: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  expect(await decide(requestIdOf(await gateway.post(body, headers)), 'approve')).toBe(200);
}

describe('an approved call', () => {
  it(`sent ${AT_ONCE} times at once runs once`, async () => {
    const body = call('critical', { marker: 'at-once' });
    await approve(body);
    const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => gateway.post(body)));
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1);
    expect(answers.filter((answer) => codeOf(answer) === 'stepup_approval_required' || codeOf(answer) === 'stepup_denied')).toHaveLength(AT_ONCE - 1);
    expect(runs('at-once')).toBe(1);
  });

  it('is not for another caller, another session, or a session at all', async () => {
    const body = call('critical', { marker: 'bound' });
    await approve(body);
    expect(codeOf(await gateway.post(body, { 'x-spiffe-id': OTHER }))).toBe('stepup_approval_required');
    expect(codeOf(await gateway.post(body, await openSession(gateway)))).toBe('stepup_approval_required');
    expect(runs('bound')).toBe(0);
    expect((await gateway.post(body)).status).toBe(200);
  });

  it('in a session is for that session', async () => {
    const body = call('critical', { marker: 'session' });
    const [mine, another] = [await openSession(gateway), await openSession(gateway)];
    await approve(body, mine);
    expect(codeOf(await gateway.post(body, another))).toBe('stepup_approval_required');
    expect(codeOf(await gateway.post(body))).toBe('stepup_approval_required');
    expect((await gateway.post(body, mine)).json).toHaveProperty('result');
    expect(runs('session')).toBe(1);
  });

  it('that a later layer refuses is still approved', async () => {
    const [first, second] = [call('slow_critical', { marker: 'first' }), call('slow_critical', { marker: 'second' })];
    await approve(first);
    await approve(second);
    expect((await gateway.post(first)).status).toBe(200);
    expect(codeOf(await gateway.post(second))).toBe('ratelimit_exceeded');
    expect(await eventually(async () => (await gateway.post(second)).status === 200)).toBe(true);
    expect(codeOf(await gateway.post(second, MCP))).toBe('stepup_approval_required');
    expect(runs('second')).toBe(1);
  });

  it('whose outcome is unknown is spent', async () => {
    const body = call('critical', { marker: 'unknown-outcome' });
    await approve(body);
    server.answering = 'hang';
    server.answeringFor = ['tools/call'];
    expect(codeOf(await gateway.post(body))).toBe('mcp_timeout');
    server.answering = 'json';
    expect(codeOf(await gateway.post(body))).toBe('stepup_approval_required');
    expect(runs('unknown-outcome')).toBe(1);
  });

  it('survives kill -9 before its use, and is spent after it', async () => {
    const body = call('critical', { marker: 'crash' });
    await approve(body);
    await gateway.kill9();
    await gateway.restart();
    expect((await gateway.post(body)).status).toBe(200);
    await gateway.kill9();
    await gateway.restart();
    expect(codeOf(await gateway.post(body))).toBe('stepup_approval_required');
    expect(runs('crash')).toBe(1);
  });
});

describe('what the approver sees', () => {
  const shownOf = async (body: string): Promise<Record<string, unknown>> => {
    const { json } = await gateway.control('GET', `/v1/approvals/${requestIdOf(await gateway.post(body))}`);
    return json['approval'] as Record<string, unknown>;
  };

  it('is not for the requester to choose: blanks push nothing out of sight, personal data hides nothing but itself', async () => {
    const padded = call('critical', { command: 'ls -l', then: 'rm -rf /' }).replace('"ls -l"', `"ls -l"${' '.repeat(450)}`);
    expect(await shownOf(padded)).toMatchObject({ argumentsPreview: '{"command":"ls -l","then":"rm -rf /"}', argumentsText: '{"command":"ls -l","then":"rm -rf /"}', argumentsLength: 37 });
    const flagged = await shownOf(call('critical', { command: 'rm -rf /', note: 'mail a@b.example' }));
    expect(flagged).toMatchObject({ argumentsPreview: '{"command":"rm -rf /","note":"mail [withheld: email-address, 11 characters]"}' });
  });

  it('is counted where it is too long to keep, and then approved only by who says so', async () => {
    const body = call('critical', { x: 'xy'.repeat(40_000) });
    const request = await shownOf(body);
    expect([(request['argumentsText'] as string).length, request['argumentsLength']]).toEqual([65_536, 80_008]);
    const id = String(request['id']);
    const signature = signDecision(join(gateway.dir, '.precinct', 'approvers'), 'alice', undefined, request as unknown as ApprovalRequest, 'approve');
    const decision = { decision: 'approve', approver: 'alice', signature };
    expect((await gateway.control('POST', `/v1/approvals/${id}/decide`, decision)).json).toMatchObject({ error: { code: 'arguments_unseen' } });
    expect((await gateway.control('POST', `/v1/approvals/${id}/decide`, { ...decision, accept_unseen: true })).status).toBe(200);
    expect((await gateway.post(body)).status).toBe(200);
  });
});

describe('a denied call', () => {
  it('is refused with the approver\'s word, and a decision is made once', async () => {
    const body = call('critical', { marker: 'denied' });
    const id = requestIdOf(await gateway.post(body));
    expect(await decide(id, 'deny')).toBe(200);
    expect(await decide(id, 'approve')).toBeGreaterThanOrEqual(400);
    expect(codeOf(await gateway.post(body))).toBe('stepup_denied');
    expect(runs('denied')).toBe(0);
  });
});

describe('a decision', () => {
  it('keeps the approver\'s reason in the audit log, and the call\'s record says which decision it went by', async () => {
    const body = call('critical', { marker: 'reasoned' });
    const id = requestIdOf(await gateway.post(body));
    expect(await decide(id, 'approve', 'planned maintenance')).toBe(200);
    expect(gateway.lines('event').at(-1)).toMatchObject({ event: 'approval_decided', details: { request_id: id, reason: 'planned maintenance' } });
    expect((await gateway.post(body)).status).toBe(200);
    expect(noteOf(gateway.lines('request').at(-1))).toContain(id);
  });

  it('stands in the audit log, whether or not the call ever comes again', async () => {
    for (const decision of ['approve', 'deny'] as const) {
      const id = requestIdOf(await gateway.post(call('critical', { marker: `recorded-${decision}` })));
      expect(await decide(id, decision)).toBe(200);
      const details = { request_id: id, decision, approver: 'alice', caller: CALLER, tool: 'critical' };
      expect(gateway.lines('event').filter((line) => line['event'] === 'approval_decided').at(-1)).toMatchObject({ details });
    }
  });
});

describe('the request for an approval', () => {
  it('is one, however often the call is tried', async () => {
    const body = call('critical', { marker: 'again' });
    const ids = await Promise.all(Array.from({ length: AT_ONCE }, async () => requestIdOf(await gateway.post(body))));
    expect(new Set(ids).size).toBe(1);
  });

  it('is not decided by a signature for another request, nor by a stranger', async () => {
    const [one, two] = [requestIdOf(await gateway.post(call('critical', { marker: 'sig-1' }))), requestIdOf(await gateway.post(call('critical', { marker: 'sig-2' })))];
    const { json } = await gateway.control('GET', `/v1/approvals/${one}`);
    const signature = signDecision(join(gateway.dir, '.precinct', 'approvers'), 'alice', undefined, json['approval'] as ApprovalRequest, 'approve');
    for (const approver of ['alice', 'mallory', '../alice', CALLER]) {
      expect((await gateway.control('POST', `/v1/approvals/${two}/decide`, { decision: 'approve', approver, signature })).status).toBeGreaterThanOrEqual(400);
    }
    expect(codeOf(await gateway.post(call('critical', { marker: 'sig-2' })))).toBe('stepup_approval_required');
  });
});
