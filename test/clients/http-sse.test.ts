// The 1.x SDK's own transport for HTTP+SSE, unmodified, against two gateway threads: it lists, calls, is refused, hears progress and changes, cancels, and is asked by tool servers.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { CreateMessageRequestSchema, ElicitRequestSchema, ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { eventually } from '../wire/calls.js';
import { callsAtOnce, cancelsAndGoesOn, endsItsSession, hearsProgress } from './sdk-client.js';
import { registrationsOf, startEverything, type Everything } from './servers.js';

const REFUSED = 'get-env';
let server: Everything;
let gateway: GatewayProcess;
const clients: Client[] = [];

beforeAll(async () => {
  server = await startEverything();
  const rego = permitAll().replace('\nallow if ', `\nallow if {\n\tinput.tool_name != "${REFUSED}"\n\t`).replace(/"\n$/, '"\n}\n');
  gateway = await startGateway({ tools: await registrationsOf(server.url), policies: { 'all.rego': rego }, config: { threads: { gateway: 2 }, rate_limit: { per_minute: 100_000, burst: 10_000 } } });
});

afterAll(async () => {
  for (const client of clients) await client.close();
  await gateway.stop();
  await server.stop();
});

interface Connected {
  readonly client: Client;
  /** POSTs of this client, by their status. */
  readonly posted: number[];
}

/** Every POST on a connection of its own, so that it may come to either thread. */
async function connect(path = '/sse', options: ConstructorParameters<typeof Client>[1] = {}, prepare: (client: Client) => void = () => undefined): Promise<Connected> {
  const client = new Client({ name: 'test', version: '1' }, options);
  prepare(client);
  clients.push(client);
  const posted: number[] = [];
  const fetchAlone = async (url: string | URL, init?: RequestInit): Promise<Response> => {
    const headers = new Headers(init?.headers);
    if (init?.method === 'POST') headers.set('connection', 'close');
    const answer = await fetch(url, { ...init, headers });
    if (init?.method === 'POST') posted.push(answer.status);
    return answer;
  };
  await client.connect(new SSEClientTransport(new URL(path, gateway.url), { fetch: fetchAlone }));
  return { client, posted };
}


describe('the 1.x SDK over HTTP+SSE', () => {
  it.each(['/sse', '/as/my-agent/dev/sse'])('at %s lists, calls, and gets a refusal as its protocol\'s error', async (path) => {
    const { client, posted } = await connect(path);
    expect(client.getServerVersion()).toMatchObject({ name: 'precinct' });
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(expect.arrayContaining(['echo', 'trigger-long-running-operation']));
    expect(tools.map(({ name }) => name)).not.toContain(REFUSED);
    expect(await client.callTool({ name: 'echo', arguments: { message: 'über den Draht' } })).toMatchObject({ content: [{ text: 'Echo: über den Draht' }] });
    await expect(client.callTool({ name: REFUSED, arguments: {} })).rejects.toMatchObject({ code: 403, data: { code: 'authz_policy_denied' } });
    expect(await client.ping()).toEqual({});
    expect((await client.listResources()).resources.length).toBeGreaterThan(0);
    expect(new Set(posted)).toEqual(new Set([202]));
  });

  it('hears of the progress of a call before its answer', async () => {
    await hearsProgress((await connect()).client);
  });

  it('cancels a call, and goes on', async () => {
    await cancelsAndGoesOn((await connect()).client, gateway);
  });

  it('answers what tool servers ask', async () => {
    const { client } = await connect('/sse', { capabilities: { sampling: {}, elicitation: {} } }, (one) => {
      one.setRequestHandler(CreateMessageRequestSchema, () => ({ role: 'assistant' as const, model: 'scripted', content: { type: 'text' as const, text: 'said by the client' } }));
      one.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept' as const, content: { name: 'Ada of the test', check: true } }));
    });
    expect(JSON.stringify(await client.callTool({ name: 'trigger-sampling-request', arguments: { prompt: 'say it', maxTokens: 10 } }))).toContain('said by the client');
    expect(JSON.stringify(await client.callTool({ name: 'trigger-elicitation-request', arguments: {} }))).toContain('Ada of the test');
  });

  it('is told that the tools have changed', async () => {
    let told = 0;
    const { client } = await connect('/sse', {}, (one) => one.setNotificationHandler(ToolListChangedNotificationSchema, () => void (told += 1)));
    await client.listTools();
    expect(await eventually(() => gateway.lines('request').some(({ method, session_id: session }) => method === 'GET' && session !== null))).toBe(true);
    expect((await gateway.control('POST', '/v1/reload', {})).status).toBe(200);
    expect(await eventually(() => told > 0)).toBe(true);
  });

  it('has many calls under way on one stream, whichever thread their POSTs come to, each with its answer', async () => {
    const { client, posted } = await connect();
    await callsAtOnce(client, 60);
    expect([posted.length >= 62, new Set(posted)]).toEqual([true, new Set([202])]);
  });

  it('ends its session by closing', async () => {
    await endsItsSession((await connect()).client, gateway);
  });
});
