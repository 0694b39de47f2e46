// What ends by itself over the wire: a grant that nobody used in time, and a request that nobody decided. The times are the shortest the config takes.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApprover, signDecision } from '../../src/engines/step-up/approver-keys.js';
import type { ApprovalRequest } from '../../src/engines/step-up/types.js';
import { permitAll, startGateway, type GatewayProcess, type HttpAnswer } from '../support/gateway-process.js';
import { startToolServer, type ToolServer } from '../support/tool-server.js';
import { call, codeOf, registration, toolText } from './calls.js';

const TTL_S = 10;

let server: ToolServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startToolServer({ tools: [toolText('critical')] });
  gateway = await startGateway({ policies: { 'all.rego': permitAll() }, tools: [registration('critical', server.url, { risk_level: 'critical' })], config: { step_up: { request_ttl_s: TTL_S, grant_ttl_s: TTL_S } } });
  createApprover(join(gateway.dir, '.precinct', 'approvers'), 'alice', undefined);
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

function idOf(answer: HttpAnswer): string {
  expect(codeOf(answer)).toBe('stepup_approval_required');
  return (answer.json['details'] as { request_id: string }).request_id;
}

async function approve(id: string): Promise<HttpAnswer> {
  const { json } = await gateway.control('GET', `/v1/approvals/${id}`);
  const signature = signDecision(join(gateway.dir, '.precinct', 'approvers'), 'alice', undefined, json['approval'] as ApprovalRequest, 'approve');
  return gateway.control('POST', `/v1/approvals/${id}/decide`, { decision: 'approve', approver: 'alice', signature });
}

async function pending(): Promise<string[]> {
  return ((await gateway.control('GET', '/v1/approvals?state=pending')).json['approvals'] as { id: string }[]).map(({ id }) => id);
}

describe('after their time', () => {
  it('a grant is worth nothing, an undecided request can no longer be decided, and a new one is asked for', async () => {
    const [granted, waiting] = [call('critical', { marker: 'granted' }), call('critical', { marker: 'waiting' })];
    const [grant, request] = [idOf(await gateway.post(granted)), idOf(await gateway.post(waiting))];
    expect((await approve(grant)).status).toBe(200);
    expect(await pending()).toEqual([request]);
    await sleep((TTL_S + 1) * 1000);
    expect((await approve(request)).status).toBe(410);
    expect(idOf(await gateway.post(granted))).not.toBe(grant);
    expect(idOf(await gateway.post(waiting))).not.toBe(request);
    expect(await pending()).toHaveLength(2);
    expect(server.seen.filter((seen) => seen.rpcMethod === 'tools/call')).toEqual([]);
  });
});
