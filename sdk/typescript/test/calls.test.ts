// Calls of 2026-07-28 against a small real server: what goes out, what comes back, what is not asked at all.
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ConfigurationError, GatewayClient, ToolError, ToolResult, type ClientOptions } from '../src/index.js';
import { failure, startCalls } from './support/calls.js';
import { ownSurroundings } from './support/own-surroundings.js';
import { events, json, result, startScripted, text } from './support/scripted-gateway.js';

const ID = 'spiffe://poc.local/agents/mcp-client/my-agent/dev';
const { gateway, client, callFails } = await startCalls();

describe('a call', () => {
  it('is one stateless POST that says the same in its headers and its body', async () => {
    gateway.play(text('hi'));
    const answer = await client({ spiffeId: ID, clientName: 'probe', clientVersion: '9' }).callTool('my_tool', { query: 'x', n: 1.5 }, { meta: { 'example/key': true, 'io.modelcontextprotocol/protocolVersion': '1999' } });
    expect(answer.text).toBe('hi');
    const [seen] = gateway.seen;
    expect(seen).toMatchObject({
      method: 'POST', path: '/',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'my_tool', 'x-spiffe-id': ID },
      body: {
        jsonrpc: '2.0', id: 1, method: 'tools/call',
        params: {
          name: 'my_tool', arguments: { query: 'x', n: 1.5 },
          _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientInfo': { name: 'probe', version: '9' }, 'io.modelcontextprotocol/clientCapabilities': {}, 'example/key': true },
        },
      },
    });
    expect(seen?.headers['traceparent']).toMatch(new RegExp(`^00-${answer.traceId}-[0-9a-f]{16}-01$`));
    expect(seen?.body['params']).not.toHaveProperty('_meta.progressToken');
  });

  it('counts its ids, keeps the URL\'s path and query, and uses its connection again', async () => {
    gateway.play(text('a'));
    const before = gateway.connections();
    const one = client({ gatewayUrl: `${gateway.url}/as/my-agent/dev/mcp?x=1` });
    await one.callTool('t');
    await one.callTool('t');
    expect(gateway.seen.map(({ path, body }) => [path, body['id']])).toEqual([['/as/my-agent/dev/mcp?x=1', 1], ['/as/my-agent/dev/mcp?x=1', 2]]);
    expect(gateway.connections() - before).toBe(1);
  });

  it('writes a name that no header can hold in its encoded form', async () => {
    gateway.play(text('a'));
    await client().callTool('été');
    expect(gateway.seen[0]?.headers['mcp-name']).toBe(`=?base64?${Buffer.from('été').toString('base64')}?=`);
  });

  it('gives the result as it came', async () => {
    const raw = { content: [{ type: 'text', text: 'a' }, { type: 'image', data: 'AA==', mimeType: 'image/png' }, { type: 'text', text: 'b' }], structuredContent: { n: 1 }, isError: true, _meta: { k: 1 }, later: 'kept' };
    gateway.play(result(raw));
    const answer = await client().callTool('t');
    expect(answer).toMatchObject({ content: raw.content, structuredContent: { n: 1 }, isError: true, meta: { k: 1 }, text: 'a\nb', raw });
    expect(() => answer.throwOnError()).toThrow(ToolError);
    expect(() => answer.throwOnError()).toThrow(`agw audit explain ${answer.traceId}`);
    expect(new ToolResult({ content: [] }, '').throwOnError()).toBeInstanceOf(ToolResult);
  });

  it('follows the caller\'s trace, and makes one where what it is given is none', async () => {
    gateway.play(text('a'));
    const given = `00-${'b'.repeat(32)}-${'c'.repeat(16)}-01`;
    expect((await client({ traceparent: () => given }).callTool('t')).traceId).toBe('b'.repeat(32));
    expect((await client({ traceparent: () => 'nonsense\r\nx: y' }).callTool('t')).traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(gateway.seen.map(({ headers }) => headers['traceparent'])).toEqual([given, expect.stringMatching(/^00-/)]);
  });

  it.each([`ff-${'b'.repeat(32)}-${'c'.repeat(16)}-01`, `00-${'0'.repeat(32)}-${'c'.repeat(16)}-01`, `00-${'b'.repeat(32)}-${'0'.repeat(16)}-01`, `00-${'B'.repeat(32)}-${'c'.repeat(16)}-01`, `00-${'b'.repeat(32)}-${'c'.repeat(16)}`])('takes %s for no trace: the gateway would begin another than the answer names', async (given) => {
    gateway.play(text('a'));
    const { traceId } = await client({ traceparent: () => given }).callTool('t');
    expect(given).not.toContain(traceId);
    expect(gateway.seen.map(({ headers }) => headers['traceparent'])).toEqual([expect.stringMatching(`^00-${traceId}-`)]);
  });

  it('goes through a fetch of the caller\'s own', async () => {
    gateway.play(events({ jsonrpc: '2.0', id: '$id', result: { content: [] } }));
    const urls: string[] = [];
    const own: typeof fetch = (url, init) => {
      urls.push(url instanceof Request ? url.url : String(url));
      return fetch(url, init);
    };
    expect((await client({ fetch: own }).callTool('t')).content).toEqual([]);
    expect(urls).toEqual([`${gateway.url}/`]);
    expect(await callFails(json({}, 302, { location: 'http://127.0.0.1:1/' }), { fetch: own })).toMatchObject({ name: 'TransportError', httpStatus: 302 });
    const gone = await startScripted();
    await gone.close();
    expect(await failure(client({ fetch: own, gatewayUrl: gone.url }).callTool('t'))).toMatchObject({ name: 'TransportError', mayHaveRun: false });
    const surroundings = ownSurroundings();
    expect(await callFails(() => surroundings.pass(5), { fetch: own, surroundings, timeout: 5 })).toMatchObject({ name: 'CallTimeoutError', mayHaveRun: true });
    await expect(async () => client({ fetch: own, caFile: 'x' })).rejects.toThrow(ConfigurationError);
  });

  it('says of arguments that are no JSON nothing but that', async () => {
    const circular: Record<string, unknown> = { secret_member: 1 };
    circular['secret_member'] = circular;
    expect(inspect(await failure(client().callTool('t', circular)))).not.toContain('secret_member');
    expect(await failure(client().callTool('t', { n: 1n }))).toBeInstanceOf(ConfigurationError);
    expect(gateway.seen).toEqual([]);
  });
});

describe('an option that there is not', () => {
  const odd = (options: object): ClientOptions => options as ClientOptions;

  it.each([
    [{ gatewayURL: 'http://localhost:1' }, 'GatewayClient has no option gatewayURL; it is called gatewayUrl.'], [{ spiffe_id: ID }, 'it is called spiffeId.'], [{ url: 'http://localhost:1' }, 'GatewayClient has no option url: it has gatewayUrl, '],
    [{ toString: 1 }, 'GatewayClient has no option toString'],
  ])('makes no client: %j', (options, says) => {
    expect(() => new GatewayClient(odd(options))).toThrow(ConfigurationError);
    expect(() => new GatewayClient(odd(options))).toThrow(says);
  });

  it('is a string in place of the options', () => {
    expect(() => new GatewayClient('http://localhost:9090' as ClientOptions)).toThrow('The options of GatewayClient are an object.');
  });

  it('sends no call and opens no session', async () => {
    const one = client();
    const asked = [
      one.callTool('t', {}, odd({ time_out: 1 })), one.listTools(odd({ Timeout: 1 })), one.request('m', {}, odd({ retries: 1 })), one.session(odd({ onrequest: () => undefined })),
      one.streamTool('t', {}, odd({ abortSignal: 1 })).next(), one.listen({}, odd({ timeoutMs: 1 })).next(),
    ];
    for (const run of asked) expect(await failure(run)).toBeInstanceOf(ConfigurationError);
    expect(gateway.seen).toEqual([]);
  });

  it('is none that is undefined and known', async () => {
    gateway.play(result({ content: [] }));
    expect(await client().callTool('t', {}, { timeout: undefined, signal: undefined })).toBeInstanceOf(ToolResult);
  });
});

describe('a closed client', () => {
  it('asks nothing more', async () => {
    const one = client();
    await one[Symbol.asyncDispose]();
    await one.close();
    expect(await failure(one.callTool('t'))).toBeInstanceOf(ConfigurationError);
    expect(await failure(one.session())).toBeInstanceOf(ConfigurationError);
  });
});
