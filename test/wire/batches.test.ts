// JSON-RPC batches, which 2025-03-26 has: every message of one crosses all layers and has its record, whatever stands beside it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CALLER, startGateway, type GatewayProcess, type HttpAnswer } from '../support/gateway-process.js';
import { jsonAnswer, resultFor, sseHead, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { call, codeOf, MCP, openSession, registration, toolText } from './calls.js';

const POLICY = `package precinct.authz\n\nimport rego.v1\n\nallow if {\n\tinput.caller_spiffe_id == "${CALLER}"\n\tinput.tool_name != "forbidden"\n}\n`;
const VERSION = { ...MCP, 'mcp-protocol-version': '2025-03-26' };
const PING = '{"jsonrpc":"2.0","id":"p","method":"ping"}';
const NOTIFICATION = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}';

let server: ScriptedServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startScriptedServer(['echo', 'forbidden'].map(toolText));
  gateway = await startGateway({
    policies: { 'most.rego': POLICY }, tools: ['echo', 'forbidden'].map((name) => registration(name, server.url)), config: { threads: { gateway: 2 }, audit: { unidentified_per_second: 10_000 }, rate_limit: { per_minute: 10_000, burst: 1000 } },
  });
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

async function post(messages: readonly string[], headers: Readonly<Record<string, string>> = VERSION): Promise<{ readonly answer: HttpAnswer; readonly answers: readonly Record<string, unknown>[]; readonly lines: readonly Record<string, unknown>[]; readonly calls: number }> {
  const [seenBefore, linesBefore] = [server.of('tools/call').length, gateway.lines('request').length];
  const answer = await gateway.post(`[${messages.join(', ')}]`, headers);
  return { answer, answers: answer.text.startsWith('[') ? (JSON.parse(answer.text) as Record<string, unknown>[]) : [], lines: gateway.lines('request').slice(linesBefore), calls: server.of('tools/call').length - seenBefore };
}

const errorCode = (answer: Record<string, unknown> | undefined): unknown => (answer?.['error'] as { data?: { code?: unknown } } | undefined)?.data?.code;

describe('a batch', () => {
  it('is answered in its order, each message by its own layers, and is as many records', async () => {
    server.script = (seen, response) => setTimeout(() => jsonAnswer(response, resultFor(seen.idText, 'fine')), seen.body.includes('"slow"') ? 30 : 0);
    const { answer, answers, lines, calls } = await post([call('echo', { text: 'slow' }, 'a'), call('forbidden', {}, 2), NOTIFICATION, PING, call('echo', { key: `AKIA${'Q'.repeat(16)}` }, 4), '7', call('echo', {}, 'z')]);
    expect([answer.status, answer.headers['content-type'], calls]).toEqual([200, 'application/json', 2]);
    expect(answers.map(({ id }) => id)).toEqual(['a', 2, 'p', 4, null, 'z']);
    expect(answers.map(errorCode)).toEqual([undefined, 'authz_policy_denied', undefined, 'dlp_credentials_detected', 'mcp_invalid_request', undefined]);
    // As an MCP client reads it: nothing beside the members of JSON-RPC.
    expect(Object.keys(answers[1] ?? {})).toEqual(['jsonrpc', 'id', 'error']);
    expect(lines.map(({ decision }) => decision).sort()).toEqual(['ALLOW', 'ALLOW', 'ALLOW', 'ALLOW', 'DENY', 'DENY', 'DENY']);
    expect(new Set(lines.map(({ decision_id: decisionId }) => decisionId)).size).toBe(7);
  });

  it('of notifications is accepted without an answer', async () => {
    const { answer, lines } = await post([NOTIFICATION, NOTIFICATION]);
    expect([answer.status, answer.text, lines.length]).toEqual([202, '', 2]);
  });

  it('takes a tool\'s answer that streams as a whole one', async () => {
    server.script = ({ idText }, response) => {
      sseHead(response);
      response.end(`data: ${NOTIFICATION}\n\ndata: ${resultFor(idText, 'streamed')}\n\n`);
    };
    const { answer, answers } = await post([call('echo', {}, 1), call('echo', {}, 2)]);
    expect([answer.status, answers]).toMatchObject([200, [{ id: 1, result: { content: [{ text: 'streamed' }] } }, { id: 2, result: {} }]]);
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
  });

  it('may not open a session', async () => {
    const { answers, lines } = await post(['{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}', PING]);
    expect(answers).toMatchObject([{ id: 0, error: { code: -32600, data: { code: 'mcp_invalid_request', reason: 'batch' } } }, { id: 'p', result: {} }]);
    expect(lines).toHaveLength(2);
  });

  it('belongs to a session of that version, on whichever thread that lies, and to no other session', async () => {
    const old = await openSession(gateway, { 'x-spiffe-id': CALLER }, { protocolVersion: '2025-03-26' });
    const { 'mcp-protocol-version': _version, ...headers } = old;
    for (let n = 0; n < 6; n++) {
      const { answer, answers, calls } = await post([call('echo', {}, 1), PING], headers);
      expect([answer.status, answers.map(({ id }) => id), calls]).toEqual([200, [1, 'p'], 1]);
    }
    const recent = await openSession(gateway);
    for (const version of ['2025-11-25', '2025-03-26']) {
      const { answer, lines, calls } = await post([call('echo', {}, 1)], { ...recent, 'mcp-protocol-version': version });
      expect([answer.status, codeOf(answer), lines.length, calls]).toEqual([400, 'mcp_invalid_request', 1, 0]);
    }
  });

  it('without an identity, or of a session that is gone, is refused as one with its status', async () => {
    const stranger = await post([PING, call('echo')], { ...VERSION, 'x-spiffe-id': 'spiffe://poc.local/agents/mcp-client/nobody/dev' });
    expect([stranger.answer.status, stranger.calls, stranger.lines.length]).toEqual([401, 0, 2]);
    const gone = await post([PING, call('echo')], { ...VERSION, 'mcp-session-id': 'f'.repeat(48) });
    expect([gone.answer.status, gone.answers.map(errorCode), gone.lines.length]).toEqual([404, ['session_not_found', 'session_not_found'], 2]);
  });

  it('of no version, of another, or of too many messages is refused whole', async () => {
    for (const [messages, headers] of [[[PING], MCP], [[PING], { ...MCP, 'mcp-protocol-version': '2025-06-18' }], [Array.from({ length: 51 }, () => PING), VERSION], [[], VERSION]] as const) {
      const { answer, lines, calls } = await post(messages, headers);
      expect([answer.status, codeOf(answer), lines.length, calls]).toEqual([400, 'mcp_invalid_request', 1, 0]);
    }
  });
});
