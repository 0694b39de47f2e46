// What a caller gets, and what the record says, when a tool's server fails in each of its ways.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { ECHO_TEXT, startToolServer, type Answering, type ToolServer } from '../support/tool-server.js';

const CALL = '{"jsonrpc":"2.0","id":"q1","method":"tools/call","params":{"name":"echo","arguments":{"text":"hi"}}}';

let server: ToolServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startToolServer({ tools: [ECHO_TEXT] });
  gateway = await startGateway({
    config: { upstream: { answer_timeout_ms: 400, idle_timeout_ms: 400, answer_bytes_max: 65_536 }, breaker: { failures_to_open: 1000 } },
    policies: { 'all.rego': permitAll() },
    tools: [{ name: 'echo', upstream: server.url, hash: createHash('sha256').update(ECHO_TEXT).digest('hex'), description: 'Return the given text' }],
  });
  expect((await gateway.post(CALL)).status).toBe(200);
  server.answeringFor = ['tools/call'];
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

describe('a tool server', () => {
  it.each<[Answering, number, string]>([
    ['hang', 504, 'mcp_timeout'], ['html', 502, 'mcp_invalid_response'], ['bad_json', 502, 'mcp_invalid_response'], ['redirect', 502, 'mcp_request_failed'], ['http_500', 502, 'mcp_request_failed'],
    ['gzip', 502, 'mcp_invalid_response'], ['length_too_long', 502, 'mcp_transport_failed'], ['not_http', 502, 'mcp_invalid_response'], ['two_content_types', 502, 'mcp_invalid_response'], ['big_header', 502, 'mcp_invalid_response'],
  ])('that answers with %s gives the caller %d %s, and the record too', async (answering, status, code) => {
    server.answering = answering;
    const answer = await gateway.post(CALL);
    expect({ status: answer.status, code: answer.json['code'], id: answer.json['id'] }).toEqual({ status, code, id: 'q1' });
    expect(gateway.lines('request').at(-1)).toMatchObject({ decision: 'ALLOW', code, status, tool: 'echo', decision_id: answer.json['decision_id'] });
  });

  it('that dies in the middle of its answer never passes for a whole one', async () => {
    server.answering = 'die_mid_stream';
    const answer = await gateway.post(CALL);
    expect(answer.status).toBe(502);
    expect(gateway.lines('request').at(-1)).toMatchObject({ code: answer.json['code'] });
  });

  it('that answers with more than the limit is refused', async () => {
    server.answering = 'json';
    server.answerBytes = 100_000;
    expect((await gateway.post(CALL)).json['code']).toBe('mcp_invalid_response');
    server.answerBytes = 0;
  });

  it('that lost the session is asked once more in a new one', async () => {
    server.answering = 'json';
    server.forgetSessions();
    const before = server.seen.length;
    expect((await gateway.post(CALL)).status).toBe(200);
    expect(server.seen.slice(before).map((seen) => seen.rpcMethod).filter((method) => method === 'initialize').length).toBeLessThanOrEqual(1);
  });

  it('that is in order again serves at once', async () => {
    expect((await gateway.post(CALL)).status).toBe(200);
  });

  it('whose JSON-RPC error is the answer passes it on', async () => {
    server.answering = 'rpc_error';
    const answer = await gateway.post(CALL);
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ id: 'q1', error: {} });
    expect(answer.json).not.toHaveProperty('code');
  });

  it.each<Answering>(['sse', 'sse_chatty'])('that streams its answer (%s) serves a caller that reads JSON', async (answering) => {
    server.answering = answering;
    const answer = await gateway.post(CALL);
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ jsonrpc: '2.0', id: 'q1', result: {} });
  });

  it.each([['sse_chatty', 2], ['sse', 1]] as const)('that streams is passed on event by event to an MCP client, and in one where its answer is all there is (%s)', async (answering, lines) => {
    server.answering = answering;
    const answer = await gateway.post(CALL, { accept: 'application/json, text/event-stream' });
    expect(answer.headers['content-type']).toBe('text/event-stream');
    expect(answer.text).toContain('"id":"q1"');
    const request = gateway.lines('request').at(-1);
    expect(request).toMatchObject({ decision: 'ALLOW', status: 200, code: null });
    const ends = gateway.lines('stream_end').filter((line) => line['decision_id'] === request?.['decision_id']);
    expect(ends).toHaveLength(lines - 1);
    if (lines === 2) expect(ends).toMatchObject([{ status: 200, code: null }]);
  });
});
