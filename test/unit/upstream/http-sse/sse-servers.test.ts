// Tool servers of 2024-11-05, each as if it were a Streamable HTTP endpoint: where messages go, whose answer is whose, and what a lost connection means.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadJsonGuard } from '../../../../src/base/json/choose.js';
import { WireReader } from '../../../../src/upstream/duplex/wire-message.js';
import { createUpstreamClient } from '../../../../src/upstream/http-client.js';
import { SseServers } from '../../../../src/upstream/http-sse/sse-servers.js';
import type { ReportingUpstreamClient } from '../../../../src/upstream/types.js';
import { startHttpSseServer, type HttpSseServer } from '../../../support/http-sse-server.js';
import { until } from '../../../support/until.js';
import { startServer, type PlainServer } from './plain-server.js';
import { Asked, LIMITS, type Answered } from '../stdio/stdio-fixture.js';

let server: HttpSseServer;
let other: PlainServer;
let http: ReportingUpstreamClient;
let servers: SseServers;
let added: Readonly<Record<string, string>> | string = {};
let nowMs = 0;
let sweep: () => void = () => undefined;
let sweeping = 0;

beforeEach(async () => {
  server = await startHttpSseServer(['{"name":"echo","description":"Tool of the tests","inputSchema":{"type":"object"}}']);
  other = await startServer();
  http = createUpstreamClient({ connectTimeoutMs: 2000, connectionsMax: 4 });
  [nowMs, sweeping] = [0, 0];
  added = {};
  servers = startServers();
});
const startServers = (): SseServers => new SseServers({
  client: http, headersOf: () => added, reader: new WireReader(loadJsonGuard(), LIMITS), answerBytesMax: 10_000, answerTimeoutMs: 60_000, sessionIdleMs: 1000, nowMs: () => nowMs,
  every: (_ms, tick) => {
    sweep = tick;
    sweeping += 1;
    return () => { sweeping -= 1; };
  },
});
afterEach(async () => {
  await servers.close();
  await http.close();
  await server.close();
  await other.close();
});

const post = (body: unknown, session?: string, on = servers): Asked => new Asked(on, { url: server.url, session, body });
const request = (method: string, params: unknown, session?: string, id: unknown = 1): Promise<Answered> => post({ jsonrpc: '2.0', id, method, params }, session).answered;
const echo = (session: string, text: string, id: unknown = 1): Promise<Answered> => request('tools/call', { name: 'echo', arguments: { text }, _meta: { progressToken: 'p' } }, session, id);
async function open(): Promise<string> {
  const { headers, json } = await request('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } }, undefined, 'hello');
  expect(json.result?.['protocolVersion']).toBe('2024-11-05');
  return headers['mcp-session-id'] ?? '';
}

describe('a server of 2024-11-05', () => {
  it('gets what is added to all that is sent to it, as it stands then', async () => {
    added = { authorization: 'Bearer one' };
    const session = await open();
    added = { authorization: 'Bearer two' };
    await echo(session, 'a');
    expect(server.headers.map(({ authorization, accept }) => [authorization, accept])).toEqual([['Bearer one', 'text/event-stream'], ['Bearer one', 'application/json'], ['Bearer two', 'application/json']]);
  });

  it('gets nothing more where its headers can\'t be sent any longer', async () => {
    added = { authorization: 'Bearer one' };
    const session = await open();
    const before = server.headers.length;
    added = 'its Authorization takes $ENV{NONE}, and the gateway has no such variable';
    expect(await echo(session, 'a')).toMatchObject({ fault: { kind: 'transport', maybeSent: false, message: added } });
    server.send(1, { jsonrpc: '2.0', id: 'p', method: 'ping' });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(server.headers).toHaveLength(before);
  });

  it('has one connection for each session, and answers each caller under its id', async () => {
    const [one, two] = [await open(), await open()];
    const answers = await Promise.all([echo(one, 'a', 7), echo(two, 'b', 7), echo(one, 'c', '7')]);
    expect(answers.map(({ json }) => [json.id, (json.result?.['content'] as { text: string }[])[0]?.text])).toEqual([[7, 'a'], [7, 'b'], ['7', 'c']]);
    expect(answers.map(({ before }) => (before[0]?.['params'] as { progressToken: string }).progressToken)).toEqual(['p', 'p', 'p']);
    expect(server.streams.size).toBe(2);
    expect(http.report().map(({ url }) => url)).toEqual([server.url]); // of each session's own address nothing is kept
    expect(new Set(server.seen.map(({ connection }) => connection))).toEqual(new Set([1, 2]));
    expect((await new Asked(servers, { url: server.url, session: one, httpMethod: 'DELETE' }).answered).status).toBe(204);
    await until(() => server.streams.size === 1);
    expect((await echo(one, 'late')).status).toBe(404);
  });

  it('is sent nothing before it has said where to', async () => {
    server.saysEndpoint = false;
    const greeting = request('initialize', {}, undefined);
    await until(() => server.streams.size === 1);
    expect(server.seen).toEqual([]);
    server.sayEndpoints();
    expect((await greeting).status).toBe(200);
  });

  it.each([
    ['another origin', () => `${other.origin}/messages`], ['the same host by another name', () => `${server.origin.replace('127.0.0.1', 'localhost')}/messages?session=1`],
    ['a user and a password', () => `${server.origin.replace('http://', 'http://me:secret@')}/messages?session=1`], ['no address', () => 'http://['], ['a very long address', () => `/messages?session=1&x=${'x'.repeat(4096)}`],
  ])('that names %s to post to is refused, and gets nothing', async (_what, endpoint) => {
    server.endpoint = endpoint;
    expect((await request('initialize', {}, undefined)).fault).toMatchObject({ kind: 'protocol', maybeSent: false });
    await until(() => server.streams.size === 0);
    expect([server.seen, other.seen]).toEqual([[], []]);
  });

  it('may name its address whole', async () => {
    server.endpoint = (connection) => `${server.origin}/messages?session=${connection}`;
    expect(await open()).not.toBe('');
  });

  it('posts to the address that was named first, without its fragment', async () => {
    server.endpoint = (connection) => `/messages?session=${connection}#there`;
    const session = await open();
    server.send(1, '/messages?session=2', 'endpoint');
    server.send(1, `${other.origin}/messages`, 'endpoint');
    expect((await echo(session, 'x')).status).toBe(200);
    expect([new Set(server.seen.map(({ connection }) => connection)), other.seen]).toEqual([new Set([1]), []]);
  });

  it('is heard where it sends messages, and not in events of other kinds', async () => {
    const session = await open();
    const waiting = request('tools/call', { name: 'silent' }, session);
    await until(() => server.seen.some(({ body }) => body.includes('silent')));
    const { id } = JSON.parse(server.seen.at(-1)?.body ?? '') as { id: number };
    for (const event of ['ping', 'message']) server.send(1, { jsonrpc: '2.0', id, result: { from: event } }, event);
    expect((await waiting).json.result).toEqual({ from: 'message' });
  });

  it('has sessions of one thread alone: on another they are unknown', async () => {
    const others = startServers();
    const [here, there] = [await open(), await post({ jsonrpc: '2.0', id: 1, method: 'initialize', params: {} }, undefined, others).answered];
    expect(here).not.toBe(there.headers['mcp-session-id']);
    expect((await post({ jsonrpc: '2.0', id: 1, method: 'tools/list' }, here, others).answered).status).toBe(404);
    await others.close();
  });

  it('loses all its connections at the end', async () => {
    await open();
    await servers.close();
    await until(() => server.streams.size === 0);
    expect(sweeping).toBe(0);
  });

  it('whose connection breaks fails the calls under way; the next session is a new one', async () => {
    const session = await open();
    const waiting = request('tools/call', { name: 'silent' }, session);
    await until(() => server.seen.some(({ body }) => body.includes('silent')));
    for (const stream of server.streams.values()) stream.destroy();
    expect((await waiting).fault).toMatchObject({ kind: 'transport', maybeSent: true });
    expect((await echo(session, 'x')).status).toBe(404);
    expect((await echo(await open(), 'y')).status).toBe(200);
  });

  it.each([404, 500])('that refuses a message with %d fails that call alone', async (status) => {
    const session = await open();
    server.accepts = status;
    expect((await echo(session, 'x')).fault).toMatchObject({ kind: 'protocol' });
    server.accepts = 202;
    expect((await echo(session, 'y')).status).toBe(200);
  });

  it.each([[404, 'text/event-stream'], [405, 'text/event-stream'], [500, 'text/event-stream'], [202, 'text/event-stream'], [200, 'application/json']])('that answers its GET with %d and %s is none', async (status, type) => {
    Object.assign(server, { opens: status, opensAs: type });
    expect((await request('initialize', {}, undefined)).fault).toMatchObject({ kind: 'protocol', maybeSent: false });
  });

  it('that sends too large an event loses its connection', async () => {
    const session = await open();
    const waiting = request('tools/call', { name: 'silent' }, session);
    await until(() => server.seen.some(({ body }) => body.includes('silent')));
    server.send(1, `"${'x'.repeat(20_000)}"`);
    expect((await waiting).fault).toMatchObject({ kind: 'protocol' });
  });

  it('takes no message without a session, as old ones do', async () => {
    expect((await request('server/discover', {}, undefined)).json.error?.code).toBe(-32601);
    expect(server.streams.size).toBe(0);
  });

  it('loses a session that nobody used for its time', async () => {
    const session = await open();
    nowMs = 1000;
    sweep();
    await until(() => server.streams.size === 0);
    expect((await echo(session, 'x')).status).toBe(404);
  });

  it('gets the client\'s answer to what it asked on the stream that listens', async () => {
    const session = await open();
    const stream = new Asked(servers, { url: server.url, session, httpMethod: 'GET' });
    await until(() => stream.status === 200);
    server.send(1, { jsonrpc: '2.0', id: 'q', method: 'roots/list' });
    await stream.holds('roots/list');
    expect((await post('{"jsonrpc":"2.0","id":"q","result":{"roots":[]}}', session).answered).status).toBe(202);
    await until(() => server.seen.some(({ body }) => body.includes('"roots":[]')));
    stream.call.abort();
  });
});
