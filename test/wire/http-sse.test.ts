// MCP over HTTP+SSE with everything on and two threads: each POST is a message that crosses all layers and has its record, on whichever thread it comes in, and lives and ends with its stream.
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CALLER, permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { openRawSse, postMessage, type RawSse } from '../support/raw-sse.js';
import { jsonAnswer, resultFor, sseHead, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { call, eventually, initialize, modernCall, registration, toolText } from './calls.js';

const STRANGER = 'spiffe://poc.local/agents/mcp-client/stranger/dev';
const READY = '{"jsonrpc":"2.0","method":"notifications/initialized"}';
const BODY_BYTES_MAX = 200_000;
/** Each POST on a connection of its own: that none falls to the other thread is as likely as 2 to the power of minus this. */
const SPREAD = 40;

let server: ScriptedServer;
let gateway: GatewayProcess;
const streams: RawSse[] = [];

beforeAll(async () => {
  server = await startScriptedServer(['echo', 'secretive'].map(toolText));
  gateway = await startGateway({
    policies: { 'all.rego': permitAll() }, identities: { default: CALLER, identities: [{ spiffe_id: CALLER }, { spiffe_id: STRANGER }] },
    tools: [registration('echo', server.url), registration('secretive', server.url)],
    config: {
      threads: { gateway: 2 }, breaker: { failures_to_open: 1000 }, rate_limit: { per_minute: 1_000_000, burst: 100_000 }, front: { body_bytes_max: BODY_BYTES_MAX }, websocket: { buffered_bytes_max: 128 * 1024 }, audit: { unidentified_per_second: 100_000 },
    },
  });
});

beforeEach(() => {
  server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
  server.stream = undefined;
});

afterAll(async () => {
  for (const stream of streams) stream.destroy();
  await gateway.stop();
  await server.close();
});

async function connect(spiffeId = CALLER, on = gateway): Promise<RawSse> {
  const stream = await openRawSse(on.port, { headers: { 'x-spiffe-id': spiffeId } });
  streams.push(stream);
  return stream;
}

async function connectInSession(): Promise<RawSse> {
  const stream = await connect();
  await stream.post(initialize({ protocolVersion: '2024-11-05' }));
  await stream.answer(0);
  await stream.post(READY);
  await stream.post(call('echo', {}, 'first'));
  await stream.answer('first');
  return stream;
}

const records = (type: string, from: number): Record<string, unknown>[] => gateway.lines(type).slice(from);
const codeIn = (answer: Record<string, unknown>): unknown => (answer['error'] as { data?: { code?: unknown } } | undefined)?.data?.code;
const sessions = async (): Promise<number> => Number((await gateway.control('GET', '/v1/status')).json['mcp_sessions']);

describe('a message', () => {
  it('is taken by either thread, answered on its stream, and has one record, with its own trace', async () => {
    const before = gateway.lines('request').length;
    const stream = await connect();
    const traces = Array.from({ length: SPREAD }, (_, n) => (n + 1).toString(16).padStart(32, '0'));
    for (const [n, trace] of traces.entries()) expect(await stream.post(call('echo', { text: 'ü'.repeat(n * 100) }, n), { headers: { traceparent: `00-${trace}-00000000000000ab-01` } })).toMatchObject({ status: 202, text: '' });
    for (let n = 0; n < SPREAD; n++) expect(await stream.answer(n)).toMatchObject({ result: { content: [{ text: 'fine' }] } });
    const lines = records('request', before);
    expect(lines.map((line) => line['trace_id']).sort()).toEqual(traces);
    expect(lines.every((line) => line['decision'] === 'ALLOW' && line['tool'] === 'echo' && line['spiffe_id'] === CALLER && line['session_id'] === null && line['status'] === 200)).toBe(true);
  });

  it('is judged by every layer, and refused on its stream under its id with the envelope that HTTP has', async () => {
    const before = gateway.lines('request').length;
    const stream = await connect();
    expect((await stream.post(call('echo', { text: `key ${'AKIA'}${'Q3EGRIA7ZLWXYK5T'}` }, 1))).status).toBe(202);
    const answer = await stream.answer(1);
    const { data } = answer['error'] as { data: Record<string, unknown> };
    expect([codeIn(answer), data['middleware_step']]).toEqual(['dlp_credentials_detected', 7]);
    expect(records('request', before)[0]).toMatchObject({ decision: 'DENY', code: 'dlp_credentials_detected', decision_id: data['decision_id'], trace_id: data['trace_id'] });
    expect(server.seen.some(({ body }) => body.includes('AKIA'))).toBe(false);
    const stranger = await connect(STRANGER);
    await stranger.post(call('echo', {}, 2));
    expect(codeIn(await stranger.answer(2))).toBe('authz_policy_denied');
  });

  it('of nobody known is refused, and its stream ends', async () => {
    const stream = await connect('spiffe://elsewhere.example/x');
    await stream.post(call('echo', {}, 1));
    expect(codeIn(await stream.answer(1))).toMatch(/^auth_/);
    expect(await stream.closed).toEqual({ whole: true, comment: 'auth_invalid_identity' });
  });

  it('answered with a credential crosses the response firewall', async () => {
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, `key ${'AKIA'}${'Q3EGRIA7ZLWXYK5T'}`));
    const stream = await connect();
    await stream.post(call('secretive', {}, 1));
    expect(JSON.stringify(await stream.answer(1))).toMatch(/"id":1.*redacted/);
    expect(stream.text()).not.toContain('AKIA');
  });

  it('that is none is told so on the stream, a batch and what is no text of UTF-8 too, and a notification is told nothing', async () => {
    const before = gateway.lines('request').length;
    const stream = await connect();
    for (const body of ['{', `[${call('echo', {}, 5)}]`, Buffer.from([0x7b, 0xff, 0x7d]), '{"jsonrpc":"2.0","method":"notifications/x"}']) expect((await stream.post(body)).status).toBe(202);
    await stream.post(call('echo', {}, 'last'));
    await stream.answer('last');
    expect(stream.messages.map((text) => (JSON.parse(text) as { id: unknown }).id)).toEqual([null, null, null, 'last']);
    expect(stream.messages[1]).toContain('batches are part of 2025-03-26 over HTTP POST only');
    expect(await eventually(() => records('request', before).length === 5)).toBe(true);
    expect(records('request', before).slice(0, 3).map((line) => line['code'])).toEqual(Array.from({ length: 3 }, () => 'mcp_invalid_request'));
  });

  it('that is too large is refused by layer 1 on its POST, and one for no stream by admission, each recorded once, on either thread', async () => {
    const before = gateway.lines('request').length;
    const stream = await connect();
    for (let n = 0; n < 10; n++) {
      expect((await stream.post(call('echo', { text: 'x'.repeat(BODY_BYTES_MAX) }))).status).toBe(413);
      expect((await stream.post(call('echo'), { path: stream.endpoint.replace(/.$/, (last) => (last === '0' ? '1' : '0')) })).status).toBe(404);
    }
    expect(await eventually(() => records('request', before).length === 20)).toBe(true);
    expect(new Set(records('request', before).map((line) => `${String(line['code'])} ${String(line['status'])}`))).toEqual(new Set(['request_too_large 413', 'session_not_found 404']));
    expect(stream.messages).toEqual([]);
  });

  it('of 2026-07-28 is stateless, and its tool server gets the headers that nobody sent', async () => {
    server.modern = true;
    const stream = await connect();
    await stream.post(modernCall('echo').body);
    expect(await stream.answer(1)).toHaveProperty('result');
    expect(gateway.lines('request').at(-1)).toMatchObject({ tool: 'echo', session_id: null, decision: 'ALLOW' });
    server.modern = false;
  });
});

describe('a session', () => {
  it('is opened by initialize, carries what follows from either thread, and its id is not shown', async () => {
    const before = gateway.lines('request').length;
    const stream = await connectInSession();
    for (let n = 0; n < SPREAD; n++) await stream.post(call('echo', {}, n));
    for (let n = 0; n < SPREAD; n++) await stream.answer(n);
    const [first] = records('request', before);
    const session = first?.['session_id'];
    expect([first?.['method'], session]).toEqual(['initialize', expect.stringMatching(/^0[01][0-9a-f]{46}$/)]);
    expect(new Set(records('request', before).map((line) => line['session_id']))).toEqual(new Set([session]));
    expect(stream.text()).not.toContain(String(session));
  });

  it('has what its tool servers say without being asked written to its stream, and their questions answered', async () => {
    let asking: ServerResponse | undefined;
    server.stream = (_seen, response) => {
      sseHead(response);
      response.write(': open\n\n');
      asking = response;
    };
    const stream = await connectInSession();
    expect(await eventually(() => asking !== undefined)).toBe(true);
    asking?.write('id: 4\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"hello"}}\n\n');
    asking?.write('data: {"jsonrpc":"2.0","id":"q1","method":"roots/list"}\n\n');
    expect(await stream.message(2)).toBe('{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"hello"}}');
    expect(await stream.message(3)).toBe('{"jsonrpc":"2.0","id":"q1","method":"roots/list"}');
    expect((await stream.post('{"jsonrpc":"2.0","id":"q1","result":{"roots":[]}}')).status).toBe(202);
    expect(await eventually(() => server.seen.some(({ body }) => body === '{"jsonrpc":"2.0","id":"q1","result":{"roots":[]}}'))).toBe(true);
    expect(gateway.lines('server_request').at(-1)).toMatchObject({ method: 'roots/list', decision: 'ALLOW' });
  });

  it('ends with its stream, here and at the tool servers, once the calls that run are answered, and its id is nobody\'s', async () => {
    let held: ServerResponse | undefined;
    const stream = await connectInSession();
    const [open, atServer] = [await sessions(), server.sessions.size];
    server.script = (_seen, response) => { held = response; };
    const before = gateway.lines('request').length;
    await stream.post(call('echo', {}, 'slow'));
    expect(await eventually(() => held !== undefined)).toBe(true);
    stream.destroy();
    expect(await eventually(() => gateway.lines('stream_end').at(-1)?.['code'] === 'client_disconnected')).toBe(true);
    expect(server.sessions.size).toBe(atServer);
    for (let n = 0; n < 10; n++) expect((await stream.post(call('echo'))).status).toBe(404);
    if (held !== undefined) jsonAnswer(held, resultFor('"slow"', 'late'));
    expect(await eventually(() => records('request', before).some((line) => line['tool'] === 'echo' && line['status'] === 499))).toBe(true);
    expect(await eventually(() => server.sessions.size === atServer - 1)).toBe(true);
    expect(await eventually(async () => await sessions() === open - 1)).toBe(true);
  });

  it('has its calls cancelled by a message that comes to either thread', async () => {
    const stream = await connectInSession();
    for (let n = 0; n < 6; n++) {
      const hangUps = server.hangUps;
      let asked = false;
      server.script = () => { asked = true; };
      await stream.post(call('echo', {}, `long ${n}`));
      expect(await eventually(() => asked)).toBe(true);
      await stream.post(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: `long ${n}` } }));
      expect(await eventually(() => server.hangUps === hangUps + 1)).toBe(true);
    }
    expect(stream.messages.some((text) => text.includes('long'))).toBe(false);
  });
});

describe('a client that does not read', () => {
  it('is cut off at the bound, and what waits for it is recorded', async () => {
    const stream = await connect();
    const before = gateway.lines('request').length;
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'x'.repeat(1_000_000)));
    stream.response.pause();
    let sent = 0;
    while (sent < 100 && (await stream.post(call('echo', {}, sent))).status === 202) sent += 1;
    expect(sent).toBeLessThan(100);
    expect(await eventually(() => records('request', before).filter((line) => line['tool'] === 'echo').length === sent)).toBe(true);
    stream.response.resume();
    expect(await stream.closed).toMatchObject({ whole: false });
    // What came is whole and in order; nothing between is missing.
    expect(stream.messages.length).toBeLessThan(sent);
    for (const text of stream.messages) expect(text.length).toBeGreaterThan(1_000_000);
  });
});

describe('the gateway\'s end', () => {
  it('ends streams after what is under way, and their records are there', async () => {
    const own = await startScriptedServer([toolText('echo')]);
    const its = await startGateway({ policies: { 'all.rego': permitAll() }, tools: [registration('echo', own.url)], config: { threads: { gateway: 2 } } });
    const [busy, idle] = [await connect(CALLER, its), await connect(CALLER, its)];
    for (const stream of [busy, idle]) {
      await stream.post(initialize());
      await stream.answer(0);
      await stream.post(READY);
    }
    let held: ServerResponse | undefined;
    own.script = (_seen, response) => { held = response; };
    await busy.post(call('echo', {}, 'x'));
    expect(await eventually(() => held !== undefined)).toBe(true);
    process.kill(its.pid, 'SIGTERM');
    expect(await idle.closed).toEqual({ whole: true, comment: 'shutdown' });
    if (held !== undefined) jsonAnswer(held, resultFor('"x"', 'late but whole'));
    expect(await busy.answer('x')).toMatchObject({ result: { content: [{ text: 'late but whole' }] } });
    expect(await busy.closed).toEqual({ whole: true, comment: 'shutdown' });
    expect(its.lines('request').at(-1)).toMatchObject({ tool: 'echo', decision: 'ALLOW', status: 200 });
    await its.stop();
    await own.close();
  });
});

it('is off where the config says so', async () => {
  const its = await startGateway({ config: { http_sse: { enabled: false } } });
  const [stream, posted] = [await postMessage(its.port, '', { method: 'GET', path: '/sse' }), await postMessage(its.port, call('echo'), { path: `/messages?sessionId=1-${'0'.repeat(48)}` })];
  expect([stream.status, stream.text, posted.status]).toEqual([404, expect.stringContaining('not served here'), 404]);
  await its.stop();
});
