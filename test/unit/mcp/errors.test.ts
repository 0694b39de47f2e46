// Refusals as SPEC section 3 wants them on the wire, for every code of the table.
import { describe, expect, it } from 'vitest';
import { ERRORS, type ErrorCode } from '../../../src/base/errors/table.js';
import { renderRefusal, type RefusalFacts } from '../../../src/mcp/errors.js';

const FACTS: RefusalFacts = { decisionId: 'd-1', traceId: 't-1', idText: '7', isMcpClient: false, resourceMetadataUrl: 'http://localhost:9090/.well-known/oauth-protected-resource' };
const CODES = Object.keys(ERRORS) as ErrorCode[];

interface Body {
  jsonrpc: string; id: unknown; code?: string; middleware?: string; middleware_step?: number;
  error: { code: number; message: string; data: Record<string, unknown> };
}
const bodyOf = (text: string) => JSON.parse(text) as Body;
const headersOf = (pairs: readonly (readonly [string, string])[]) => new Map(pairs);

describe('a caller that is no MCP client', () => {
  it.each(CODES)('gets %s with its status, flat and as a JSON-RPC error', (code) => {
    const { status, body } = renderRefusal({ code }, FACTS);
    const parsed = bodyOf(body);
    const row = ERRORS[code];
    expect(status).toBe(row.status);
    expect(parsed).toMatchObject({ jsonrpc: '2.0', id: 7, code, middleware: row.middleware, middleware_step: row.step, decision_id: 'd-1', trace_id: 't-1', docs_url: `docs/error-codes.md#${code}` });
    expect(parsed.error).toMatchObject({ code: row.status, message: row.message, data: { code, remediation: row.remediation } });
  });
});

describe('an MCP client', () => {
  it.each(CODES)('gets %s in band unless the step keeps its status', (code) => {
    const { status, body } = renderRefusal({ code }, { ...FACTS, isMcpClient: true });
    const row = ERRORS[code];
    expect(status).toBe([0, 1, 2, 3, 11, 12].includes(row.step) ? row.status : 200);
    expect(Object.keys(bodyOf(body)).sort()).toEqual(['error', 'id', 'jsonrpc']);
    expect(bodyOf(body).error).toMatchObject({ code: row.status, data: { code, message: row.message, remediation: row.remediation } });
    expect(bodyOf(body).error.message).toBe(code === 'stepup_approval_required' ? `${row.message} [${code}]` : `${row.message} [${code}] ${row.remediation}`);
  });
  it('is not told in the message how to approve its own call', () => {
    const { body } = renderRefusal({ code: 'stepup_approval_required', remediation: 'Ask an approver to run: agw approvals approve a-1' }, { ...FACTS, isMcpClient: true });
    expect(bodyOf(body).error.message).not.toContain('a-1');
    expect(bodyOf(body).error.data).toMatchObject({ remediation: 'Ask an approver to run: agw approvals approve a-1' });
  });
  it('gets the HTTP status where there is no id to answer', () => {
    const { status, body } = renderRefusal({ code: 'authz_policy_denied' }, { ...FACTS, isMcpClient: true, idText: undefined });
    expect(status).toBe(403);
    expect(bodyOf(body).id).toBeNull();
  });
});

describe('docs_url', () => {
  it.each([[undefined, ''], ['', ''], ['https://git.example/p/blob/main', 'https://git.example/p/blob/main/'], ['https://git.example/p/', 'https://git.example/p/']])('of %j begins with %j', (docsBaseUrl, base) => {
    const { body } = renderRefusal({ code: 'circuit_open' }, { ...FACTS, docsBaseUrl });
    expect(JSON.parse(body)).toMatchObject({ docs_url: `${base}docs/error-codes.md#circuit_open` });
  });
});

describe('details', () => {
  it('splices the id in as it was written', () => {
    expect(renderRefusal({ code: 'gateway_fault' }, { ...FACTS, idText: '9007199254740993' }).body).toContain('"id":9007199254740993,');
    expect(renderRefusal({ code: 'gateway_fault' }, { ...FACTS, idText: '"a\\"b"' }).body).toContain('"id":"a\\"b",');
  });
  it('keeps the number, the status and the data of a protocol error', () => {
    const { status, body } = renderRefusal({ rpcCode: -32022, httpStatus: 400, message: 'm', idText: '7', data: { supported: ['v'] } }, { ...FACTS, isMcpClient: true });
    expect(status).toBe(400);
    expect(bodyOf(body).error).toMatchObject({ code: -32022, data: { supported: ['v'], code: 'mcp_invalid_request' } });
    expect(renderRefusal({ rpcCode: -32601, httpStatus: 404, message: 'm', idText: '7' }, FACTS).status).toBe(404);
  });
  it.each([-32601, -32602, -32020, -32022])('has another remedy for %i, a message that is wrong, than for a body that is none', (rpcCode) => {
    const remedyOf = (cause: Parameters<typeof renderRefusal>[0]): unknown => bodyOf(renderRefusal(cause, FACTS).body).error.data['remediation'];
    const none = remedyOf({ rpcCode: -32700, httpStatus: 400, message: 'm', idText: undefined });
    expect(none).toBe(ERRORS.mcp_invalid_request.remediation);
    expect([none, undefined]).not.toContain(remedyOf({ rpcCode, httpStatus: 400, message: 'm', idText: '7' }));
    expect(remedyOf({ rpcCode, httpStatus: 400, message: 'm', idText: '7', remediation: 'its own' })).toBe('its own');
  });
  it('challenges on 401, and quotes nothing foreign', () => {
    const { headers } = renderRefusal({ code: 'auth_missing_identity' }, { ...FACTS, resourceMetadataUrl: 'http://h/"\r\nx: y' });
    expect(headersOf(headers).get('www-authenticate')).toBe('Bearer resource_metadata="http://h/x: y"');
    expect(headersOf(renderRefusal({ code: 'auth_invalid_bearer_token' }, FACTS).headers).get('www-authenticate')).toContain('error="invalid_token"');
    expect(headersOf(renderRefusal({ code: 'authz_policy_denied' }, FACTS).headers).has('www-authenticate')).toBe(false);
  });
  it('says when to retry, and carries a layer\'s own headers', () => {
    const { headers } = renderRefusal({ code: 'ratelimit_exceeded', retryAfterSeconds: 3, headers: { 'x-ratelimit-limit': '10' } }, FACTS);
    expect(headersOf(headers).get('retry-after')).toBe('3');
    expect(headersOf(headers).get('x-ratelimit-limit')).toBe('10');
    expect(headersOf(renderRefusal({ code: 'gateway_overloaded' }, FACTS).headers).get('retry-after')).toBe('1');
  });
  it('shows a layer\'s reason, details and remedy', () => {
    const { body } = renderRefusal({ code: 'stepup_approval_required', reasonCode: 'critical_tool', details: { request_id: 'r' }, remediation: 'do' }, FACTS);
    expect(bodyOf(body)).toMatchObject({ reason_code: 'critical_tool', details: { request_id: 'r' }, remediation: 'do' });
  });
});
