// A client and a tool server of different eras, through the whole gateway: what each sees of the other.
import type { ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openSession, rpc, startInProcessGateway, toolCall, toolText, type InProcessGateway, type InProcessOptions } from '../../support/gateway-in-process.js';
import { MCP_ACCEPT, type Posted, type RecordedReply } from '../../support/inbound-reply.js';
import { jsonAnswer, resultFor, sseHead, startScriptedServer, type ScriptedServer } from '../../support/scripted-server.js';
import { until } from '../../support/until.js';
import { MODERN_META, modernRequest } from './modern-fixture.js';

let modern: ScriptedServer;
let legacy: ScriptedServer;
let running: InProcessGateway | undefined;
beforeAll(async () => {
  [modern, legacy] = await Promise.all([startScriptedServer([]), startScriptedServer([])]);
});
afterAll(() => Promise.all([modern.close(), legacy.close()]));
beforeEach(() => {
  for (const server of [modern, legacy]) {
    Object.assign(server, { seen: [], tools: [toolText(server === modern ? 'new' : 'old')], modernOnly: server === modern ? { tools: {}, logging: {}, prompts: {} } : undefined, hangUps: 0 });
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
  }
});
afterEach(() => running?.close());

async function start(more: Partial<InProcessOptions> = {}): Promise<InProcessGateway> {
  running = await startInProcessGateway({ tools: [{ name: 'new', url: modern.url }, { name: 'old', url: legacy.url }], ...more });
  for (const server of [modern, legacy]) server.seen.length = 0;
  return running;
}
const opened = (gateway: InProcessGateway, capabilities: unknown = {}): Promise<Posted> => openSession(gateway, { capabilities, name: 'old client' });
const sent = (server: ScriptedServer, method = 'tools/call') => server.of(method).map(({ body }) => JSON.parse(body) as { id: unknown; params: Record<string, unknown> });
const question = (idText: string, inputRequests: unknown, requestState: string | undefined): string =>
  `{"jsonrpc":"2.0","id":${idText},"result":{"resultType":"input_required"${inputRequests === undefined ? '' : `,"inputRequests":${JSON.stringify(inputRequests)}`}${requestState === undefined ? '' : `,"requestState":${requestState}`}}}`;
const ELICIT = { login: { method: 'elicitation/create', params: { mode: 'form', message: 'who?', requestedSchema: { type: 'object', properties: {} } } } };
const events = (reply: RecordedReply) => reply.events as { id?: unknown; method?: string; params?: unknown; result?: unknown; error?: { data?: { code?: string; reason_code?: string } } }[];

describe('a client with a handshake', () => {
  it('calls a tool of a server without one: version, capabilities and headers are the gateway\'s to add', async () => {
    const gateway = await start();
    const session = await opened(gateway, { elicitation: {} });
    const body = '{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"new","arguments":{"n":1e400,"text":"a"},"_meta":{"progressToken":3}}}';
    const reply = await gateway.ask(body, session);
    expect([reply.status, reply.json]).toMatchObject([200, { id: 'x', result: { content: [{ text: 'fine' }] } }]);
    const [seen] = modern.of('tools/call');
    expect(seen?.headers).toMatchObject({ 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'new' });
    expect(seen?.headers).not.toHaveProperty('mcp-session-id');
    expect(seen?.body).toContain('"arguments":{"n":1e400,"text":"a"}');
    expect(seen?.body).toContain('"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}},"io.modelcontextprotocol/clientInfo":{"name":"old client","version":"1"},"progressToken":3');
    expect(modern.of('initialize').length).toBeGreaterThan(0);
    modern.seen.length = 0;
    await gateway.ask(toolCall('new'), session);
    await gateway.ask(toolCall('new'));
    expect(modern.of('initialize')).toEqual([]); // once it is known to have no handshake
    expect(sent(modern).at(-1)?.params['_meta']).toMatchObject({ 'io.modelcontextprotocol/clientInfo': { name: 'precinct' }, 'io.modelcontextprotocol/clientCapabilities': {} });
  });

  it('is not made one without by words of its own that a server refuses', async () => {
    const gateway = await start();
    legacy.modernOnly = { tools: {} };
    await gateway.listTools(); // now it has a discovery as well
    legacy.modernOnly = undefined;
    legacy.refuseHandshake = ({ body }) => body.includes('old client');
    const refused = await gateway.ask(toolCall('old'), await opened(gateway));
    expect(refused.code).toBe('mcp_invalid_response');
    legacy.refuseHandshake = undefined;
    expect((await gateway.ask(toolCall('old'), await opened(gateway))).status).toBe(200);
    expect(legacy.of('tools/call').at(-1)?.headers['mcp-protocol-version']).toBe('2025-11-25');
  });

  it.each([['that is too long', 'x'.repeat(1024)], ['with a blank', 'a b']])('is refused where a server gives it a session id %s', async (_what, name) => {
    const gateway = await start();
    legacy.sessionName = name;
    try {
      expect((await gateway.ask(toolCall('old'), await opened(gateway))).code).toBe('mcp_invalid_response');
      expect(gateway.lines().at(-1)).toMatchObject({ reason_code: 'session_id' });
    } finally {
      legacy.sessionName = 's';
    }
    expect(legacy.of('tools/call')).toEqual([]);
  });

  it('is not made one without while a server is only busy', async () => {
    const gateway = await start();
    modern.refusalStatus = 429;
    expect((await gateway.ask(toolCall('new'))).code).toBe('mcp_request_failed');
    modern.refusalStatus = 404;
    expect((await gateway.ask(toolCall('new'))).status).toBe(200);
  });

  it('sees the tools of both', async () => {
    const gateway = await start();
    const session = await opened(gateway);
    for (const posted of [session, {}]) {
      const reply = await gateway.ask(rpc('tools/list'), posted);
      expect((reply.json as { result: { tools: { name: string }[] } }).result.tools.map(({ name }) => name)).toEqual(['new', 'old']);
    }
    expect(sent(modern, 'tools/list')[0]?.params).toMatchObject({ _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } });
    expect(sent(legacy, 'tools/list')[0]?.params).toEqual({});
  });

  it('is told with 200 what such a server says with another status: 404 would end its session', async () => {
    const gateway = await start();
    const session = await opened(gateway);
    for (const [status, code] of [[404, -32601], [400, -32021]] as const) {
      modern.script = ({ idText }, response) => jsonAnswer(response, `{"jsonrpc":"2.0","id":${idText},"error":{"code":${code},"message":"m"}}`, status);
      expect(await gateway.ask(toolCall('new'), session)).toMatchObject({ status: 200, json: { error: { code } } });
    }
  });

  it('sets the level of log messages for the requests that follow', async () => {
    const gateway = await start();
    const session = await opened(gateway);
    modern.script = ({ idText, method }, response) => (method === 'tools/call' ? jsonAnswer(response, resultFor(idText, 'fine')) : jsonAnswer(response, `{"jsonrpc":"2.0","id":${idText},"error":{"code":-32601,"message":"no"}}`, 404));
    expect((await gateway.ask(rpc('logging/setLevel', { level: 'warning' }), session)).json).toEqual({ jsonrpc: '2.0', id: 1, result: {} });
    await gateway.ask(toolCall('new'), session);
    expect(sent(modern)[0]?.params['_meta']).toMatchObject({ 'io.modelcontextprotocol/logLevel': 'warning' });
    expect((await gateway.ask(rpc('logging/setLevel', { level: 'loud' }), session)).code).toBe('mcp_request_failed');
  });

  it('watches resources: its stream subscribes to them, and to the next one without a gap', async () => {
    modern.modernOnly = { tools: {}, resources: { subscribe: true } };
    const gateway = await start();
    const session = await opened(gateway);
    const streams: ServerResponse[] = [];
    modern.script = ({ method, idText }, response) => {
      if (method !== 'subscriptions/listen') return jsonAnswer(response, resultFor(idText, 'fine'));
      sseHead(response);
      response.flushHeaders();
      streams.push(response);
    };
    const acknowledge = (n: number) => streams[n]?.write('data: {"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{}}}\n\n');
    const reply = gateway.post('', { httpMethod: 'GET', headers: session.headers ?? {} });
    const watch = (uri: string, method = 'resources/subscribe') => gateway.ask(rpc(method, { uri }), session);
    expect((await watch('file:///a')).json).toEqual({ jsonrpc: '2.0', id: 1, result: {} });
    await until(() => streams.length === 1);
    acknowledge(0);
    const updated = (n: number, uri: string) => streams[n]?.write(`data: {"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"${uri}"}}\n\n`);
    updated(0, 'file:///a');
    await until(() => reply.events.length === 1);
    await watch('file:///b');
    await until(() => streams.length === 2);
    expect(sent(modern, 'subscriptions/listen').map(({ params }) => params['notifications'])).toEqual([{ resourceSubscriptions: ['file:///a'] }, { resourceSubscriptions: ['file:///a', 'file:///b'] }]);
    updated(0, 'file:///a');
    await until(() => reply.events.length === 2);
    acknowledge(1);
    await until(() => modern.hangUps === 1);
    updated(1, 'file:///b');
    await until(() => reply.events.length === 3);
    await watch('file:///a', 'resources/unsubscribe');
    await watch('file:///b', 'resources/unsubscribe');
    await until(() => modern.hangUps >= 2); // the last one may still have been about to open
    expect([modern.of('resources/subscribe'), modern.of('resources/unsubscribe')]).toEqual([[], []]);
    reply.hangUp();
  });

  it('is refused what the newer era has no counterpart for', async () => {
    modern.modernOnly = { tools: {}, resources: { subscribe: true }, tasks: {} };
    modern.script = ({ idText }, response) => jsonAnswer(response, `{"jsonrpc":"2.0","id":${idText},"result":{"resultType":"task","taskId":"t"}}`);
    const gateway = await start();
    const session = await opened(gateway);
    await gateway.ask(toolCall('new'), session);
    // In a session 404 would say that it has ended.
    for (const [method, params, posted, status] of [['resources/subscribe', { uri: 'file:///a' }, {}, 404], ['tasks/result', { taskId: 't' }, session, 200], ['x/y', {}, session, 200], ['x/y', {}, {}, 404]] as const) {
      expect(await gateway.ask(rpc(method, params), posted)).toMatchObject({ status, json: { error: { code: -32601 } } });
      expect(modern.of(method)).toEqual([]);
    }
  });

  it('brings no method into a header that is none', async () => {
    running = await startInProcessGateway({ tools: [{ name: 'new', url: modern.url }] });
    const session = await opened(running);
    expect((await running.ask(rpc('x/y'), session)).status).toBe(200);
    expect(modern.of('x/y').map(({ headers }) => headers['mcp-method'])).toEqual(['x/y']);
    modern.seen.length = 0;
    for (const method of ['x\r\nx-evil: 1', 'x y', 'é']) expect(await running.ask(rpc(method), session)).toMatchObject({ status: 200, json: { error: { code: -32601 } } });
    expect(modern.seen).toEqual([]);
  });
});

describe('a question in an answer', () => {
  const elicited = '{"action":"accept","content":{"n":1e400}}';
  const answer = (gateway: InProcessGateway, session: Posted, id: unknown, result: string) => gateway.ask(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`, session);

  it('is put to the client on the call\'s stream, and its answer goes with the call, sent again', async () => {
    const gateway = await start();
    const session = await opened(gateway, { elicitation: {}, sampling: {} });
    modern.script = ({ idText, body }, response) => {
      if (!body.includes('inputResponses')) return jsonAnswer(response, question(idText, { ...ELICIT, joke: { method: 'sampling/createMessage', params: { maxTokens: 5 } } }, '"\\u0041b=="'));
      jsonAnswer(response, resultFor(idText, 'done'));
    };
    const reply = gateway.post(toolCall('new', { text: 'hi' }, 'call-1'), session);
    await until(() => reply.events.length === 2);
    expect(events(reply)).toMatchObject([{ method: 'elicitation/create', params: ELICIT.login.params }, { method: 'sampling/createMessage', params: { maxTokens: 5 } }]);
    const [login, joke] = events(reply);
    expect((await answer(gateway, session, joke?.id, '{"role":"assistant"}')).status).toBe(202);
    expect((await answer(gateway, session, login?.id, elicited)).status).toBe(202);
    await reply.finished;
    expect(events(reply).at(-1)).toMatchObject({ id: 'call-1', result: { content: [{ text: 'done' }] } });
    const [first, again] = modern.of('tools/call');
    expect(again?.idText).not.toBe(first?.idText);
    expect(again?.body).toContain(`"inputResponses":{"login":${elicited},"joke":{"role":"assistant"}},"requestState":"\\u0041b=="`);
    expect(again?.body).toContain('"arguments":{"text":"hi"}');
    expect(gateway.lines().filter(({ type }) => type === 'server_request').map(({ method, decision }) => [method, decision])).toEqual([['elicitation/create', 'ALLOW'], ['sampling/createMessage', 'ALLOW']]);
    expect(gateway.lines().filter(({ type }) => type === 'stream_end')).toMatchObject([{ status: 200 }]);
    expect((await answer(gateway, session, login?.id, elicited)).status).toBe(400); // once
  });

  it('comes in a stream as well, and with requestState alone needs nobody', async () => {
    const gateway = await start();
    const session = await opened(gateway);
    let asked = 0;
    modern.script = ({ idText }, response) => {
      sseHead(response);
      response.write('data: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"working"}}\n\n');
      response.end(`data: ${++asked < 3 ? question(idText, undefined, '"s"') : resultFor(idText, 'done')}\n\n`);
    };
    const reply = await gateway.ask(toolCall('new'), session);
    expect(events(reply).map(({ method, result }) => method ?? result)).toMatchObject(['notifications/message', 'notifications/message', 'notifications/message', { content: [{ text: 'done' }] }]);
    modern.script = ({ idText }, response) => jsonAnswer(response, question(idText, undefined, '"s"'));
    modern.seen.length = 0;
    expect((await gateway.ask(toolCall('new'), session)).json).toMatchObject({ error: { data: { code: 'mcp_request_failed', reason_code: 'input_rounds' } } });
    expect(modern.of('tools/call')).toHaveLength(17);
  });

  it('is asked a bounded number of questions at once', async () => {
    const gateway = await start();
    const session = await opened(gateway, { elicitation: {} });
    const many = Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`q${n}`, ELICIT.login]));
    modern.script = ({ idText }, response) => jsonAnswer(response, question(idText, many, undefined));
    expect((await gateway.ask(toolCall('new'), session)).json).toMatchObject({ error: { data: { code: 'mcp_request_failed', reason_code: 'input_rounds' } } });
  });

  it('is a clear error for a client that cannot be asked', async () => {
    const gateway = await start();
    modern.script = ({ idText }, response) => jsonAnswer(response, question(idText, ELICIT, '"s"'));
    const withSampling = await opened(gateway, { sampling: {} });
    const withJson = await opened(gateway, { elicitation: {} });
    for (const posted of [{}, { headers: { accept: MCP_ACCEPT } }, withSampling, { headers: { ...withJson.headers, accept: 'application/json' } }]) {
      const reply = await gateway.ask(toolCall('new'), posted);
      expect((reply.json as { error: { data: unknown } }).error.data).toMatchObject({ code: 'mcp_request_failed', reason_code: 'input_required' });
      expect(modern.of('tools/call')).toHaveLength(1);
      modern.seen.length = 0;
    }
  });

  it('ends with the client, its cancellation, its session, or its refusal', async () => {
    const gateway = await start();
    modern.script = ({ idText }, response) => jsonAnswer(response, question(idText, { joke: { method: 'sampling/createMessage', params: {} } }, undefined));
    const asking = async (): Promise<[RecordedReply, Posted]> => {
      const session = await opened(gateway, { sampling: {} });
      const reply = gateway.post(toolCall('new', {}, 'c'), session);
      await until(() => reply.events.length === 1);
      return [reply, session];
    };
    const ends = () => gateway.lines().filter(({ type }) => type === 'stream_end').length;
    const [gone] = await asking();
    gone.hangUp();
    await until(() => ends() === 1);
    const [cancelled, one] = await asking();
    await gateway.ask('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"c"}}', one);
    await until(() => cancelled.state === 'ended');
    const [over, two] = await asking();
    await gateway.ask('', { httpMethod: 'DELETE', headers: two.headers ?? {} });
    await until(() => over.state === 'ended');
    const [refused, three] = await asking();
    await gateway.ask(`{"jsonrpc":"2.0","id":${JSON.stringify(events(refused)[0]?.id)},"error":{"code":-1,"message":"no"}}`, three);
    await refused.finished;
    expect(events(refused).at(-1)?.error?.data).toMatchObject({ code: 'mcp_request_failed', reason_code: 'input_refused' });
    expect(modern.of('tools/call')).toHaveLength(4);
    expect(ends()).toBe(4);
  });

  it('is not another server\'s to answer for', async () => {
    const gateway = await start();
    const session = await opened(gateway, { sampling: {} });
    modern.script = ({ idText }, response) => jsonAnswer(response, question(idText, { joke: { method: 'sampling/createMessage', params: {} } }, undefined));
    const reply = gateway.post(toolCall('new'), session);
    await until(() => reply.events.length === 1);
    legacy.script = ({ idText, body }, response) => {
      sseHead(response);
      response.write(`data: {"jsonrpc":"2.0","id":${JSON.stringify(events(reply)[0]?.id)},"method":"sampling/createMessage","params":{}}\n\n`);
      response.end(`data: ${resultFor(idText, body.length > 0 ? 'fine' : '')}\n\n`);
    };
    const other = await gateway.ask(toolCall('old', {}, 9), session);
    expect(events(other).map(({ method }) => method)).toEqual([undefined]);
    reply.hangUp();
  });
});

describe('client and server of 2026-07-28', () => {
  const STATE = '"\\u0041\\/b=="';

  it('get each other\'s words byte for byte, a call that is sent again as well', async () => {
    const gateway = await start();
    const result = `{ "resultType":"input_required", "requestState" : ${STATE},"inputRequests":{"k":{"method":"roots/list","params":{"n":1e400}}} }`;
    modern.script = ({ idText }, response) => jsonAnswer(response, `{"jsonrpc":"2.0","id":${idText},"result":${result}}`);
    const { posted } = modernRequest('tools/call', { name: 'new' });
    const body = `{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"requestState" : ${STATE},"inputResponses":{"k":{"roots":[],"n":1e400}},"name":"new","_meta":${JSON.stringify(MODERN_META)}}}`;
    const reply = await gateway.ask(body, posted);
    expect(reply.text).toBe(`{"jsonrpc":"2.0","id":5,"result":${result}}`);
    expect(modern.of('tools/call')[0]?.body).toBe(body);
  });

  it('share no credential by an answer that goes with a call sent again', async () => {
    const gateway = await start();
    const { body, posted } = modernRequest('tools/call', { name: 'new', arguments: {}, inputResponses: { k: { action: 'accept', content: { key: 'AKIA'.concat('AB'.repeat(8)) } } } });
    expect((await gateway.ask(body, posted)).code).toBe('dlp_credentials_detected');
    expect(modern.of('tools/call')).toEqual([]);
  });

  it('are parted when the client closes, also while the server has not begun to answer', async () => {
    const gateway = await start();
    let begun: ServerResponse | undefined;
    modern.script = (_seen, response) => { begun = response; };
    const { body, posted } = modernRequest('tools/call', { name: 'new', arguments: {} }, { accept: 'application/json' });
    const reply = gateway.post(body, posted);
    await until(() => begun !== undefined);
    reply.hangUp();
    await until(() => modern.hangUps === 1 && gateway.lines().length > 0);
    expect(gateway.lines().at(-1)).toMatchObject({ code: 'client_disconnected' });
    expect(modern.of('notifications/cancelled')).toEqual([]);
  });
});

describe('a client of 2026-07-28', () => {
  const call = (params: Record<string, unknown> = {}) => modernRequest('tools/call', { name: 'old', arguments: { text: 'a' }, ...params }, { id: 'm' });

  it('calls a tool of a server with a handshake, on the gateway\'s own session', async () => {
    const gateway = await start();
    const { body, posted } = call();
    const reply = await gateway.ask(body, posted);
    expect([reply.status, reply.json]).toMatchObject([200, { id: 'm', result: { resultType: 'complete', content: [{ text: 'fine' }] } }]);
    const [seen] = legacy.of('tools/call');
    expect(seen?.headers).toMatchObject({ 'mcp-protocol-version': '2025-11-25' });
    expect(seen?.headers['mcp-session-id']).toBeDefined();
    expect(seen?.headers).not.toHaveProperty('mcp-method');
    expect(sent(legacy)[0]?.params).toEqual({ name: 'old', arguments: { text: 'a' }, _meta: {} });
    expect(sent(legacy, 'initialize')[0]?.params).toMatchObject({ capabilities: {} });
  });

  it('sees the tools of both, and may keep none of the lists', async () => {
    const gateway = await start();
    const { body, posted } = modernRequest('tools/list');
    const { result } = (await gateway.ask(body, posted)).json as { result: { tools: { name: string }[] } };
    expect(result).toMatchObject({ resultType: 'complete', ttlMs: 0, cacheScope: 'private' });
    expect(result.tools.map(({ name }) => name)).toEqual(['new', 'old']);
    expect(sent(legacy, 'tools/list')[0]?.params).toEqual({ _meta: {} });
    expect(sent(modern, 'tools/list')[0]?.params).toEqual({ _meta: MODERN_META });
  });

  it('has a session renewed that the server lost', async () => {
    const gateway = await start();
    const { body, posted } = call();
    await gateway.ask(body, posted);
    legacy.sessions.clear();
    expect((await gateway.ask(body, posted)).json).toMatchObject({ result: { resultType: 'complete' } });
  });

  it('sees progress, and its hang-up cancels the call at the server by name', async () => {
    const gateway = await start();
    let open: ServerResponse | undefined;
    legacy.script = (_seen, response) => {
      sseHead(response);
      response.write('data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":3,"progress":1}}\n\n');
      open = response;
    };
    const { body, posted } = modernRequest('tools/call', { name: 'old', arguments: {} });
    const reply = gateway.post(body, posted);
    await until(() => open !== undefined && reply.events.length === 1);
    reply.hangUp();
    await until(() => legacy.of('notifications/cancelled').length === 1 && legacy.hangUps === 1);
    expect(sent(legacy, 'notifications/cancelled')[0]?.params).toMatchObject({ requestId: sent(legacy)[0]?.id });
  });

  it('hears of a server\'s question only by its outcome: the server is told that nobody can answer', async () => {
    const gateway = await start();
    legacy.script = ({ idText }, response) => {
      sseHead(response);
      response.write('data: {"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{}}\n\n');
      response.end(`data: ${resultFor(idText, 'fine')}\n\n`);
    };
    const { body, posted } = call();
    const reply = await gateway.ask(body, posted);
    expect(events(reply)).toMatchObject([{ id: 'm', result: { resultType: 'complete' } }]);
    await until(() => legacy.seen.some(({ body: said }) => said.includes('-32601')));
    expect(gateway.lines().filter(({ type }) => type === 'server_request')).toMatchObject([{ method: 'elicitation/create', decision: 'DENY' }]);
  });

  it('is told of an unknown method with 404, and of a resource that is not there with a number of its own era', async () => {
    const gateway = await startAlone();
    for (const [code, status, own] of [[-32601, 404, -32601], [-32002, 200, -32602]] as const) {
      legacy.script = ({ idText }, response) => jsonAnswer(response, `{"jsonrpc":"2.0","id":${idText},"error":{"code":${code},"message":"m"}}`);
      const { body, posted } = modernRequest('resources/read', { uri: 'file:///a' });
      expect(await gateway.ask(body, posted)).toMatchObject({ status, json: { error: { code: own } } });
    }
  });

  it('may keep nothing for others: what is public at the server is private here', async () => {
    modern.modernOnly = { tools: {}, resources: {} };
    const gateway = running = await startInProcessGateway({ tools: [{ name: 'new', url: modern.url }] });
    modern.script = ({ idText }, response) => jsonAnswer(response, `{"jsonrpc":"2.0","id":${idText},"result":{"resultType":"complete","contents":[],"ttlMs":60000,"cacheScope":"public"}}`);
    const { body, posted } = modernRequest('resources/read', { uri: 'file:///a' });
    expect((await gateway.ask(body, posted)).json).toMatchObject({ result: { ttlMs: 60000, cacheScope: 'private' } });
  });

  async function startAlone(): Promise<InProcessGateway> {
    running = await startInProcessGateway({ tools: [{ name: 'old', url: legacy.url }] });
    legacy.seen.length = 0;
    return running;
  }
});
