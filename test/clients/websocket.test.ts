// The 1.x SDK's own WebSocket transport, unmodified: it lists, calls, is refused, hears progress, cancels, and is asked by tool servers.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { WebSocketClientTransport } from '@modelcontextprotocol/sdk/client/websocket.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'undici';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { callsAtOnce, cancelsAndGoesOn, endsItsSession, hearsProgress } from './sdk-client.js';
import { registrationsOf, startEverything, type Everything } from './servers.js';

const REFUSED = 'get-env';
let server: Everything;
let gateway: GatewayProcess;
const clients: Client[] = [];
const before: unknown = Object.getOwnPropertyDescriptor(globalThis, 'WebSocket');

beforeAll(async () => {
  // Newer Node.js has it; the transport expects a browser's.
  if (before === undefined) Object.defineProperty(globalThis, 'WebSocket', { value: WebSocket, configurable: true, writable: true });
  server = await startEverything();
  const rego = permitAll().replace('\nallow if ', `\nallow if {\n\tinput.tool_name != "${REFUSED}"\n\t`).replace(/"\n$/, '"\n}\n');
  gateway = await startGateway({ tools: await registrationsOf(server.url), policies: { 'all.rego': rego }, config: { rate_limit: { per_minute: 100_000, burst: 10_000 } } });
});

afterAll(async () => {
  for (const client of clients) await client.close();
  if (before === undefined) Reflect.deleteProperty(globalThis, 'WebSocket');
  await gateway.stop();
  await server.stop();
});

async function connect(): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' });
  clients.push(client);
  await client.connect(new WebSocketClientTransport(new URL(gateway.url.replace('http:', 'ws:'))));
  return client;
}

describe('the 1.x SDK over WebSocket', () => {
  it('lists, calls, and gets a refusal as its protocol\'s error', async () => {
    const client = await connect();
    expect(client.getServerVersion()).toMatchObject({ name: 'precinct' });
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(expect.arrayContaining(['echo', 'trigger-long-running-operation']));
    expect(tools.map(({ name }) => name)).not.toContain(REFUSED);
    expect(await client.callTool({ name: 'echo', arguments: { message: 'über den Draht' } })).toMatchObject({ content: [{ text: 'Echo: über den Draht' }] });
    await expect(client.callTool({ name: REFUSED, arguments: {} })).rejects.toMatchObject({ code: 403, data: { code: 'authz_policy_denied' } });
    expect(await client.ping()).toEqual({});
    expect((await client.listResources()).resources.length).toBeGreaterThan(0);
  });

  it('hears of the progress of a call before its answer', async () => {
    await hearsProgress(await connect());
  });

  it('cancels a call, and goes on', async () => {
    await cancelsAndGoesOn(await connect(), gateway);
  });

  it('has many calls under way on one connection, each with its answer', async () => {
    await callsAtOnce(await connect(), 60);
  });

  it('is told that its session has ended by the end of its connection', async () => {
    await endsItsSession(await connect(), gateway);
  });
});
