// Calls of 2026-07-28 against a small real server: what goes out, what comes back, refusals in every shape.
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  AuthorizationError, CallTimeoutError, ConfigurationError, GatewayClient, GatewayError, InputRequiredError, PrecinctError, ProtocolError, secretRef, ToolError, ToolResult,
  TransportError, UpstreamError, type ClientOptions, type SecretRefOptions, type ToolEvent,
} from '../src/index.js';
import { CODES } from '../src/codes.js';
import { FAMILIES } from '../src/families.js';
import { ownSurroundings } from './support/own-surroundings.js';
import { envelope, events, json, refusal, result, startScripted, text, type Play, type ScriptedGateway } from './support/scripted-gateway.js';

const ID = 'spiffe://poc.local/agents/mcp-client/my-agent/dev';
let gateway: ScriptedGateway;
const clients: GatewayClient[] = [];

beforeAll(async () => { gateway = await startScripted(); });
beforeEach(() => { gateway.seen.length = 0; });
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await gateway.close();
});

function client(options: ClientOptions = {}): GatewayClient {
  const made = new GatewayClient({ gatewayUrl: gateway.url, surroundings: ownSurroundings(), maxRetries: 0, ...options });
  clients.push(made);
  return made;
}

async function failure(run: Promise<unknown>): Promise<PrecinctError> {
  const error: unknown = await run.then(() => undefined, (reason: unknown) => reason);
  if (!(error instanceof PrecinctError)) throw new Error(`no PrecinctError: ${inspect(error)}`);
  return error;
}

async function callFails(play: Play, options: ClientOptions = {}): Promise<PrecinctError> {
  gateway.play(play);
  return failure(client(options).callTool('echo', { a: 1 }));
}

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

describe('a refusal', () => {
  const facts = {
    code: 'authz_policy_denied', step: 6, middleware: 'opa_policy', reasonCode: 'because', message: 'No.', decisionId: 'd', traceId: 'a'.repeat(32), details: { tool: 't' }, remediation: 'Ask.', docsUrl: 'docs',
  };
  const wire = { code: 'authz_policy_denied', message: 'No.', middleware: 'opa_policy', middleware_step: 6, reason_code: 'because', decision_id: 'd', trace_id: 'a'.repeat(32), details: { tool: 't' }, remediation: 'Ask.', docs_url: 'docs' };

  it.each<[string, Play, number]>([
    ['JSON-RPC error on 200', json({ jsonrpc: '2.0', id: 1, error: { code: 403, message: 'No.', data: wire } }), 200],
    ['within an event', events({ jsonrpc: '2.0', id: '$id', error: { code: 403, message: 'No.', data: wire } }), 200],
    ['flat, with its status', json({ jsonrpc: '2.0', id: 1, error: { code: 403, message: 'No.', data: wire }, ...wire }, 403), 403],
    ['flat, of a body that could not be read', json({ jsonrpc: '2.0', id: null, error: { code: 403, message: 'No.' }, ...wire }, 403), 403],
    ['the envelope alone', json(wire, 403), 403],
  ])('%s', async (_shape, play, httpStatus) => {
    const error = await callFails(play);
    expect(error).toBeInstanceOf(AuthorizationError);
    expect(error).toMatchObject({ ...facts, httpStatus, name: 'AuthorizationError', retryAfter: undefined });
    const { details: _details, ...logged } = facts;
    const json = JSON.parse(JSON.stringify(error)) as Record<string, unknown>;
    expect(json).toMatchObject({ name: 'AuthorizationError', ...logged });
    expect(json).not.toHaveProperty('details'); // they may repeat what the call said
  });

  it.each(Object.entries(CODES))('%s is of its family', async (code, row) => {
    const error = await callFails(refusal(code, { rpcCode: row.status, status: row.status, more: { middleware_step: row.step } }));
    expect(error).toBeInstanceOf(FAMILIES[row.family]);
    expect(error).toBeInstanceOf(GatewayError);
    expect(error).toMatchObject({ code, step: row.step, name: code === 'session_not_found' ? 'SessionExpiredError' : row.family });
  });

  it('of a code of later is of its step\'s family, or of none', async () => {
    expect(await callFails(refusal('brand_new', { more: { middleware_step: 14 } }))).toBeInstanceOf(UpstreamError);
    const other = await callFails(refusal('brand_new', { more: { middleware_step: 77 } }));
    expect([other.name, other.constructor]).toEqual(['GatewayError', GatewayError]);
  });

  it('takes the longest wait that header and envelope name', async () => {
    expect(await callFails(refusal('ratelimit_exceeded', { rpcCode: 429, status: 429, headers: { 'retry-after': '7' }, more: { details: { retry_after_seconds: 3 } } }))).toMatchObject({ name: 'RateLimitError', retryAfter: 7 });
    expect(await callFails(refusal('ratelimit_exceeded', { rpcCode: 429, status: 200, more: { details: { retry_after_seconds: 3 } } }))).toMatchObject({ retryAfter: 3 });
    const http = new Date(1_800_000_000_000 + 9_000).toUTCString();
    expect(await callFails(refusal('ratelimit_exceeded', { rpcCode: 429, status: 429, headers: { 'retry-after': http } }))).toMatchObject({ retryAfter: 9 });
    expect(await callFails(refusal('ratelimit_exceeded', { rpcCode: 429, status: 429, headers: { 'retry-after': 'soon' } }))).toMatchObject({ retryAfter: undefined });
  });

  it('of a protocol error keeps its number', async () => {
    expect(await callFails(refusal('mcp_invalid_request', { rpcCode: -32022, status: 400, more: { middleware_step: 2, supported: ['2025-11-25'] } }))).toMatchObject({ name: 'InvalidRequestError', rpcCode: -32022, httpStatus: 400 });
  });
});

describe('an answer that is no refusal of the gateway', () => {
  it('but the tool server\'s own error is a ProtocolError', async () => {
    const error = await callFails(json({ jsonrpc: '2.0', id: 1, error: { code: -32602, message: 'Bad argument.', data: { field: 'a' } } }));
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error).toMatchObject({ rpcCode: -32602, message: 'Bad argument.', data: { field: 'a' }, httpStatus: 200 });
  });

  it('is an error where it says both', async () => {
    expect(await callFails(json({ jsonrpc: '2.0', id: 1, result: { content: [] }, error: { code: -1, message: 'x' } }))).toBeInstanceOf(ProtocolError);
  });

  it.each<[string, Play, Record<string, unknown>]>([
    ['a page of a proxy', (_s, r) => void r.writeHead(502, { 'content-type': 'text/html; charset=utf-8' }).end('<html>secret words</html>'), { httpStatus: 502, message: expect.stringContaining('HTTP 502 with text/html') as string }],
    ['a bare status', (_s, r) => void r.writeHead(503).end(), { httpStatus: 503, message: expect.stringContaining('no content type') as string }],
    ['a redirect', (_s, r) => void r.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(), { httpStatus: 307, message: expect.stringContaining('redirect') as string }],
    ['JSON that is no JSON-RPC', json({ hello: 1 }), { httpStatus: 200 }],
    ['JSON that breaks off', (_s, r) => void r.writeHead(200, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0","id":1,'), { httpStatus: 200 }],
    ['a stream that ends without a response', events({ jsonrpc: '2.0', method: 'notifications/progress', params: { progress: 1 } }), { httpStatus: 200 }],
    ['a response to another request', events({ jsonrpc: '2.0', id: 99, result: {} }), { httpStatus: 200 }],
    ['an event that is no JSON', (_s, r) => void r.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: {"secret words\n\n'), { httpStatus: 200 }],
    ['a result that is no object', json({ jsonrpc: '2.0', id: 1, result: 'x' }), {}],
    ['content that is no list', json({ jsonrpc: '2.0', id: 1, result: { content: 'x' } }), {}],
    ['a status without a body', (_s, r) => void r.writeHead(202).end(), { httpStatus: 202 }],
    ['a lost connection', (_s, r) => void r.destroy(), { httpStatus: undefined }],
    ['a body that is cut', (_s, r) => void r.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('{"jsonrpc"', () => r.destroy()), { httpStatus: undefined }],
  ])('%s is a TransportError, and may have run', async (_what, play, facts) => {
    const error = await callFails(play);
    expect(error).toBeInstanceOf(TransportError);
    expect(error).toMatchObject({ mayHaveRun: true, traceId: expect.stringMatching(/^[0-9a-f]{32}$/) as string, ...facts });
    expect(inspect(error)).not.toContain('secret words');
  });

  it.each<[string, Play]>([
    ['whole', (_s, r) => void r.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { x: 'y'.repeat(2000) } }))],
    ['as one event', events({ jsonrpc: '2.0', id: '$id', result: { x: 'y'.repeat(2000) } })],
    ['as one event of many lines', (_s, r) => void r.writeHead(200, { 'content-type': 'text/event-stream' }).end(`${'data: "yyyyyyyyyy"\n'.repeat(200)}\n`)],
  ])('that is too large (%s) is not kept', async (_shape, play) => {
    expect(await callFails(play, { maxAnswerBytes: 1000 })).toMatchObject({ name: 'TransportError', kind: 'answer', message: expect.stringContaining('1000 bytes') as string });
  });

  it('cannot come where nobody listens: nothing has run', async () => {
    expect(await failure(client({ gatewayUrl: 'http://127.0.0.1:1' }).callTool('t'))).toMatchObject({ name: 'TransportError', mayHaveRun: false, message: 'The gateway cannot be reached (ECONNREFUSED): http://127.0.0.1:1' });
  });

  it('has not run where the connection was not there yet when the time was over', async () => {
    const { createServer } = await import('node:net');
    const surroundings = ownSurroundings();
    const silent = createServer((socket) => {
      socket.on('error', () => undefined);
      surroundings.pass(5);
    });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    expect(await failure(client({ gatewayUrl: `https://127.0.0.1:${port}`, surroundings, timeout: 5 }).callTool('t', { a: 1 }))).toMatchObject({ name: 'CallTimeoutError', mayHaveRun: false, message: 'No answer within 5 s; nothing has run' });
    silent.close();
  });

  it('has not run either if the request could not be sent whole', async () => {
    const cut = await startScripted();
    const [host, port] = [new URL(cut.url).hostname, Number(new URL(cut.url).port)];
    await cut.close();
    const { createServer } = await import('node:net');
    const server = createServer((socket) => void socket.once('data', () => socket.resetAndDestroy()));
    await new Promise<void>((resolve) => server.listen(port, host, resolve));
    const error = await failure(client({ gatewayUrl: cut.url }).callTool('t', { big: 'x'.repeat(32 * 1024 * 1024) }));
    server.close();
    expect(error).toMatchObject({ name: 'TransportError', mayHaveRun: false });
  });

  it('asks for an answer first', async () => {
    gateway.play(result({ resultType: 'input_required', inputRequests: { ok: { method: 'elicitation/create' } }, requestState: 'opaque "x"' }), text('done'));
    const one = client();
    const error = await failure(one.callTool('t', { a: 1 }));
    expect(error).toBeInstanceOf(InputRequiredError);
    expect(error).toMatchObject({ inputRequests: { ok: { method: 'elicitation/create' } }, requestState: 'opaque "x"' });
    expect((await one.callTool('t', { a: 1 }, { inputResponses: { ok: { action: 'accept' } }, requestState: 'opaque "x"' })).text).toBe('done');
    expect(gateway.seen[1]?.body).toMatchObject({ id: 2, params: { name: 't', arguments: { a: 1 }, inputResponses: { ok: { action: 'accept' } }, requestState: 'opaque "x"' } });
  });
});

describe('arguments that a tool\'s schema marks', () => {
  const tools = [{ name: 't', inputSchema: { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' }, deep: { type: 'object', properties: { n: { type: 'integer', 'x-mcp-header': 'N' } } }, other: { type: 'string' } } } }];

  it('travel in headers as well, once the tool was listed', async () => {
    gateway.play(result({ tools }), text('a'));
    const one = client();
    await one.listTools();
    await one.callTool('t', { region: ' é', deep: { n: 3 }, other: 'x' });
    expect(gateway.seen[1]?.headers).toMatchObject({ 'mcp-param-region': `=?base64?${Buffer.from(' é').toString('base64')}?=`, 'mcp-param-n': '3' });
    expect(gateway.seen[1]?.headers).not.toHaveProperty('mcp-param-other');
  });

  it.each<[string, unknown]>([
    ['behind items', { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' }, list: { type: 'array', items: { properties: { x: { type: 'string', 'x-mcp-header': 'X' } } } } } }],
    ['twice', { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' }, other: { type: 'string', 'x-mcp-header': 'region' } } }],
    ['on an object', { type: 'object', properties: { region: { type: 'object', 'x-mcp-header': 'Region' } } }],
    ['with a name that is none', { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'a b' } } }],
  ])('do not, where a mark breaks the rules: %s', async (_what, inputSchema) => {
    gateway.play(result({ tools: [{ name: 't', inputSchema }] }), text('a'));
    const one = client();
    await one.listTools();
    await one.callTool('t', { region: 'eu' });
    expect(Object.keys(gateway.seen[1]?.headers ?? {}).filter((name) => name.startsWith('mcp-param-'))).toEqual([]);
  });

  it('are learnt from the refusal that misses them, once', async () => {
    const mismatch = refusal('mcp_invalid_request', { rpcCode: -32020, status: 400, more: { middleware_step: 2 } });
    gateway.play(mismatch, result({ tools }), text('a'));
    expect((await client().callTool('t', { region: 'eu' })).text).toBe('a');
    expect(gateway.seen.map(({ body, headers }) => [body['method'], headers['mcp-param-region']])).toEqual([['tools/call', undefined], ['tools/list', undefined], ['tools/call', 'eu']]);
    gateway.seen.length = 0;
    gateway.play(mismatch, result({ tools }), mismatch);
    expect(await failure(client().callTool('t', { region: 'eu' }))).toMatchObject({ rpcCode: -32020 });
    expect(gateway.seen).toHaveLength(3);
  });

  it('are learnt as well where the method is written out', async () => {
    gateway.play(refusal('mcp_invalid_request', { rpcCode: -32020, status: 400, more: { middleware_step: 2 } }), result({ tools }), text('a'));
    await client().request('tools/call', { name: 't', arguments: { region: 'eu' } });
    expect(gateway.seen[2]?.headers).toMatchObject({ 'mcp-name': 't', 'mcp-param-region': 'eu' });
  });
});

describe('a streamed call', () => {
  const progress = (n: number): unknown => ({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: '$id', progress: n, total: 3, message: `step ${n}` } });

  it('brings progress and log messages, then the result', async () => {
    gateway.play(events(progress(1), { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'warning', logger: 'l', data: { a: 1 } } }, { jsonrpc: '2.0', method: 'notifications/other', params: { b: 2 } }, { jsonrpc: '2.0', id: '$id', result: { content: [{ type: 'text', text: 'end' }] } }));
    const got: ToolEvent[] = [];
    for await (const event of client().streamTool('t')) got.push(event);
    expect(got).toMatchObject([
      { type: 'progress', progress: 1, total: 3, message: 'step 1' }, { type: 'log', level: 'warning', logger: 'l', data: { a: 1 } }, { type: 'notification', method: 'notifications/other', params: { b: 2 } }, { type: 'result', result: { text: 'end' } },
    ]);
    expect(gateway.seen[0]?.body).toMatchObject({ id: 1, params: { _meta: { progressToken: 1 } } });
  });

  it('leaves its connection to the next one', async () => {
    gateway.play((seen, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(`data: ${JSON.stringify({ jsonrpc: '2.0', id: seen.body['id'], result: { content: [] } })}\n\n`);
      setTimeout(() => response.end(), 5); // it ends behind its answer
    });
    const before = gateway.connections();
    const one = client();
    for (let n = 0; n < 6; n += 1) {
      await one.callTool('t');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(gateway.connections() - before).toBeLessThan(6);
  });

  it('throws the refusal that comes within it', async () => {
    gateway.play(events(progress(1), { jsonrpc: '2.0', id: '$id', error: { code: 502, message: 'x', data: envelope('response_blocked', { middleware_step: 14 }) } }));
    const got: string[] = [];
    const run = async (): Promise<void> => {
      for await (const { type } of client().streamTool('t')) got.push(type);
    };
    expect(await failure(run())).toBeInstanceOf(UpstreamError);
    expect(got).toEqual(['progress']);
  });

  it('closes its connection when it is left early, and when its signal says so', async () => {
    const closed: Promise<void>[] = [];
    gateway.play((_seen, response) => {
      closed.push(new Promise((resolve) => response.on('close', resolve)));
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(`data: ${JSON.stringify(progress(1))}\n\n`);
    });
    for await (const event of client().streamTool('t')) if (event.type === 'progress') break;
    await closed[0];
    const stop = new AbortController();
    const reason = new Error('my own reason');
    const run = client().callTool('t', {}, { signal: stop.signal, onProgress: () => stop.abort(reason) });
    await expect(run).rejects.toBe(reason);
    await closed[1];
    await expect(client().callTool('t', {}, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
    expect(gateway.seen).toHaveLength(2);
  });

  it('is read no faster than its reader takes it', async () => {
    const line = `data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'x'.repeat(64 * 1024) } })}\n\n`;
    const LINES = 512; // 32 MiB: more than sockets and streams hold
    let written = 0;
    gateway.play((seen, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const more = (): void => {
        while (written < LINES) {
          written += 1;
          if (!response.write(line)) return void response.once('drain', more);
        }
        response.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id: seen.body['id'], result: { content: [] } })}\n\n`);
      };
      more();
    });
    const stream = client().streamTool('t');
    await stream.next();
    let before = -1;
    while (before !== written) { // until the writer stands still
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(written).toBeLessThan(LINES);
    let count = 1;
    for await (const event of stream) if (event.type === 'log') count += 1;
    expect(count).toBe(LINES);
  });

  it('ends with its time, and says whether it may have run', async () => {
    const surroundings = ownSurroundings();
    gateway.play((_seen, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': here\n\n');
      setImmediate(() => surroundings.pass(2));
    });
    expect(await failure(client({ surroundings }).callTool('t', {}, { timeout: 2 }))).toMatchObject({ name: 'CallTimeoutError', mayHaveRun: true, message: expect.stringMatching(/^No answer within 2 s; the record: agw audit explain [0-9a-f]{32}$/) as string });
    expect(new CallTimeoutError('x', { mayHaveRun: false, traceId: undefined })).toBeInstanceOf(PrecinctError);
  });
});

describe('lists', () => {
  it('follow their cursors to the end', async () => {
    gateway.play(result({ tools: [{ name: 'a', inputSchema: {} }], nextCursor: 'c1' }), result({ tools: [{ name: 'b', inputSchema: {} }] }));
    expect((await client().listTools()).map(({ name }) => name)).toEqual(['a', 'b']);
    expect(gateway.seen.map(({ body }) => (body['params'] as { cursor?: string }).cursor)).toEqual([undefined, 'c1']);
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
    gateway.play((_seen, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const method of ['notifications/subscriptions/acknowledged', 'notifications/tools/list_changed']) response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', method, params: {} })}\n\n`);
    });
    const surroundings = ownSurroundings();
    const heard: string[] = [];
    for await (const { method } of client({ surroundings }).listen({ toolsListChanged: true }, { timeout: 5 })) {
      surroundings.pass(60); // the first word has come
      heard.push(method);
      if (heard.length === 2) break;
    }
    expect(heard).toEqual(['notifications/subscriptions/acknowledged', 'notifications/tools/list_changed']);
    expect(gateway.seen[0]?.body).toMatchObject({ method: 'subscriptions/listen', params: { notifications: { toolsListChanged: true } } });
  });
});

describe('a secret reference', () => {
  it('goes over the wire, and shows itself nowhere else', async () => {
    gateway.play(refusal('token_expired', { more: { middleware_step: 13 } }));
    const reference = secretRef('db.password', { expiresIn: 60, scope: 'tools:db' });
    const error = await failure(client().callTool('t', { password: reference, list: [`Bearer ${JSON.stringify(reference).slice(1, -1)}`] }));
    expect(gateway.seen[0]?.body).toMatchObject({ params: { arguments: { password: '$SPIKE{ref:db.password,exp:60,scope:tools:db}' } } });
    for (const shown of [inspect(error, { depth: null, showHidden: true }), JSON.stringify(error), String(error), inspect(reference, { showHidden: true }), String(reference), `${reference}`, inspect({ reference })]) expect(shown).not.toContain('db.password');
    expect(inspect(reference)).toBe('SecretRef(…)');
  });

  it.each([['', {}], ['a b', {}], ['a}', {}], ['a'.repeat(129), {}], ['ok', { expiresIn: 0 }], ['ok', { expiresIn: 1.5 }], ['ok', { expiresIn: 1e10 }], ['ok', { scope: 'a,b' }], ['ok', { scope: '' }], ['ok', { expires_in: 60 }], ['$SPIKE{ref:ok}', {}]])('%s %j is none', (ref, options) => {
    expect(() => secretRef(ref, options as SecretRefOptions)).toThrow(ConfigurationError);
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
