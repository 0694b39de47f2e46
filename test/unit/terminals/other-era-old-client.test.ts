// A client with a handshake and a tool server without one, through the whole gateway: what each sees of the other.
import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { rpc, toolCall } from '../../support/gateway-in-process.js';
import { jsonAnswer, resultFor, sseHead } from '../../support/scripted-server.js';
import { until } from '../../support/until.js';
import { legacy, modern, opened, sent, start } from './other-era-fixture.js';

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
    const gateway = await start({ tools: [{ name: 'new', url: modern.url }] });
    const session = await opened(gateway);
    expect((await gateway.ask(rpc('x/y'), session)).status).toBe(200);
    expect(modern.of('x/y').map(({ headers }) => headers['mcp-method'])).toEqual(['x/y']);
    modern.seen.length = 0;
    for (const method of ['x\r\nx-evil: 1', 'x y', 'é']) expect(await gateway.ask(rpc(method), session)).toMatchObject({ status: 200, json: { error: { code: -32601 } } });
    expect(modern.seen).toEqual([]);
  });
});
