// The reference server "everything" by the other ways: as a process of the gateway's, shared or one for each session, and over HTTP+SSE of 2024-11-05.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema, ElicitRequestSchema, LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { servedBy } from '../../src/cli/served-tools.js';
import { parseRegistry } from '../../src/engines/registry/registry-file.js';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { startNodeProcess } from '../support/tool-server.js';
import { call, eventually } from '../wire/calls.js';
import { freePort } from '../support/free-port.js';
import { EVERYTHING } from './servers.js';

interface Way {
  readonly what: string;
  readonly start: () => Promise<{ readonly entry: Readonly<Record<string, unknown>> & { readonly upstream: string }; readonly stop: () => Promise<void> }>;
  /** The server's questions reach the client. */
  readonly asks: boolean;
}

const process_ = (instance: string) => () => Promise.resolve({ entry: { upstream: 'stdio:everything', command: process.execPath, args: [EVERYTHING, 'stdio'], instance }, stop: () => Promise.resolve() });
const WAYS: readonly Way[] = [
  { what: 'a process that all share', start: process_('shared'), asks: false },
  { what: 'a process for each session', start: process_('session'), asks: true },
  {
    what: 'HTTP+SSE', asks: true, start: async () => {
      const port = await freePort();
      const running = await startNodeProcess(EVERYTHING, ['sse'], { PORT: String(port) }, /running on port/i);
      return { entry: { upstream: `http://127.0.0.1:${port}/sse`, transport: 'sse' }, stop: () => running.stop() };
    },
  },
];

async function registryOf(entry: Readonly<Record<string, unknown>> & { readonly upstream: string }): Promise<string> {
  const server = parseRegistry(JSON.stringify({ servers: [entry], tools: [] }), 'registry.yaml').servers.get(entry.upstream);
  const { tools } = await servedBy(entry.upstream, server, { folder: '.', say: () => undefined });
  return JSON.stringify({ servers: [entry], tools: tools.map((tool) => ({ name: tool.name, description: 'as served', upstream: entry.upstream, hash: tool.hashes.jcs, risk_level: 'low', input_schema: {} })) });
}

describe.each(WAYS)('everything as $what', ({ start, asks }) => {
  let gateway: GatewayProcess;
  let stop: () => Promise<void> = () => Promise.resolve();

  beforeAll(async () => {
    const server = await start();
    stop = server.stop;
    gateway = await startGateway({
      policies: { 'all.rego': permitAll() }, files: { 'config/capability-registry-v2.yaml': await registryOf(server.entry) }, config: { threads: { gateway: 2 }, rate_limit: { per_minute: 100_000, burst: 10_000 } },
    });
  }, 60_000);
  afterAll(async () => {
    await gateway.stop();
    await stop();
  });

  async function connect(options: ConstructorParameters<typeof Client>[1] = {}, prepare: (client: Client) => void = () => undefined): Promise<Client> {
    const client = new Client({ name: 'test', version: '1' }, options);
    prepare(client);
    await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', gateway.url)));
    return client;
  }

  it('lists and answers, whole and in structure', async () => {
    const client = await connect();
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('get-structured-content');
    expect((await client.callTool({ name: 'get-structured-content', arguments: { location: 'Chicago' } })).structuredContent).toMatchObject({ temperature: 36 });
    expect(JSON.stringify(await client.callTool({ name: 'get-tiny-image', arguments: {} }))).toContain('"mimeType":"image/png"');
    await client.close();
  });

  it('answers a caller without a session', async () => {
    expect((await gateway.post(call('echo', { message: 'plain' }))).text).toContain('plain');
  });

  it('brings each step of the progress to the call it belongs to', async () => {
    const clients = await Promise.all([connect(), connect()]);
    const steps: number[][] = [[], []];
    await Promise.all(clients.map((client, n) => client.callTool({ name: 'trigger-long-running-operation', arguments: { duration: 0.4, steps: 2 + n } }, undefined, { onprogress: (one) => void steps[n]?.push(one.progress) })));
    expect(steps).toEqual([[1, 2], [1, 2, 3]]);
    await Promise.all(clients.map((client) => client.close()));
  });

  it('that is given up by a client is over for it, and its next call works', async () => {
    const client = await connect();
    const stopping = new AbortController();
    const long = client.callTool({ name: 'trigger-long-running-operation', arguments: { duration: 20, steps: 20 } }, undefined, { signal: stopping.signal });
    stopping.abort();
    await expect(long).rejects.toThrow();
    expect(await client.callTool({ name: 'echo', arguments: { message: 'after' } })).toHaveProperty('content');
    await client.close();
  });

  it.runIf(asks)('asks the client that can answer, and no other', async () => {
    const clients = await Promise.all(['ann', 'ben'].map((name) => connect({ capabilities: { sampling: {}, elicitation: {} } }, (one) => {
      one.setRequestHandler(CreateMessageRequestSchema, () => ({ role: 'assistant' as const, model: 'scripted', content: { type: 'text' as const, text: `this is ${name}` } }));
      one.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept' as const, content: { name, check: true } }));
    })));
    const answers = await Promise.all(clients.map(async (client) => JSON.stringify(await client.callTool({ name: 'trigger-sampling-request', arguments: { prompt: 'who', maxTokens: 10 } }))));
    expect(answers.map((text) => ['ann', 'ben'].map((name) => text.includes(`this is ${name}`)))).toEqual([[true, false], [false, true]]);
    await Promise.all(clients.map((client) => client.close()));
  });

  it.runIf(asks)('brings log messages that no call asked for', async () => {
    let messages = 0;
    const client = await connect({}, (one) => one.setNotificationHandler(LoggingMessageNotificationSchema, () => { messages++; }));
    await client.setLoggingLevel('debug');
    await client.callTool({ name: 'toggle-simulated-logging', arguments: {} });
    expect(await eventually(() => messages > 0)).toBe(true);
    await client.close();
  });

  it.runIf(!asks)('is asked for nothing that its callers could not share', async () => {
    const client = await connect({ capabilities: { sampling: {} } }, (one) => one.setRequestHandler(CreateMessageRequestSchema, () => ({ role: 'assistant' as const, model: 'm', content: { type: 'text' as const, text: 'no' } })));
    expect((await client.listTools()).tools.map(({ name }) => name)).not.toContain('trigger-sampling-request');
    await client.close();
  });
});
