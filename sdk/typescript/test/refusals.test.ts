// Refusals in every shape that the gateway has, of every code.
import { describe, expect, it } from 'vitest';
import { AuthorizationError, GatewayError, UpstreamError } from '../src/index.js';
import { CODES } from '../src/codes.js';
import { FAMILIES } from '../src/families.js';
import { startCalls } from './support/calls.js';
import { events, json, refusal, type Play } from './support/scripted-gateway.js';

const { callFails } = await startCalls();

describe('a refusal', () => {
  const facts = {
    code: 'authz_policy_denied', step: 6, middleware: 'opa_policy', reasonCode: 'because', message: 'No.', decisionId: 'd', traceId: 'a'.repeat(32), details: { tool: 't' }, remediation: 'Ask.', docsUrl: 'docs',
  };
  const wire = { code: 'authz_policy_denied', message: 'No.', middleware: 'opa_policy', middleware_step: 6, reason_code: 'because', decision_id: 'd', trace_id: 'a'.repeat(32), details: { tool: 't' }, remediation: 'Ask.', docs_url: 'docs' };

  it.each<[string, Play, number]>([
    ['JSON-RPC error on 200', json({ jsonrpc: '2.0', id: 1, error: { code: 403, message: 'No.', data: wire } }), 200],
    ['within an event', events({ jsonrpc: '2.0', id: '$id', error: { code: 403, message: 'No.', data: wire } }), 200],
    ['flat, with its status', json({ jsonrpc: '2.0', id: 1, error: { code: 403, message: 'No.', data: wire }, ...wire }, 403), 403],
    ['flat, of a body that could not be read', json({ jsonrpc: '2.0', id: null, error: { code: 403, message: 'No.' }, ...wire }, 403), 403],
    ['the envelope alone', json(wire, 403), 403],
  ])('%s', async (_shape, play, httpStatus) => {
    const error = await callFails(play);
    expect(error).toBeInstanceOf(AuthorizationError);
    expect(error).toMatchObject({ ...facts, httpStatus, name: 'AuthorizationError', retryAfter: undefined });
    const { details: _details, ...logged } = facts;
    const json = JSON.parse(JSON.stringify(error)) as Record<string, unknown>;
    expect(json).toMatchObject({ name: 'AuthorizationError', ...logged });
    expect(json).not.toHaveProperty('details'); // they may repeat what the call said
  });

  it.each(Object.entries(CODES))('%s is of its family', async (code, row) => {
    const error = await callFails(refusal(code, { rpcCode: row.status, status: row.status, more: { middleware_step: row.step } }));
    expect(error).toBeInstanceOf(FAMILIES[row.family]);
    expect(error).toBeInstanceOf(GatewayError);
    expect(error).toMatchObject({ code, step: row.step, name: code === 'session_not_found' ? 'SessionExpiredError' : row.family });
  });

  it('of a code of later is of its step\'s family, or of none', async () => {
    expect(await callFails(refusal('brand_new', { more: { middleware_step: 14 } }))).toBeInstanceOf(UpstreamError);
    const other = await callFails(refusal('brand_new', { more: { middleware_step: 77 } }));
    expect([other.name, other.constructor]).toEqual(['GatewayError', GatewayError]);
  });

  it('takes the longest wait that header and envelope name', async () => {
    expect(await callFails(refusal('ratelimit_exceeded', { rpcCode: 429, status: 429, headers: { 'retry-after': '7' }, more: { details: { retry_after_seconds: 3 } } }))).toMatchObject({ name: 'RateLimitError', retryAfter: 7 });
    expect(await callFails(refusal('ratelimit_exceeded', { rpcCode: 429, status: 200, more: { details: { retry_after_seconds: 3 } } }))).toMatchObject({ retryAfter: 3 });
    const http = new Date(1_800_000_000_000 + 9_000).toUTCString();
    expect(await callFails(refusal('ratelimit_exceeded', { rpcCode: 429, status: 429, headers: { 'retry-after': http } }))).toMatchObject({ retryAfter: 9 });
    expect(await callFails(refusal('ratelimit_exceeded', { rpcCode: 429, status: 429, headers: { 'retry-after': '10000000000' } }))).toMatchObject({ retryAfter: 10_000_000_000 });
    for (const nonsense of ['soon', 'soon 2030', '1.5', '-5']) expect(await callFails(refusal('ratelimit_exceeded', { rpcCode: 429, status: 429, headers: { 'retry-after': nonsense } }))).toMatchObject({ retryAfter: undefined });
  });

  it('of a protocol error keeps its number', async () => {
    expect(await callFails(refusal('mcp_invalid_request', { rpcCode: -32022, status: 400, more: { middleware_step: 2, supported: ['2025-11-25'] } }))).toMatchObject({ name: 'InvalidRequestError', rpcCode: -32022, httpStatus: 400 });
  });
});
