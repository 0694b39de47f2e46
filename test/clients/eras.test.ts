// The official clients of both eras, unmodified, against tool servers of both eras: one gateway, one URL.
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { startModernServer, WATCHED, type ModernServer } from '../support/modern-server.js';
import { eventually, MCP, modernCall } from '../wire/calls.js';
import { registrationsOf, startEverything, type Everything } from './servers.js';

let modern: ModernServer;
let legacy: Everything;
let gateway: GatewayProcess;

beforeAll(async () => {
  [modern, legacy] = await Promise.all([startModernServer(), startEverything()]);
  // Two threads: a session's messages, and a client's answers to questions among them, come in on either.
  gateway = await startGateway({ tools: [...await registrationsOf(modern.url), ...await registrationsOf(legacy.url)], policies: { 'all.rego': permitAll() }, config: { threads: { gateway: 2 } } });
}, 60_000);
afterAll(async () => {
  await gateway.stop();
  await Promise.all([modern.close(), legacy.stop()]);
});

const textOf = (answer: unknown): string => JSON.stringify(answer);
async function connectV1(): Promise<ClientV1> {
  const client = new ClientV1({ name: 'old', version: '1' }, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { name: 'Ada' } }));
  await client.connect(new TransportV1(new URL(gateway.url)));
  return client;
}
async function connectV2(): Promise<ClientV2> {
  const client = new ClientV2({ name: 'new', version: '1' }, { capabilities: { elicitation: {} }, versionNegotiation: { mode: 'auto' } });
  client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { name: 'Grace' } }));
  await client.connect(new TransportV2(new URL('/mcp', gateway.url)));
  expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28');
  return client;
}

describe('the 1.x client', () => {
  it('lists and calls tools of both eras', async () => {
    const client = await connectV1();
    const names = (await client.listTools()).tools.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['in_region', 'echo']));
    expect(textOf(await client.callTool({ name: 'in_region', arguments: { region: 'Zürich' } }))).toContain('in Zürich');
    expect(modern.seen.at(-1)?.headers).toMatchObject({ 'mcp-name': 'in_region', 'mcp-param-region': '=?base64?WsO8cmljaA==?=' });
    expect(textOf(await client.callTool({ name: 'echo', arguments: { message: 'hi' } }))).toContain('hi');
    await client.close();
  });

  it('is asked what a server without a handshake wants to know, and gets the answer of the call', async () => {
    const client = await connectV1();
    expect(textOf(await client.callTool({ name: 'ask_name', arguments: {} }))).toContain('hello Ada, as before');
    expect(gateway.lines('server_request').at(-1)).toMatchObject({ method: 'elicitation/create', decision: 'ALLOW', server: modern.url });
    await client.close();
  });
});

describe('the 2.x client', () => {
  it('lists and calls tools of both eras, with progress', async () => {
    const client = await connectV2();
    const names = (await client.listTools()).tools.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['in_region', 'echo']));
    expect(textOf(await client.callTool({ name: 'in_region', arguments: { region: ' x ' } }))).toContain('in  x ');
    expect(textOf(await client.callTool({ name: 'echo', arguments: { message: 'hi' } }))).toContain('hi');
    const progress: number[] = [];
    await client.callTool({ name: 'trigger-long-running-operation', arguments: { duration: 1, steps: 3 } }, { onprogress: (one) => progress.push(one.progress) });
    expect(progress.length).toBeGreaterThan(0);
    await client.close();
  });

  it('answers a question in an answer: what it sends again crosses the gateway as it is', async () => {
    const client = await connectV2();
    expect(textOf(await client.callTool({ name: 'ask_name', arguments: {} }))).toContain('hello Grace, as before');
    const calls = gateway.lines('request').filter(({ tool }) => tool === 'ask_name');
    expect(calls.slice(-2).map(({ decision, arguments_digest: digest }) => [decision, digest])).toEqual([['ALLOW', calls.at(-1)?.['arguments_digest']], ['ALLOW', calls.at(-1)?.['arguments_digest']]]);
    await client.close();
  });

  it('listens to changes at the server and at the gateway', async () => {
    const client = await connectV2();
    const heard: string[] = [];
    for (const method of ['notifications/tools/list_changed', 'notifications/prompts/list_changed', 'notifications/resources/updated'] as const) client.setNotificationHandler(method, () => void heard.push(method));
    const subscription = await client.listen({ toolsListChanged: true, promptsListChanged: true, resourceSubscriptions: [WATCHED] });
    expect(subscription.honoredFilter).toEqual({ toolsListChanged: true, promptsListChanged: true, resourceSubscriptions: [WATCHED] });
    expect(await eventually(() => modern.seen.some(({ method }) => method === 'subscriptions/listen'))).toBe(true);
    expect(await eventually(() => {
      modern.notify.resourceUpdated(WATCHED);
      modern.notify.promptsChanged();
      return heard.includes('notifications/resources/updated') && heard.includes('notifications/prompts/list_changed');
    })).toBe(true);
    expect((await gateway.control('POST', '/v1/reload', {})).status).toBe(200);
    expect(await eventually(() => heard.includes('notifications/tools/list_changed'))).toBe(true);
    await subscription.close();
    expect(await eventually(() => gateway.lines('stream_end').some(({ code }) => code === 'client_disconnected'))).toBe(true);
    await client.close();
  });
});

describe('a header that mirrors an argument', () => {
  const post = (region: string | undefined, header: Readonly<Record<string, string>>) => {
    const { body, headers } = modernCall('in_region', region === undefined ? {} : { region });
    return gateway.post(body, { ...headers, ...header });
  };
  it.each([['x', { 'mcp-param-region': 'y' }], ['x', {}], [undefined, { 'mcp-param-region': 'x' }], ['x', { 'mcp-param-region': '=?base64?eA=?=' }]] as const)('that is not what the body says is refused: %s with %j', async (region, header) => {
    const before = modern.seen.length;
    const answer = await post(region, header);
    expect([answer.status, answer.json['error']]).toMatchObject([400, { code: -32020, data: { header: 'Mcp-Param-region' } }]);
    expect(modern.seen.length).toBe(before);
    expect(gateway.lines('request').at(-1)).toMatchObject({ tool: 'in_region', decision: 'DENY', code: 'mcp_invalid_request' });
  });
  it('that says the same goes on with it, as does one that nobody knows', async () => {
    expect((await post('x', { 'mcp-param-region': 'x', 'mcp-param-other': 'z' })).status).toBe(200);
    expect(modern.seen.at(-1)?.headers).toMatchObject({ 'mcp-param-region': 'x', 'mcp-param-other': 'z' });
  });
});

describe('what 2026-07-28 has not', () => {
  it.each(['GET', 'DELETE'])('%s is not allowed, whatever session is named', async (method) => {
    const answer = await gateway.http(method, '/', { ...MCP, 'x-spiffe-id': 'spiffe://poc.local/agents/mcp-client/my-agent/dev', 'mcp-protocol-version': '2026-07-28', 'mcp-session-id': 'f'.repeat(48) });
    expect([answer.status, answer.headers['allow']]).toEqual([405, 'POST']);
  });
  it('a session id on a call is ignored, and none is given', async () => {
    const { body, headers } = modernCall('echo', { message: 'hi' });
    const answer = await gateway.post(body, { ...headers, 'mcp-session-id': 'f'.repeat(48) });
    expect([answer.status, answer.headers['mcp-session-id']]).toEqual([200, undefined]);
  });
  it.each(['ping', 'initialize', 'logging/setLevel', 'resources/subscribe', 'unknown/method'])('%s is an unknown method', async (method) => {
    const { headers } = modernCall('echo');
    const call = JSON.parse(modernCall('echo').body) as { params: object };
    const body = JSON.stringify({ ...call, method, params: { ...call.params, uri: 'file:///a' } });
    const answer = await gateway.post(body, { ...headers, 'mcp-method': method });
    expect([answer.status, answer.json['error']]).toMatchObject([404, { code: -32601 }]);
  });
});
