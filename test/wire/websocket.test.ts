// MCP over WebSocket with everything on: each message crosses all layers and has its record, sessions live as long as their socket, streams come as frames.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ServerResponse } from 'node:http';
import { CALLER, permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { openRawWebSocket, OPCODE, type RawWebSocket } from '../support/raw-websocket.js';
import { jsonAnswer, resultFor, sseHead, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { startToolServer, type ToolServer } from '../support/tool-server.js';
import { call, eventually, initialize, modernCall, registration, toolText } from './calls.js';

const STRANGER = 'spiffe://poc.local/agents/mcp-client/stranger/dev';
const READY = '{"jsonrpc":"2.0","method":"notifications/initialized"}';
const BODY_BYTES_MAX = 200_000;

let server: ScriptedServer;
let gateway: GatewayProcess;
const sockets: RawWebSocket[] = [];

beforeAll(async () => {
  server = await startScriptedServer(['echo', 'secretive'].map(toolText));
  gateway = await startGateway({
    policies: { 'all.rego': permitAll() }, identities: { default: CALLER, identities: [{ spiffe_id: CALLER }, { spiffe_id: STRANGER }] },
    tools: [registration('echo', server.url), registration('secretive', server.url)],
    config: { threads: { gateway: 2 }, breaker: { failures_to_open: 1000 }, rate_limit: { per_minute: 1_000_000, burst: 100_000 }, front: { body_bytes_max: BODY_BYTES_MAX } },
  });
});

beforeEach(() => {
  server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
  server.stream = undefined;
});

afterAll(async () => {
  for (const { socket } of sockets) socket.destroy();
  await gateway.stop();
  await server.close();
});

async function connect(spiffeId = CALLER, lines: readonly string[] = []): Promise<RawWebSocket> {
  const socket = await openRawWebSocket(gateway.port, { path: '/mcp', lines: [`X-SPIFFE-ID: ${spiffeId}`, ...lines] });
  expect(socket.head).toMatch(/^HTTP\/1\.1 101 /);
  sockets.push(socket);
  return socket;
}

/** A session with its stream: the server is asked for it before this returns, where it has one. */
async function connectInSession(): Promise<RawWebSocket> {
  const socket = await connect();
  socket.send(initialize());
  await socket.answer(0);
  socket.send(READY);
  socket.send(call('echo', {}, 'first'));
  await socket.answer('first');
  return socket;
}

const records = (type: string, from: number): Record<string, unknown>[] => gateway.lines(type).slice(from);
const codeIn = (answer: Record<string, unknown>): unknown => (answer['error'] as { data?: { code?: unknown } } | undefined)?.data?.code;
const cancel = (id: unknown): string => JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id, reason: 'enough' } });

describe('a message', () => {
  it('without a session is served as a POST without one', async () => {
    const before = gateway.lines('request').length;
    const socket = await connect();
    socket.send(call('echo', { text: 'x' }, 'a'));
    expect(await socket.answer('a')).toMatchObject({ result: { content: [{ text: 'fine' }] } });
    expect(records('request', before)).toEqual([expect.objectContaining({ decision: 'ALLOW', tool: 'echo', method: 'tools/call', spiffe_id: CALLER, session_id: null, status: 200 })]);
  });

  it('is judged by every layer, and refused under its id with the envelope that HTTP has', async () => {
    const before = gateway.lines('request').length;
    const socket = await connect();
    socket.send(call('echo', { text: `key ${'AKIA'}${'Q3EGRIA7ZLWXYK5T'}` }, 1));
    const answer = await socket.answer(1);
    const { data } = answer['error'] as { data: Record<string, unknown> };
    expect([codeIn(answer), data['middleware_step']]).toEqual(['dlp_credentials_detected', 7]);
    const [line] = records('request', before);
    expect(line).toMatchObject({ decision: 'DENY', code: 'dlp_credentials_detected', decision_id: data['decision_id'], trace_id: data['trace_id'] });
    socket.send(call('nothing', {}, 2));
    expect(codeIn(await socket.answer(2))).toBe('registry_tool_unknown');
    expect(server.seen.some(({ body }) => body.includes('AKIA'))).toBe(false);
  });

  it('of a caller without a permission is refused, and its socket stays', async () => {
    const socket = await connect(STRANGER);
    for (const id of [1, 2]) {
      socket.send(call('echo', {}, id));
      expect(codeIn(await socket.answer(id))).toBe('authz_policy_denied');
    }
  });

  it('of nobody known is refused, and its socket closed', async () => {
    const before = gateway.lines('request').length;
    const socket = await connect('spiffe://elsewhere.example/x');
    socket.send(call('echo', {}, 1));
    expect(codeIn(await socket.answer(1))).toMatch(/^auth_/);
    expect(await socket.closed).toMatchObject({ code: 1008 });
    expect(records('request', before)).toEqual([expect.objectContaining({ decision: 'DENY', status: 401 })]);
  });

  it('answered with a credential crosses the response firewall', async () => {
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, `key ${'AKIA'}${'Q3EGRIA7ZLWXYK5T'}`));
    const socket = await connect();
    socket.send(call('secretive', {}, 1));
    expect(JSON.stringify(await socket.answer(1))).toMatch(/"id":1.*redacted/);
    expect(socket.messages[0]).not.toContain('AKIA');
  });

  it('that is none is told so, and one without an answer is told nothing, each with its record', async () => {
    const before = gateway.lines('request').length;
    const socket = await connect();
    socket.send('{');
    expect(JSON.parse((await socket.message(0)) ?? '')).toMatchObject({ id: null, error: { code: -32_700 } });
    socket.send('{"jsonrpc":"2.0","method":"notifications/x"}');
    socket.send('{"jsonrpc":"2.0","id":77,"result":{}}');
    socket.send('{"jsonrpc":"2.0","id":78,"result":"none"}');
    socket.send(call('echo', {}, 'last'));
    await socket.answer('last');
    expect(await eventually(() => records('request', before).length === 5)).toBe(true);
    expect(socket.messages.map((text) => (JSON.parse(text) as { id: unknown }).id)).toEqual([null, null, 'last']);
  });

  it('by hundreds at once is answered by hundreds, each with a record of its own', async () => {
    const before = gateway.lines('request').length;
    server.script = ({ idText, body }, response) => setImmediate(() => jsonAnswer(response, resultFor(idText, `for ${/"text":"(\d+)"/.exec(body)?.[1] ?? ''}`)));
    const socket = await connect();
    for (let id = 0; id < 200; id++) socket.send(call('echo', { text: String(id) }, id));
    for (let id = 0; id < 200; id++) expect(await socket.answer(id)).toMatchObject({ result: { content: [{ text: `for ${id}` }] } });
    const lines = records('request', before);
    expect([lines.length, new Set(lines.map((line) => line['decision_id'])).size]).toEqual([200, 200]);
  });

  it('that is too large is refused by layer 1, recorded, and closes its socket with 1009', async () => {
    const before = gateway.lines('request').length;
    const socket = await connect();
    socket.send(call('echo', { text: 'x'.repeat(BODY_BYTES_MAX) }, 9));
    expect(codeIn(await socket.answer(9))).toBe('request_too_large');
    expect(await socket.closed).toMatchObject({ code: 1009 });
    expect(records('request', before)).toEqual([expect.objectContaining({ decision: 'DENY', code: 'request_too_large', status: 413 })]);
  });

  it('that is binary is refused, recorded, and closes its socket with 1003', async () => {
    const before = gateway.lines('request').length;
    const socket = await connect();
    socket.send(call('echo'), { opcode: OPCODE.binary });
    expect(await socket.closed).toMatchObject({ code: 1003 });
    expect(records('request', before)).toEqual([expect.objectContaining({ decision: 'DENY', code: 'mcp_invalid_request', reason_code: 'content_type' })]);
  });

  it('that is no UTF-8 has its record', async () => {
    const before = gateway.lines('request').length;
    const socket = await connect();
    socket.send(Buffer.from([0x7b, 0xff, 0x7d]));
    await socket.closed;
    expect(await eventually(() => records('request', before).length === 1)).toBe(true);
    expect(records('request', before)[0]).toMatchObject({ decision: 'DENY', code: 'mcp_invalid_request', spiffe_id: null });
  });
});

describe('a session', () => {
  it('is opened by initialize, and carries what follows', async () => {
    const before = gateway.lines('request').length;
    const socket = await connectInSession();
    const lines = records('request', before);
    const session = lines.find((line) => line['method'] === 'initialize')?.['session_id'];
    expect(session).toMatch(/^0[01][0-9a-f]{46}$/);
    expect(await eventually(() => records('request', before).length === 4)).toBe(true);
    expect(records('request', before).map((line) => [line['method'], line['session_id']])).toEqual(expect.arrayContaining([['initialize', session], ['notifications/initialized', session], ['GET', session], ['tools/call', session]]));
    expect(server.of('tools/call').at(-1)?.headers['mcp-session-id']).toBeDefined();
    socket.send(initialize());
    expect(await socket.message(2)).toContain('already_initialized');
  });

  it('has what its tool servers say without being asked written to its socket, and their questions answered', async () => {
    let stream: ServerResponse | undefined;
    server.stream = (_seen, response) => {
      sseHead(response);
      response.write(': open\n\n');
      stream = response;
    };
    const socket = await connectInSession();
    expect(await eventually(() => stream !== undefined)).toBe(true);
    stream?.write('id: 4\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"hello"}}\n\n');
    stream?.write('data: {"jsonrpc":"2.0","id":"q1","method":"roots/list"}\n\n');
    expect(await socket.message(2)).toBe('{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"hello"}}');
    expect(await socket.message(3)).toBe('{"jsonrpc":"2.0","id":"q1","method":"roots/list"}');
    socket.send('{"jsonrpc":"2.0","id":"q1","result":{"roots":[]}}');
    expect(await eventually(() => server.seen.some(({ body }) => body === '{"jsonrpc":"2.0","id":"q1","result":{"roots":[]}}'))).toBe(true);
    expect(gateway.lines('server_request').at(-1)).toMatchObject({ method: 'roots/list', decision: 'ALLOW' });
  });

  it('refuses an answer that nobody asked for without a word: its id could be that of a request of the client', async () => {
    const before = gateway.lines('request').length;
    const socket = await connectInSession();
    socket.send('{"jsonrpc":"2.0","id":"first","result":{}}');
    expect(await eventually(() => records('request', before).some((line) => line['reason_code'] === 'nobody_asked'))).toBe(true);
    socket.send(call('echo', {}, 'second'));
    await socket.answer('second');
    expect(socket.messages).toHaveLength(3);
  });

  it('streams progress and questions before the answer, in order, one frame each', async () => {
    server.script = ({ idText }, response) => {
      sseHead(response);
      response.write('data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}\n\n');
      response.write('data: {"jsonrpc":"2.0","id":5,"method":"sampling/createMessage","params":{}}\n\n');
      response.end(`data: ${resultFor(idText, 'done')}\n\n`);
    };
    const before = gateway.lines('stream_end').length;
    const socket = await connect();
    socket.send(initialize());
    await socket.answer(0);
    socket.send(call('echo', {}, 'p'));
    expect(await socket.answer('p')).toMatchObject({ result: { content: [{ text: 'done' }] } });
    expect(socket.messages.slice(1).map((text) => (JSON.parse(text) as { method?: string }).method)).toEqual(['notifications/progress', 'sampling/createMessage', undefined]);
    expect(await eventually(() => records('stream_end', before).some((line) => line['messages'] === 3 && line['code'] === null))).toBe(true);
  });

  it('ends with its socket, here and at the tool servers, once the calls that run are answered', async () => {
    let held: ServerResponse | undefined;
    const socket = await connectInSession();
    const sessionsBefore = server.sessions.size;
    server.script = (_seen, response) => { held = response; };
    const before = gateway.lines('request').length;
    socket.send(call('echo', {}, 'slow'));
    expect(await eventually(() => held !== undefined)).toBe(true);
    socket.socket.destroy();
    expect(await eventually(() => gateway.lines('stream_end').at(-1)?.['code'] === 'client_disconnected')).toBe(true);
    expect(server.sessions.size).toBe(sessionsBefore);
    if (held !== undefined) jsonAnswer(held, resultFor('"slow"', 'late'));
    expect(await eventually(() => records('request', before).some((line) => line['tool'] === 'echo' && line['status'] === 499))).toBe(true);
    expect(await eventually(() => server.sessions.size === sessionsBefore - 1)).toBe(true);
  });
});

describe('a cancellation', () => {
  it.each([['in a session', true], ['without one', false]])('%s ends the call at its server, and the client gets no answer to it', async (_what, inSession) => {
    const hangUps = server.hangUps;
    const before = gateway.lines('request').length;
    const socket = inSession ? await connectInSession() : await connect();
    let asked = false;
    server.script = () => { asked = true; };
    socket.send(call('echo', {}, 'long'));
    expect(await eventually(() => asked)).toBe(true);
    socket.send(cancel('other'));
    socket.send(cancel('long'));
    expect(await eventually(() => server.hangUps === hangUps + 1)).toBe(true);
    expect(await eventually(() => records('request', before).some((line) => line['tool'] === 'echo' && line['code'] === 'client_disconnected'))).toBe(true);
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
    socket.send(call('echo', {}, 'next'));
    await socket.answer('next');
    expect(socket.messages.some((text) => text.includes('"long"'))).toBe(false);
  });

  it('reaches no call of another socket of the same caller', async () => {
    const [one, other] = [await connect(), await connect()];
    let held: ServerResponse | undefined;
    server.script = (_seen, response) => { held = response; };
    one.send(call('echo', {}, 'mine'));
    expect(await eventually(() => held !== undefined)).toBe(true);
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
    other.send(cancel('mine'));
    other.send(call('echo', {}, 'after'));
    await other.answer('after');
    const idText = server.of('tools/call').at(-2)?.idText ?? '';
    if (held !== undefined) jsonAnswer(held, resultFor(idText, 'kept'));
    expect(await one.answer('mine')).toMatchObject({ result: { content: [{ text: 'kept' }] } });
  });
});

describe('a message of 2026-07-28', () => {
  let modern: ToolServer;
  let its: GatewayProcess;
  const { body } = modernCall('echo', { text: 'ü' });
  beforeAll(async () => {
    modern = await startToolServer({ era: 'modern', tools: [toolText('echo'), toolText('ünï')] });
    its = await startGateway({ policies: { 'all.rego': permitAll() }, tools: [registration('echo', modern.url), registration('ünï', modern.url)] });
  });
  afterAll(async () => {
    await its.stop();
    await modern.close();
  });

  it('needs no headers here, and its tool server gets them', async () => {
    const socket = await openRawWebSocket(its.port, { lines: [`X-SPIFFE-ID: ${CALLER}`] });
    sockets.push(socket);
    socket.send(body);
    expect(await socket.answer(1)).toHaveProperty('result');
    const seen = (): unknown => modern.seen.filter(({ rpcMethod }) => rpcMethod === 'tools/call').at(-1)?.headers;
    expect(seen()).toMatchObject({ 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'echo' });
    expect(its.lines('request').at(-1)).toMatchObject({ tool: 'echo', method: 'tools/call', session_id: null, decision: 'ALLOW' });
    socket.send(modernCall('ünï').body.replace('"id":1', '"id":2'));
    expect(await socket.answer(2)).toHaveProperty('result');
    expect(seen()).toMatchObject({ 'mcp-name': `=?base64?${Buffer.from('ünï').toString('base64')}?=` });
  });

  it('is stateless beside a session', async () => {
    const socket = await openRawWebSocket(its.port, { lines: [`X-SPIFFE-ID: ${CALLER}`] });
    sockets.push(socket);
    socket.send(initialize());
    await socket.answer(0);
    socket.send(body);
    await socket.answer(1);
    expect(its.lines('request').filter((line) => line['tool'] === 'echo').at(-1)).toMatchObject({ session_id: null, decision: 'ALLOW' });
  });
});

describe('the gateway\'s end', () => {
  it('closes sockets with 1001 after what is under way, and their records are there', async () => {
    const own = await startScriptedServer([toolText('echo')]);
    const its = await startGateway({ policies: { 'all.rego': permitAll() }, tools: [registration('echo', own.url)] });
    const socket = await openRawWebSocket(its.port, { lines: [`X-SPIFFE-ID: ${CALLER}`] });
    socket.send(initialize());
    await socket.answer(0);
    socket.send(READY);
    let held: ServerResponse | undefined;
    own.script = (_seen, response) => { held = response; };
    socket.send(call('echo', {}, 'x'));
    expect(await eventually(() => held !== undefined)).toBe(true);
    const idle = await openRawWebSocket(its.port, { lines: [`X-SPIFFE-ID: ${CALLER}`] });
    idle.send(initialize());
    await idle.answer(0);
    idle.send(READY);
    expect(await eventually(() => its.lines('request').filter((line) => line['method'] === 'GET').length === 2)).toBe(true);
    process.kill(its.pid, 'SIGTERM');
    expect(await idle.closed).toEqual({ code: 1001, reason: 'shutdown' });
    expect(await eventually(() => its.lines('stream_end').length === 2)).toBe(true);
    expect(its.lines('stream_end').map((line) => line['code'])).toEqual([null, null]);
    if (held !== undefined) jsonAnswer(held, resultFor('"x"', 'late but whole'));
    expect(await socket.answer('x')).toMatchObject({ result: { content: [{ text: 'late but whole' }] } });
    expect(await socket.closed).toMatchObject({ code: 1001 });
    expect(its.lines('request').at(-1)).toMatchObject({ tool: 'echo', decision: 'ALLOW', status: 200 });
    await its.stop();
    await own.close();
  });
});
