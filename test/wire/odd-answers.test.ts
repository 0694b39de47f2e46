// Answers that are not passed on though their server is well: a caller that can provoke them must not stop the tool for everybody. And what is cut out of others.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { jsonAnswer, resultFor, sseHead, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { call, codeOf, MCP, registration, toolText } from './calls.js';

const FAILURES_TO_OPEN = 2;
const ANSWER_MAX = 64 * 1024;
const KEY = `AKIA${'Q'.repeat(16)}`;
const CARD = '4111111111111111';

let server: ScriptedServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startScriptedServer(['echo', 'ill'].map(toolText));
  gateway = await startGateway({
    policies: { 'all.rego': permitAll() }, tools: ['echo', 'ill'].map((name) => registration(name, server.url)),
    config: { upstream: { answer_bytes_max: ANSWER_MAX }, breaker: { failures_to_open: FAILURES_TO_OPEN, reset_timeout_s: 3600 }, response: { pii: 'redact' }, rate_limit: { per_minute: 60_000, burst: 1000 } },
  });
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

const result = (idText: string, inner: string): string => `{"jsonrpc":"2.0","id":${idText},"result":${inner}}`;

const ODD: readonly (readonly [string, (idText: string) => string])[] = [
  ['duplicate_key', (id) => result(id, '{"a":1,"a":2}')], ['lone_surrogate', (id) => result(id, '{"a":"\\ud83d"}')], ['depth', (id) => result(id, `{"a":${'['.repeat(100)}${']'.repeat(100)}}`)],
  ['ambiguous_key', (id) => result(id, '{},"Result":{"content":[]}')], ['answer_too_large', (id) => resultFor(id, 'x'.repeat(ANSWER_MAX + 1))],
];

describe('an answer that is not passed on', () => {
  it.each(ODD)('because of %s is refused as such, whole and streamed, and opens no breaker', async (reason, answerOf) => {
    for (let n = 0; n <= FAILURES_TO_OPEN; n++) {
      server.script = ({ idText }, response) => jsonAnswer(response, answerOf(idText));
      const answer = await gateway.post(call('echo'));
      expect({ status: answer.status, code: answer.json['code'], reason: answer.json['reason_code'] }).toEqual({ status: 502, code: 'mcp_invalid_response', reason });
      server.script = ({ idText }, response) => {
        sseHead(response);
        response.end(`data: ${answerOf(idText)}\n\n`);
      };
      const streamed = await gateway.post(call('echo', {}, 's'), MCP);
      expect(JSON.parse(streamed.text.slice(streamed.text.indexOf('{')).split('\n')[0] ?? '')).toMatchObject({ id: 's', error: { data: { code: 'mcp_invalid_response' } } });
    }
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
    expect((await gateway.post(call('echo'))).status).toBe(200);
  });

  it('because it is no answer at all opens the breaker: that server is not well', async () => {
    server.script = (_request, response) => jsonAnswer(response, '{"jsonrpc":"2.0","id":');
    for (let n = 0; n < FAILURES_TO_OPEN; n++) expect(codeOf(await gateway.post(call('ill')))).toBe('mcp_invalid_response');
    expect(codeOf(await gateway.post(call('ill')))).toBe('circuit_open');
  });
});

describe('what is cut out of an answer', () => {
  it.each([
    ['all of it, not only the first', `${KEY} and AKIA${'R'.repeat(16)}, card ${CARD} and 5500000000000004`], ['in base64', Buffer.from(`key ${KEY} end`).toString('base64')],
  ])('%s', async (_what, text) => {
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, text));
    const whole = await gateway.post(call('echo'));
    server.script = ({ idText }, response) => {
      sseHead(response);
      response.end(`data: ${resultFor(idText, text)}\n\n`);
    };
    const streamed = await gateway.post(call('echo'), MCP);
    for (const answer of [whole, streamed]) {
      expect(answer.status).toBe(200);
      expect(answer.text).toContain('[redacted:aws-access-key-id]');
      for (const secret of [KEY, 'R'.repeat(16), CARD, '5500000000000004', Buffer.from(KEY).toString('base64').slice(4, 20)]) expect(answer.text).not.toContain(secret);
    }
    expect(JSON.stringify(gateway.lines())).not.toContain(KEY);
  });

  it('that could not be cut without breaking it is withheld', async () => {
    server.script = ({ idText }, response) => jsonAnswer(response, result(idText, `{"n":${CARD}}`));
    const answer = await gateway.post(call('echo'));
    expect({ status: answer.status, code: codeOf(answer) }).toEqual({ status: 502, code: 'response_blocked' });
    expect(answer.text).not.toContain(CARD);
  });
});
