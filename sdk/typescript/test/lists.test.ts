// Lists and their pages, what they name, and what the servers say by themselves.
import { describe, expect, it } from 'vitest';
import { TransportError } from '../src/index.js';
import { failure, startCalls } from './support/calls.js';
import { ownSurroundings } from './support/own-surroundings.js';
import { result, type Play } from './support/scripted-gateway.js';

const { gateway, client } = await startCalls();

describe('lists', () => {
  it('follow their cursors to the end', async () => {
    gateway.play(result({ tools: [{ name: 'a', inputSchema: {} }], nextCursor: 'c1' }), result({ tools: [{ name: 'b', inputSchema: {} }] }));
    expect((await client().listTools()).map(({ name }) => name)).toEqual(['a', 'b']);
    expect(gateway.seen.map(({ body }) => (body['params'] as { cursor?: string }).cursor)).toEqual([undefined, 'c1']);
  });

  it('have one time for all their pages', async () => {
    const surroundings = ownSurroundings();
    const page = (next: unknown): Play => (seen, response, request) => {
      surroundings.pass(3);
      result({ tools: [], nextCursor: next })(seen, response, request);
    };
    gateway.play(page('c1'), page('c2'), page(undefined));
    expect(await failure(client({ surroundings }).listTools({ timeout: 5 }))).toMatchObject({ name: 'CallTimeoutError' });
    expect(gateway.seen).toHaveLength(2);
  });

  it('that never end are an error', async () => {
    gateway.play(result({ prompts: [{ name: 'p' }], nextCursor: 'again' }));
    expect(await failure(client().listPrompts())).toMatchObject({ name: 'TransportError', message: expect.stringContaining('1000 pages') as string });
    expect(gateway.seen).toHaveLength(1000);
  });

  it('are those of the method', async () => {
    const one = client();
    gateway.play(result({ resources: [{ uri: 'a:b', name: 'r' }] }), result({ resourceTemplates: [{ uriTemplate: 'a:{x}', name: 't' }] }), result({ nothing: [] }));
    expect(await one.listResources()).toEqual([{ uri: 'a:b', name: 'r' }]);
    expect(await one.listResourceTemplates()).toEqual([{ uriTemplate: 'a:{x}', name: 't' }]);
    expect(await failure(one.listPrompts())).toBeInstanceOf(TransportError);
    expect(gateway.seen.map(({ headers }) => headers['mcp-method'])).toEqual(['resources/list', 'resources/templates/list', 'prompts/list']);
  });

  it('and what they name is read by its name', async () => {
    const one = client();
    gateway.play(result({ contents: [1] }), result({ messages: [2] }), result({ supportedVersions: [] }), result({}), result({ x: 1 }));
    expect(await one.readResource('a:b')).toEqual({ contents: [1] });
    expect(await one.getPrompt('p', { k: 'v' })).toEqual({ messages: [2] });
    expect(await one.discover()).toEqual({ supportedVersions: [] });
    await one.ping();
    expect(await one.request('completion/complete', { ref: {}, _meta: { mine: 1 } })).toEqual({ x: 1 });
    expect(gateway.seen.map(({ body, headers }) => [body['method'], headers['mcp-name']])).toEqual([['resources/read', 'a:b'], ['prompts/get', 'p'], ['server/discover', undefined], ['server/discover', undefined], ['completion/complete', undefined]]);
    expect(gateway.seen[1]?.body).toMatchObject({ params: { name: 'p', arguments: { k: 'v' } } });
    expect(gateway.seen[4]?.body).toMatchObject({ params: { ref: {}, _meta: { mine: 1, 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } } });
  });

  it('of what the servers say go on until they are left', async () => {
    let say: (method: string) => void = () => undefined;
    gateway.play((_seen, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      say = (method) => void response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', method, params: {} })}\n\n`);
      say('notifications/subscriptions/acknowledged');
    });
    const surroundings = ownSurroundings();
    const heard: string[] = [];
    for await (const { method } of client({ surroundings }).listen({ toolsListChanged: true }, { timeout: 5 })) {
      heard.push(method);
      if (heard.length === 2) break;
      surroundings.pass(60); // the first word has come
      say('notifications/tools/list_changed');
    }
    expect(heard).toEqual(['notifications/subscriptions/acknowledged', 'notifications/tools/list_changed']);
    expect(gateway.seen[0]?.body).toMatchObject({ method: 'subscriptions/listen', params: { notifications: { toolsListChanged: true } } });
  });

  it('of what the servers say end when the first word is late, and when the caller says so', async () => {
    const surroundings = ownSurroundings();
    gateway.play(() => surroundings.pass(5));
    expect(await failure(client({ surroundings }).listen({}, { timeout: 5 }).next())).toMatchObject({ name: 'CallTimeoutError' });
    const stop = new AbortController();
    gateway.play(() => stop.abort());
    await expect(client().listen({}, { signal: stop.signal }).next()).rejects.toMatchObject({ name: 'AbortError' });
  });
});
