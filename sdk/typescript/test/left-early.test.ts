// Answers that are not read to their end, and what is bounded although each of its parts is small.
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { GatewayClient, type ClientOptions } from '../src/index.js';
import { ownSurroundings } from './support/own-surroundings.js';
import { refusal, result, startScripted, text, type Play, type ScriptedGateway } from './support/scripted-gateway.js';

let gateway: ScriptedGateway;
beforeAll(async () => { gateway = await startScripted(); });
beforeEach(() => { gateway.seen.length = 0; });
afterAll(() => gateway.close());

/** A page that never ends; `open` has its answer once it is asked for. */
function endless(): { play: Play; open: Promise<ServerResponse> } {
  let take: (response: ServerResponse) => void = () => undefined;
  const open = new Promise<ServerResponse>((resolve) => { take = resolve; });
  return {
    open,
    play: (_seen, response) => {
      response.writeHead(502, { 'content-type': 'text/html' }).write('<html>');
      take(response);
    },
  };
}

it.each<[string, ClientOptions]>([['', {}], [' over a fetch of one\'s own', { fetch }]])('a page that is no MCP does not hold its connection%s', async (_how, options) => {
  const { play, open } = endless();
  gateway.play(play);
  const client = new GatewayClient({ gatewayUrl: gateway.url, ...options });
  const closed = open.then((response) => once(response, 'close'));
  await expect(client.callTool('t')).rejects.toMatchObject({ name: 'TransportError', httpStatus: 502 });
  await closed; // while the client lives
  await client.close();
});

it('nor does the endless body of a status that has none', async () => {
  const closed = new Promise<void>((resolve) => {
    gateway.play((_seen, response) => {
      const more = (): void => void response.write('x'.repeat(64 * 1024), (error) => { if (error === null || error === undefined) more(); });
      response.writeHead(202).on('close', resolve);
      more();
    });
  });
  const client = new GatewayClient({ gatewayUrl: gateway.url, surroundings: ownSurroundings() });
  await expect(client.callTool('t')).rejects.toMatchObject({ name: 'TransportError', httpStatus: 202 });
  await closed;
  await client.close();
});

it('an onProgress that throws ends the call, also at the server', async () => {
  let closed: Promise<unknown> | undefined;
  gateway.play(({ body }, response) => {
    closed = once(response, 'close');
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(`data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: body['id'], progress: 1 } })}\n\n`);
  });
  const client = new GatewayClient({ gatewayUrl: gateway.url });
  await expect(client.callTool('t', {}, { onProgress: () => { throw new Error('mine'); } })).rejects.toThrow('mine');
  await closed;
  await client.close();
});

it('the pages of a list share one time-out', async () => {
  const surroundings = ownSurroundings();
  gateway.play((seen, response, request) => {
    surroundings.pass(4);
    result({ tools: [], nextCursor: 'more' })(seen, response, request);
  });
  const client = new GatewayClient({ gatewayUrl: gateway.url, surroundings, timeout: 10 });
  await expect(client.listTools()).rejects.toMatchObject({ name: 'CallTimeoutError' });
  expect(gateway.seen.length).toBe(3);
  await client.close();
});

it('the listing that repairs a call is within the call\'s time', async () => {
  const surroundings = ownSurroundings();
  const more: Play = (seen, response, request) => {
    surroundings.pass(4);
    result({ tools: [], nextCursor: 'more' })(seen, response, request);
  };
  const late: Play = (seen, response, request) => {
    surroundings.pass(4);
    refusal('mcp_invalid_request', { rpcCode: -32020, status: 400 })(seen, response, request);
  };
  gateway.play(late, more);
  const client = new GatewayClient({ gatewayUrl: gateway.url, surroundings, timeout: 10 });
  await expect(client.callTool('t')).rejects.toMatchObject({ name: 'CallTimeoutError' });
  expect(gateway.seen.map(({ body }) => body['method'])).toEqual(['tools/call', 'tools/list', 'tools/list']);
  await client.close();
});

it('marks of tools that are listed no more are forgotten', async () => {
  const listed = (name: string): Play => result({ tools: [{ name, inputSchema: { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } } }] });
  const client = new GatewayClient({ gatewayUrl: gateway.url });
  gateway.play(listed('one'), listed('other'), text('a'));
  await client.listTools();
  await client.listTools();
  for (const name of ['one', 'other']) await client.callTool(name, { region: 'eu' });
  expect(gateway.seen.slice(2).map(({ headers }) => headers['mcp-param-region'])).toEqual([undefined, 'eu']);
  await client.close();
});
