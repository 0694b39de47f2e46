// What stands beside an event's data (comments, ids, event names) crosses the response firewall as well, in a call's stream and in a session's own.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CALLER, permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { resultFor, sseHead, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { call, codeOf, eventually, MCP, openSession, openStream, registration, toolText } from './calls.js';

const SECRET = 'a-secret-of-some-length-7163';
const KEY = `AKIA${'Q'.repeat(16)}`;
const NOTIFICATION = '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"fine"}}';
const READER = 'spiffe://poc.local/agents/mcp-client/reader/dev';

/** Framing that must not pass: none of it, and the event's data all the same. */
const FRAMES: readonly (readonly [string, string])[] = [
  ['a credential in a comment', `: see ${KEY}\n`], ['a credential as the id', `id: ${KEY}\n`], ['a credential as the event\'s name', `event: ${KEY}\n`], ['a credential in an unknown field', `note: ${KEY}\n`],
  ['a secret in a comment', `: ${SECRET}\n`], ['a secret in base64 as the id', `id: ${Buffer.from(SECRET).toString('base64')}\n`], ['a secret in hex', `id: ${Buffer.from(SECRET).toString('hex')}\n`],
  ['more than anyone frames with', `: ${'x'.repeat(5000)}\n`],
];

let server: ScriptedServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startScriptedServer(['vault', 'read_customer', 'send_message'].map(toolText));
  gateway = await startGateway({
    policies: { 'all.rego': `${permitAll()}\nallow if input.caller_spiffe_id == "${READER}"\n` }, identities: { default: CALLER, identities: [{ spiffe_id: CALLER }, { spiffe_id: READER }] },
    tools: [registration('vault', server.url, { required_scope: 's' }), registration('read_customer', server.url, { classification: 'sensitive' }), registration('send_message', server.url, { external: true })],
    config: { rate_limit: { per_minute: 60_000, burst: 1000 } },
  });
  await gateway.control('POST', '/v1/secrets/put', { name: 'v', owner: CALLER, scope: 's', value: SECRET });
  const { json } = await gateway.control('POST', '/v1/secrets/issue', { name: 'v', ttl_s: 600 });
  expect((await gateway.post(call('vault', { text: json['token'] }))).status).toBe(200);
  expect(server.of('tools/call').at(-1)?.body).toContain(SECRET);
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

describe('the framing of an event', () => {
  it.each(FRAMES)('with %s is left out of a call\'s stream, its data is not', async (_what, frame) => {
    server.script = ({ idText }, response) => {
      sseHead(response);
      response.end(`${frame}\nid: 5\n${frame}data: ${NOTIFICATION}\n\n${frame}data: ${resultFor(idText, 'one').slice(0, 16)}\ndata: ${resultFor(idText, 'one').slice(16)}\n\n`);
    };
    const { text } = await gateway.post(call('vault', {}, 'f'), MCP);
    expect(text).not.toContain(frame.trim().split(' ').at(-1));
    const datas = text.split('\n\n').filter((event) => event !== '').map((event) => JSON.parse(event.split('\n').map((line) => line.replace(/^data: ?/, '')).join('')) as Record<string, unknown>);
    expect(datas).toEqual([JSON.parse(NOTIFICATION), JSON.parse(resultFor('"f"', 'one'))]);
  });

  it.each(FRAMES)('with %s is left out of a session\'s own stream, its data is not', async (_what, frame) => {
    server.stream = (_request, response) => {
      sseHead(response);
      response.write(`${frame}\n${frame}data: ${NOTIFICATION}\n\n: done\n\n`);
    };
    const stream = openStream(gateway, 'GET', await openSession(gateway));
    expect(await eventually(() => stream.text.includes(': done'))).toBe(true);
    expect(stream.text).toContain(`data: ${NOTIFICATION}\n\n`);
    expect(stream.text).not.toContain(frame.trim().split(' ').at(-1));
    stream.hangUp();
  });

  it('that is ordinary passes as it came', async () => {
    const events = `: keep-alive\n\nretry: 100\r\nid: 0198-af:3\r\nevent: message\r\ndata: ${NOTIFICATION}\r\n\r\n`;
    server.script = ({ idText }, response) => {
      sseHead(response);
      response.end(`${events}data: ${resultFor(idText, 'x')}\n\n`);
    };
    expect((await gateway.post(call('vault', {}, 'o'), MCP)).text).toBe(`${events}data: ${resultFor('"o"', 'x')}\n\n`.replace(/"id":\d+/, '"id":"o"'));
  });
});

describe('what a reading tool tells in a comment', () => {
  it('taints like its answer', async () => {
    server.script = (_request, response) => {
      sseHead(response);
      response.write(': the customer is Ada\n\n');
    };
    const session = await openSession(gateway, { 'x-spiffe-id': READER });
    const stream = openStream(gateway, 'POST', session, call('read_customer'));
    expect(await eventually(() => stream.text.includes('Ada'))).toBe(true);
    expect(codeOf(await gateway.post(call('send_message', { to: 'https://far.example' }), { 'x-spiffe-id': READER }))).toBe('exfiltration_detected');
    stream.hangUp();
  });
});
