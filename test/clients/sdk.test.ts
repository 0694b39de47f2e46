// Unmodified MCP clients, old and new, with one URL changed, against the demo server and the reference server "everything".
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { startDemoProcess } from '../support/tool-server.js';
import { registrationsOf, startEverything } from './servers.js';

const stops: (() => Promise<unknown>)[] = [];

async function gatewayFor(url: string, refused: string): Promise<GatewayProcess> {
  const tools = await registrationsOf(url);
  const rego = permitAll().replace('\nallow if ', `\nallow if {\n\tinput.tool_name != "${refused}"\n\t`).replace(/"\n$/, '"\n}\n');
  const gateway = await startGateway({ tools, policies: { 'all.rego': rego } });
  stops.push(() => gateway.stop());
  return gateway;
}

async function demoUrl(): Promise<string> {
  const demo = await startDemoProcess();
  stops.push(() => demo.stop());
  const url = /(http:\/\/\S+\/mcp)/.exec(demo.output)?.[1];
  if (url === undefined) throw new Error(demo.output);
  return url.replace(/[:,]$/, '');
}

async function everythingUrl(): Promise<string> {
  const server = await startEverything();
  stops.push(() => server.stop());
  return server.url;
}

afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

describe('with the demo server', () => {
  let gateway: GatewayProcess;
  beforeAll(async () => {
    gateway = await gatewayFor(await demoUrl(), 'bash');
  });

  it('the 1.x SDK lists, calls, and gets a refusal as its protocol\'s error', async () => {
    const client = new ClientV1({ name: 'test', version: '1' });
    const transport = new TransportV1(new URL(gateway.url));
    await client.connect(transport);
    expect((await client.listTools()).tools.map((tool) => tool.name)).toContain('get_time');
    expect(await client.callTool({ name: 'get_time', arguments: {} })).toHaveProperty('content');
    await expect(client.callTool({ name: 'bash', arguments: { command: 'x' } })).rejects.toMatchObject({ code: 403, data: { code: 'authz_policy_denied' } });
    await transport.terminateSession();
    await client.close();
  });

  it.each(['legacy', 'auto'] as const)('the 2.x client in %s mode lists, calls, and gets a refusal', async (mode) => {
    const client = new ClientV2({ name: 'test', version: '1' }, mode === 'auto' ? { versionNegotiation: { mode } } : {});
    await client.connect(new TransportV2(new URL('/mcp', gateway.url)));
    expect(client.getNegotiatedProtocolVersion()).toBe(mode === 'auto' ? '2026-07-28' : '2025-11-25');
    expect((await client.listTools()).tools.map((tool) => tool.name)).toContain('get_time');
    expect(await client.callTool({ name: 'get_time', arguments: {} })).toHaveProperty('content');
    await expect(client.callTool({ name: 'bash', arguments: { command: 'x' } })).rejects.toMatchObject({ code: 403, data: { code: 'authz_policy_denied' } });
    await client.close();
  });

  it('many clients at once keep their answers apart', async () => {
    const clients = await Promise.all(Array.from({ length: 8 }, async (_, n) => {
      const client = new ClientV1({ name: `test-${n}`, version: '1' });
      await client.connect(new TransportV1(new URL(gateway.url)));
      return client;
    }));
    const answers = await Promise.all(clients.flatMap((client, n) => [1, 2, 3].map(async (turn) => {
      const text = `from ${n}, turn ${turn}`;
      const answer = await client.callTool({ name: 'echo', arguments: { text } });
      return JSON.stringify(answer).includes(text);
    })));
    expect(answers.every((right) => right)).toBe(true);
    await Promise.all(clients.map((client) => client.close()));
  });
});

describe('with the server "everything"', () => {
  let gateway: GatewayProcess;
  beforeAll(async () => {
    gateway = await gatewayFor(await everythingUrl(), 'get-env');
  }, 60_000);

  it('the 1.x SDK calls tools, sees progress, and reads resources and prompts', async () => {
    const client = new ClientV1({ name: 'test', version: '1' });
    await client.connect(new TransportV1(new URL(gateway.url)));
    const names = (await client.listTools()).tools.map((tool) => tool.name);
    expect(names).toContain('echo');
    expect(names).not.toContain('get-env');
    expect(JSON.stringify(await client.callTool({ name: 'echo', arguments: { message: 'hello' } }))).toContain('hello');
    const progress: number[] = [];
    await client.callTool({ name: 'trigger-long-running-operation', arguments: { duration: 1, steps: 3 } }, undefined, { onprogress: (one) => progress.push(one.progress) });
    expect(progress.length).toBeGreaterThan(0);
    expect((await client.listResources()).resources.length).toBeGreaterThan(0);
    expect((await client.listPrompts()).prompts.length).toBeGreaterThan(0);
    await client.close();
  });

  it('the 2.x client in auto mode needs no handshake, though the server does', async () => {
    const client = new ClientV2({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } });
    await client.connect(new TransportV2(new URL(gateway.url)));
    expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28');
    expect(JSON.stringify(await client.callTool({ name: 'echo', arguments: { message: 'again' } }))).toContain('again');
    await client.close();
  });

  it('a server\'s question reaches the client that can answer it, and its answer the server', async () => {
    const client = new ClientV1({ name: 'test', version: '1' }, { capabilities: { sampling: {}, elicitation: {} } });
    const { CreateMessageRequestSchema } = await import('@modelcontextprotocol/sdk/types.js');
    client.setRequestHandler(CreateMessageRequestSchema, () => ({ role: 'assistant' as const, model: 'scripted', content: { type: 'text' as const, text: 'the scripted answer' } }));
    await client.connect(new TransportV1(new URL(gateway.url)));
    const names = (await client.listTools()).tools.map((tool) => tool.name);
    const sampling = names.find((name) => name.includes('sampling'));
    expect(sampling).toBeDefined();
    expect(JSON.stringify(await client.callTool({ name: sampling ?? '', arguments: { prompt: 'say it', maxTokens: 10 } }))).toContain('the scripted answer');
    expect(gateway.lines('server_request').at(-1)).toMatchObject({ method: 'sampling/createMessage', decision: 'ALLOW' });
    await client.close();
  });
});
