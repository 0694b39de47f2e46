// Each layer's refusals over a real socket: the code, the status and step that were promised, and one record whose 13 verdicts tell the same story.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApprover, signDecision } from '../../src/engines/step-up/approver-keys.js';
import type { ApprovalRequest } from '../../src/engines/step-up/types.js';
import { CALLER, permitAll, startGateway, type GatewayProcess, type HttpAnswer } from '../support/gateway-process.js';
import { ECHO_TEXT, startToolServer, type ToolServer } from '../support/tool-server.js';

const MCP = { accept: 'application/json, text/event-stream' };
const tool = (name: string): string => ECHO_TEXT.replace('"echo"', JSON.stringify(name));
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');
const NAMES = ['echo', 'delete_all', 'read_secret_data', 'send_out', 'vault', 'limited', 'changed', 'gone'] as const;

let server: ToolServer;
let gateway: GatewayProcess;

function registered(name: string, more: Record<string, unknown> = {}) {
  return { name, upstream: server.url, hash: hashOf(tool(name)), description: 'Return the given text', input_schema: { type: 'object' }, ...more };
}

function call(name: string, args: unknown = {}, id: unknown = 1): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } });
}

/** The record of the newest request, once the answer is here: its line was durable before. */
function lastRecord(): Record<string, unknown> {
  const record = gateway.lines('request').at(-1);
  if (record === undefined) throw new Error('no record');
  return record;
}

function verdicts(record: Record<string, unknown>): string[] {
  return (record['layers_traversed'] as { verdict: string }[]).map((layer) => layer.verdict);
}

function expectRefusal(answer: HttpAnswer, status: number, code: string, step: number): void {
  expect({ status: answer.status, code: answer.json['code'], step: answer.json['middleware_step'] }).toEqual({ status, code, step });
  expect(answer.json['error']).toMatchObject({ code: status, data: { code } });
  const record = lastRecord();
  expect(record).toMatchObject({ decision_id: answer.json['decision_id'], decision: 'DENY', code, status });
  const words = verdicts(record);
  expect(words).toHaveLength(13);
  if (step >= 1 && step <= 13) {
    expect(words[step - 1]).toMatch(/deny|fault/);
    expect(words.slice(step).every((word) => word === 'not_reached')).toBe(true);
  }
}

beforeAll(async () => {
  server = await startToolServer({ tools: NAMES.filter((name) => name !== 'gone').map(tool) });
  gateway = await startGateway({
    config: { front: { body_bytes_max: 4096 }, breaker: { failures_to_open: 2, reset_timeout_s: 3600 }, upstream: { answer_timeout_ms: 1000 } },
    policies: { 'all.rego': `${permitAll()}\nallow if {\n\tinput.caller_spiffe_id == "spiffe://poc.local/agents/mcp-client/other/dev"\n\tinput.tool_name in {"echo", "vault"}\n}\n` },
    identities: { default: CALLER, identities: [{ spiffe_id: CALLER }, { spiffe_id: 'spiffe://poc.local/agents/mcp-client/other/dev' }] },
    tools: [
      registered('echo'), registered('delete_all', { risk_level: 'critical' }), registered('read_secret_data', { classification: 'sensitive' }), registered('send_out', { external: true }),
      registered('vault', { required_scope: 'vault.read' }), registered('limited', { rate_limit: { per_minute: 1, burst: 2 } }), registered('changed', { hash: hashOf('another definition') }), registered('gone'),
    ],
  });
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

describe('a request over the wire', () => {
  it('that every layer allows reaches the tool once, and its record shows 13 verdicts', async () => {
    const before = server.seen.length;
    const answer = await gateway.post(call('echo', { text: 'hi' }));
    expect(answer.status).toBe(200);
    expect(answer.json['id']).toBe(1);
    expect(server.seen.slice(before).filter((seen) => seen.rpcMethod === 'tools/call')).toHaveLength(1);
    expect(verdicts(lastRecord())).toEqual(['pass', 'pass', 'pass', 'pass', 'pass', 'pass', 'pass', 'pass', 'pass', 'skipped', 'pass', 'pass', 'pass']);
  });

  it('1: is refused at the byte that passes the limit, not one earlier', async () => {
    const head = call('echo', { text: '' }).length;
    expect((await gateway.post(call('echo', { text: 'x'.repeat(4096 - head) }))).status).toBe(200);
    expectRefusal(await gateway.post(call('echo', { text: 'x'.repeat(4097 - head) })), 413, 'request_too_large', 1);
  });

  it.each([
    ['bad JSON', '{"jsonrpc"', -32700], ['a repeated key', '{"jsonrpc":"2.0","id":1,"method":"ping","id":2}', -32600], ['a lone surrogate', '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"\\ud800"}}', -32600],
    ['great depth', '['.repeat(1000), -32600], ['a batch', '[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600], ['no object', '"text"', -32600], ['a null id', '{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600],
  ])('2: with %s is refused with the specs\' own code', async (_what, body, rpcCode) => {
    const answer = await gateway.post(body);
    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({ code: 'mcp_invalid_request', middleware_step: 2, error: { code: rpcCode } });
    expect(lastRecord()).toMatchObject({ code: 'mcp_invalid_request', decision: 'DENY', status: 400 });
  });

  it('2: of another media type is refused', async () => {
    expect((await gateway.post(call('echo'), { 'content-type': 'text/plain' })).json['code']).toBe('mcp_invalid_request');
  });

  it.each([
    ['an unregistered identity', { 'x-spiffe-id': 'spiffe://poc.local/agents/mcp-client/nobody/dev' }], ['a foreign trust domain', { 'x-spiffe-id': 'spiffe://evil.example/agents/mcp-client/my-agent/dev' }], ['no SPIFFE ID', { 'x-spiffe-id': 'root' }],
  ])('3: with %s is refused', async (_what, headers) => {
    expectRefusal(await gateway.post(call('echo'), headers), 401, 'auth_invalid_identity', 3);
  });

  it('3: with a bearer token nobody can check is refused, and never falls back to the default identity', async () => {
    const answer = await gateway.http('POST', '/', { 'content-type': 'application/json', authorization: 'Bearer x.y.z' }, call('echo'));
    expectRefusal(answer, 401, 'auth_invalid_bearer_token', 3);
    expect(answer.headers['www-authenticate']).toContain('resource_metadata');
  });

  it('3: names its caller by header, by path, or not at all', async () => {
    await gateway.http('POST', '/as/other/dev', { 'content-type': 'application/json' }, call('echo'));
    expect(lastRecord()).toMatchObject({ spiffe_id: 'spiffe://poc.local/agents/mcp-client/other/dev', auth_method: 'path_declared', decision: 'ALLOW' });
    await gateway.http('POST', '/', { 'content-type': 'application/json' }, call('echo'));
    expect(lastRecord()).toMatchObject({ spiffe_id: CALLER, auth_method: 'default_identity' });
  });

  it('5: for an unknown, a changed or an unserved tool is refused', async () => {
    expectRefusal(await gateway.post(call('nothing')), 403, 'registry_tool_unknown', 5);
    expectRefusal(await gateway.post(call('changed')), 403, 'registry_hash_mismatch', 5);
    expectRefusal(await gateway.post(call('gone')), 503, 'registry_tool_unverified', 5);
  });

  it('6: that no policy permits is refused, to an MCP client as its protocol\'s error', async () => {
    const other = { 'x-spiffe-id': 'spiffe://poc.local/agents/mcp-client/other/dev' };
    expectRefusal(await gateway.post(call('send_out'), other), 403, 'authz_policy_denied', 6);
    const answer = await gateway.post(call('send_out', {}, 'id-7'), { ...other, ...MCP });
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ jsonrpc: '2.0', id: 'id-7', error: { code: 403, data: { code: 'authz_policy_denied' } } });
    expect(answer.json).not.toHaveProperty('code');
  });

  it.each([
    ['plain', `key ${'AKIA'}${'Q'.repeat(16)}`], ['base64', Buffer.from(`key ${'AKIA'}${'Q'.repeat(16)} end`).toString('base64')], ['percent-encoded', encodeURIComponent(`key=${'AKIA'}${'Q'.repeat(16)}`).replace('AKIA', '%41KIA')],
  ])('7: with a credential, %s, is refused and never repeats it', async (_how, text) => {
    const answer = await gateway.post(call('echo', { text }));
    expectRefusal(answer, 403, 'dlp_credentials_detected', 7);
    expect(answer.text + JSON.stringify(lastRecord())).not.toContain('Q'.repeat(16));
  });

  it('7: with a credential behind JSON escapes is refused', async () => {
    const body = call('echo', { text: 'HIDE' }).replace('HIDE', `\\u0041KIA${'Q'.repeat(16)}`);
    expectRefusal(await gateway.post(body), 403, 'dlp_credentials_detected', 7);
  });

  it('11: above the tool\'s rate is refused with the time to wait', async () => {
    for (let i = 0; i < 2; i++) expect((await gateway.post(call('limited'))).status).toBe(200);
    const answer = await gateway.post(call('limited'));
    expectRefusal(answer, 429, 'ratelimit_exceeded', 11);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(answer.headers['x-ratelimit-limit']).toBeDefined();
  });

  it('9: to a critical tool waits for a person, works once, and only for the identical call', async () => {
    const asked = await gateway.post(call('delete_all', { what: 'x', where: 'y' }));
    expectRefusal(asked, 403, 'stepup_approval_required', 9);
    const id = (asked.json['details'] as { request_id: string }).request_id;
    const { json } = await gateway.control('GET', `/v1/approvals/${id}`);
    const request = json['approval'] as ApprovalRequest;
    const approvers = join(gateway.dir, '.precinct', 'approvers');
    createApprover(approvers, 'alice', undefined);
    const signature = signDecision(approvers, 'alice', undefined, request, 'approve');
    expect((await gateway.control('POST', `/v1/approvals/${id}/decide`, { decision: 'deny', approver: 'alice', signature })).status).toBe(403);
    expect((await gateway.control('POST', `/v1/approvals/${id}/decide`, { decision: 'approve', approver: 'alice', signature })).status).toBe(200);
    expect((await gateway.post(call('delete_all', { what: 'x', where: 'z' }))).json['code']).toBe('stepup_approval_required');
    const reordered = '{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"arguments":{ "where":"y" , "what":"\\u0078"},"name":"delete_all"}}';
    expect((await gateway.post(reordered)).status).toBe(200);
    expect(gateway.lines('intent').at(-1)).toMatchObject({ tool: 'delete_all', decision_id: lastRecord()['decision_id'] });
    expectRefusal(await gateway.post(reordered), 403, 'stepup_approval_required', 9);
  });

  it('13: never reaches a tool without scope with a secret, and a redeemed secret never comes back', async () => {
    const other = 'spiffe://poc.local/agents/mcp-client/other/dev';
    const value = 'hunter2-hunter2-hunter2';
    expect((await gateway.control('POST', '/v1/secrets/put', { name: 'db', owner: other, scope: 'vault.read', value })).status).toBe(200);
    const { json } = await gateway.control('POST', '/v1/secrets/issue', { name: 'db', ttl_s: 600 });
    const token = String(json['token']);
    expectRefusal(await gateway.post(call('echo', { text: token }), { 'x-spiffe-id': other }), 403, 'token_scope_failed', 13);
    expectRefusal(await gateway.post(call('vault', { text: token })), 403, 'token_ownership_failed', 13);
    expectRefusal(await gateway.post(call('vault', { text: '$SPIKE{ref' }), { 'x-spiffe-id': other }), 400, 'invalid_spike_token', 13);
    const answer = await gateway.post(call('vault', { text: `pw=${token}` }), { 'x-spiffe-id': other });
    expect(answer.status).toBe(200);
    expect(server.seen.at(-1)?.body).toContain(`pw=${value}`);
    expect(answer.text).not.toContain(value);
    expect(answer.text).not.toContain(Buffer.from(value).toString('base64').slice(4, 20));
    expect(readFileSync(join(gateway.dir, '.precinct', 'audit', 'audit.jsonl'), 'utf8') + gateway.stderr()).not.toContain(value);
  });

  it('8: that would send out after sensitive data was read is refused, in a new session and statelessly', async () => {
    expect((await gateway.post(call('read_secret_data', { text: 'x' }))).status).toBe(200);
    expectRefusal(await gateway.post(call('send_out', { to: 'https://evil.example/x' })), 403, 'exfiltration_detected', 8);
    const opened = await gateway.post('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}', MCP);
    const session = String(opened.headers['mcp-session-id']);
    expect((await gateway.post(call('send_out', { to: 'https://evil.example/x' }), { 'mcp-session-id': session })).json['code']).toBe('exfiltration_detected');
    expect((await gateway.post(call('echo'), { 'mcp-session-id': session, 'x-spiffe-id': 'spiffe://poc.local/agents/mcp-client/other/dev' })).status).toBe(404);
    expect((await gateway.post(call('echo'), { 'mcp-session-id': 'f'.repeat(48) })).json['code']).toBe('session_not_found');
  });

  it('12: is stopped after failures of the tool\'s server, but never by callers who hang up', async () => {
    server.answering = 'http_500';
    server.answeringFor = ['tools/call'];
    for (let i = 0; i < 2; i++) expect((await gateway.post(call('echo'))).json['code']).toBe('mcp_request_failed');
    server.answering = 'json';
    const answer = await gateway.post(call('echo'));
    expectRefusal(answer, 503, 'circuit_open', 12);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  });
});
