// A client of 2026-07-28, with a tool server of its own era and with one that wants a handshake, through the whole gateway.
import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { jsonAnswer, resultFor, sseHead } from '../../support/scripted-server.js';
import { until } from '../../support/until.js';
import { MODERN_META, modernRequest } from './modern-fixture.js';
import { events, legacy, modern, sent, start } from './other-era-fixture.js';

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
    const gateway = await start({ tools: [{ name: 'old', url: legacy.url }] });
    for (const [code, status, own] of [[-32601, 404, -32601], [-32002, 200, -32602]] as const) {
      legacy.script = ({ idText }, response) => jsonAnswer(response, `{"jsonrpc":"2.0","id":${idText},"error":{"code":${code},"message":"m"}}`);
      const { body, posted } = modernRequest('resources/read', { uri: 'file:///a' });
      expect(await gateway.ask(body, posted)).toMatchObject({ status, json: { error: { code: own } } });
    }
  });

  it('may keep nothing for others: what is public at the server is private here', async () => {
    modern.modernOnly = { tools: {}, resources: {} };
    const gateway = await start({ tools: [{ name: 'new', url: modern.url }] });
    modern.script = ({ idText }, response) => jsonAnswer(response, `{"jsonrpc":"2.0","id":${idText},"result":{"resultType":"complete","contents":[],"ttlMs":60000,"cacheScope":"public"}}`);
    const { body, posted } = modernRequest('resources/read', { uri: 'file:///a' });
    expect((await gateway.ask(body, posted)).json).toMatchObject({ result: { ttlMs: 60000, cacheScope: 'private' } });
  });
});
