// Listing real servers of both eras, and servers that misbehave.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo, Socket } from 'node:net';
import { join, dirname } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTypescriptGuard } from '../../../src/base/json/typescript-guard.js';
import { createToolsReader } from '../../../src/engines/registry/served-tools.js';
import { createUpstreamClient } from '../../../src/upstream/http-client.js';
import { AskFault, type AskFaultKind } from '../../../src/upstream/message-reader.js';
import { listTools, type ListOptions, type ToolListing } from '../../../src/upstream/tool-lister.js';
import { jsonAnswer, startScriptedServer } from '../../support/scripted-server.js';
import { MY_TOOL_TEXT, startDemoProcess, startNodeProcess, startToolServer, type Answering, type StartedProcess, type ToolServer, type ToolServerOptions } from '../../support/tool-server.js';
import { until } from '../../support/until.js';

const SEED = 'bcc9258aeaf2af0999e181615b748e2855a53ab8cff8515491b3d7707900c9e4';
const client = createUpstreamClient({ connectTimeoutMs: 1000, connectionsMax: 4 });
const reader = createToolsReader(createTypescriptGuard({ k0: 1, k1: 2 }, 'test'));
const options = (over: Partial<ListOptions> = {}): ListOptions => ({
  timeoutMs: 5000, clientInfo: { name: 'precinct-test', version: '0' }, parseToolsList: reader.parseToolsList, monotonicMs: () => performance.now(), ...over,
});
const list = (url: string, over?: Partial<ListOptions>): Promise<ToolListing> => listTools(client, url, options(over));
const names = ({ tools }: ToolListing): string[] => tools.map(({ name }) => name);

const servers: ToolServer[] = [];
async function serve(given: ToolServerOptions = {}): Promise<ToolServer> {
  const server = await startToolServer(given);
  servers.push(server);
  return server;
}
afterEach(async () => { await Promise.all(servers.splice(0).map((server) => server.close())); });
afterAll(() => client.close());

async function faultOf(url: string, over?: Partial<ListOptions>): Promise<AskFault> {
  const error: unknown = await list(url, over).then(() => undefined, (reason: unknown) => reason);
  if (!(error instanceof AskFault)) throw new Error(`expected an AskFault, got ${String(error)}`);
  return error;
}

describe('listing tools', () => {
  it('lists a stateless server without a handshake, with the headers its version requires', async () => {
    const server = await serve({ era: 'modern' });
    expect(await list(server.url)).toMatchObject({ era: 'modern', protocolVersion: '2026-07-28', versions: ['2026-07-28'], sessionId: undefined, serverInfo: { name: 'tool-server' } });
    expect(server.seen.map(({ rpcMethod, headers }) => [rpcMethod, headers['mcp-protocol-version'], headers['mcp-method']])).toEqual([
      ['server/discover', '2026-07-28', 'server/discover'], ['tools/list', '2026-07-28', 'tools/list'],
    ]);
  });

  it('lists an older server in a session of its own, and ends that session', async () => {
    const server = await serve({ era: 'legacy' });
    const listing = await list(server.url);
    expect(listing).toMatchObject({ era: 'legacy', protocolVersion: '2025-11-25', versions: ['2025-11-25'] });
    expect(names(listing)).toEqual(['my_tool', 'echo']);
    expect(server.seen.map(({ httpMethod, rpcMethod }) => rpcMethod || httpMethod)).toEqual(['server/discover', 'initialize', 'notifications/initialized', 'tools/list', 'DELETE']);
    expect(server.openSessions.size).toBe(0);
  });

  it('asks once more a server that refuses the version and names it as one of its own', async () => {
    const asked: string[] = [];
    const server = await startScriptedServer([MY_TOOL_TEXT]);
    server.discovery = ({ idText }, response) => {
      asked.push('server/discover');
      if (asked.length > 1) return jsonAnswer(response, `{"jsonrpc":"2.0","id":${idText},"result":{"supportedVersions":["2026-07-28"],"capabilities":{},"resultType":"complete"}}`);
      return jsonAnswer(response, `{"jsonrpc":"2.0","id":${idText},"error":{"code":-32022,"message":"Unsupported protocol version","data":{"supported":["2026-07-28"]}}}`, 400);
    };
    expect(await list(server.url)).toMatchObject({ era: 'modern', protocolVersion: '2026-07-28' });
    expect([asked.length, server.of('initialize').length]).toEqual([2, 0]);
    await server.close();
  });

  it.each(['{"supported":["2099-01-01"]}', '{"supported":"2026-07-28"}', '{}', 'null'])('takes a server that refuses the version with %s for an older one', async (data) => {
    const server = await startScriptedServer([MY_TOOL_TEXT]);
    server.discovery = ({ idText }, response) => jsonAnswer(response, `{"jsonrpc":"2.0","id":${idText},"error":{"code":-32022,"message":"Unsupported protocol version","data":${data}}}`, 400);
    expect(await list(server.url)).toMatchObject({ era: 'legacy', protocolVersion: '2025-11-25' });
    await server.close();
  });

  it('keeps each tool\'s text byte for byte', async () => {
    const odd = '{ "description" : "caf\\u00e9 \\/ <b>", "name":"my_tool","inputSchema":{"type":"object","n":1.0e2} }';
    const server = await serve({ tools: [MY_TOOL_TEXT, odd] });
    const { tools } = await list(server.url);
    expect(tools.map(({ text }) => text)).toEqual([MY_TOOL_TEXT, odd]);
    expect(tools[0]?.hashes.seed).toBe(SEED);
  });

  it('follows pages to the end', async () => {
    const tools = Array.from({ length: 25 }, (_, n) => `{"name":"t${n}","inputSchema":{"type":"object"}}`);
    const server = await serve({ tools, pageSize: 10 });
    expect(names(await list(server.url))).toEqual(tools.map((_, n) => `t${n}`));
  });

  it('reads an answer from a stream, passing over what comes before it', async () => {
    const server = await serve({ answering: 'sse_chatty' });
    expect(names(await list(server.url))).toEqual(['my_tool', 'echo']);
  });

  it.each<[Answering, AskFaultKind]>([
    ['html', 'not_mcp'], ['bad_json', 'not_mcp'], ['rpc_error', 'rpc_error'], ['http_500', 'status'], ['redirect', 'not_mcp'],
    ['die_mid_stream', 'transport'], ['length_too_long', 'transport'], ['not_http', 'protocol'], ['gzip', 'protocol'],
  ])('fails, and still ends its session, when the list is answered with %s (%s)', async (answering, kind) => {
    const server = await serve({ answering });
    server.answeringFor = ['tools/list'];
    expect((await faultOf(server.url)).kind).toBe(kind);
    expect(server.openSessions.size).toBe(0);
  });

  it('ends in time with a server that hangs at any step', async () => {
    for (const step of ['server/discover', 'initialize', 'notifications/initialized', 'tools/list']) {
      const server = await serve({ answering: 'hang' });
      server.answeringFor = [step, step === 'server/discover' ? 'initialize' : step];
      expect((await faultOf(server.url, { timeoutMs: 200 })).kind).toBe('timeout');
    }
  });

  it.each([
    ['says now and then that it is still there', 'text/event-stream', ': here\n\n', 'timeout'], ['sends its answer byte by byte', 'application/json', ' ', 'timeout'], ['sends another type without end', 'text/plain', 'x', 'not_mcp'],
    ['refuses it without end', '401', 'x', 'timeout'],
  ])('ends in time with a server that %s, and lets go of its connections', async (_what, type, part, kind) => {
    const open = new Set<Socket>();
    const server = createServer((request, response) => {
      request.resume();
      response.writeHead(type === '401' ? 401 : 200, { 'content-type': type === '401' ? 'text/plain' : type });
      const timer = setInterval(() => response.write(part), 20);
      response.on('close', () => clearInterval(timer));
    }).on('connection', (socket) => open.add(socket.on('close', () => open.delete(socket))));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      expect((await faultOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, { timeoutMs: 1500 })).kind).toBe(kind);
      await until(() => open.size === 0);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it('lists an old server that leaves the probe unanswered', async () => {
    const server = await serve({ answering: 'hang' });
    server.answeringFor = ['server/discover'];
    expect(names(await list(server.url, { timeoutMs: 1500 }))).toEqual(['my_tool', 'echo']);
  });

  it('gives up on a server whose pages never end', async () => {
    const server = await serve();
    server.endlessPages = true;
    expect((await faultOf(server.url)).kind).toBe('too_large');
    expect(server.openSessions.size).toBe(0);
  });

  it('says nothing was sent when nobody listens', async () => {
    const server = await serve();
    await server.close();
    expect(await faultOf(server.url)).toMatchObject({ kind: 'transport', maybeSent: false });
  });

  it('refuses a list with a duplicate key, which two readers would read as two tools', async () => {
    const server = await serve({ tools: ['{"name":"my_tool","description":"a","description":"b","inputSchema":{}}'] });
    expect((await faultOf(server.url)).kind).toBe('not_mcp');
  });

  it('gives up on a list that is too large', { timeout: 60_000 }, async () => {
    const server = await serve({ tools: [`{"name":"big","description":"${'x'.repeat(33 * 1024 * 1024)}","inputSchema":{}}`] });
    expect((await faultOf(server.url, { timeoutMs: 30_000 })).kind).toBe('too_large');
  });
});

describe('listing real servers', () => {
  let demo: StartedProcess;
  let everything: StartedProcess;

  beforeAll(async () => {
    const probe = await startToolServer(); // a port that was free a moment ago
    await probe.close();
    const entry = join(dirname(createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/package.json')), 'dist/index.js');
    [demo, everything] = await Promise.all([
      startDemoProcess(),
      startNodeProcess(entry, ['streamableHttp'], { PORT: String(probe.port) }, /listening on port (\d+)/i),
    ]);
  });
  afterAll(async () => { await Promise.all([demo?.stop(), everything?.stop()]); });

  it('lists the demo server, whose my_tool has the documented seed hash', async () => {
    const listing = await list(demo.url);
    expect(listing.era).toBe('modern');
    expect(names(listing)).toEqual(['my_tool', 'bash', 'get_time', 'read_customer', 'send_message', 'echo']);
    expect(listing.tools[0]?.hashes.seed).toBe(SEED);
  });

  it('lists server-everything', async () => {
    const listing = await list(everything.url);
    expect(listing.era).toBe('legacy');
    expect(names(listing)).toContain('echo');
    expect(listing.tools.length).toBeGreaterThan(5);
  });
});
