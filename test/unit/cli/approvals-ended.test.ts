// agw approvals of requests whose time is over, or is another's by now: what it says until when, and why it refuses.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBench, type Bench } from './cli-fixture.js';

const AT = Date.parse('2026-07-28T10:00:00Z');
const REQUEST = { id: 'apr_1', caller: 'spiffe://poc.local/agents/mcp-client/my-agent/dev', tool: 'bash', toolHash: 'h', upstream: 'u', argumentsDigest: 'd', createdMs: AT, expiresMs: AT + 3_600_000, score: 8, argumentsPreview: '{}' };

let bench: Bench;
beforeEach(() => (bench = openBench()));
afterEach(() => bench.close());

describe('an approval request that has ended undecided', () => {
  it('is said to have expired: its arguments are gone with it, and --unseen would not help', async () => {
    await bench.serve({
      'GET /v1/approvals/apr_1': () => ({ json: { approval: { ...REQUEST, state: 'expired' } } }),
      'POST /v1/approvals/apr_1/decide': () => ({ status: 410, json: { error: { code: 'expired', message: 'the request has expired', remediation: 'Let the agent repeat its call: that opens a new request.' } } }),
    });
    await bench.agw(['approver', 'add', 'alice']);
    const { code, err } = await bench.agw(['approvals', 'approve', 'apr_1']);
    expect([code, err]).toEqual([2, 'agw: the request has expired\nLet the agent repeat its call: that opens a new request.']);
  });
});

describe('a list that leaves out the oldest', () => {
  it.each([[1_001, 'these are the newest: 1000 older requests not shown; --state narrows it down'], [2, 'these are the newest: 1 older request not shown; --state narrows it down'], [1, undefined]])('of %i says so', async (total, said) => {
    await bench.serve({ 'GET /v1/approvals': () => ({ json: { approvals: [REQUEST], total } }) });
    const { out } = await bench.agw(['approvals', 'list'], { width: 300 });
    expect(out.split('\n').find((line) => line.includes('newest'))).toBe(said);
  });
});

describe('a grant', () => {
  it('is shown with its own end, not with that of the time for the decision', async () => {
    const grant = { ...REQUEST, state: 'approved', decidedBy: 'alice', grantExpiresMs: AT + 600_000, argumentsText: '{}', argumentsLength: 2 };
    await bench.serve({ 'GET /v1/approvals': () => ({ json: { approvals: [grant] } }), 'GET /v1/approvals/apr_1': () => ({ json: { approval: grant } }) });
    for (const line of [['approvals', 'list', '--state', 'approved'], ['approvals', 'show', 'apr_1']]) {
      const { out } = await bench.agw(line, { width: 300 });
      expect([out.includes('10:10:00'), out.includes('11:00:00')]).toEqual([true, false]);
    }
  });
});
