// Unmodified MCP clients that only speak stdio, old and new, with the configuration of examples/stdio-bridge: agw bridge, a real gateway, and servers of both eras behind it.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Client as ClientV2 } from '@modelcontextprotocol/client';
import { StdioClientTransport as StdioV2 } from '@modelcontextprotocol/client/stdio';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as StdioV1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { CreateMessageRequestSchema, ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIENTS } from '../../src/cli/clients/facts.js';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { startDemoProcess } from '../support/tool-server.js';
import { eventually } from '../wire/calls.js';
import { callsAtOnce, cancelsAndGoesOn, endsItsSession, hearsProgress } from './sdk-client.js';
import { registrationsOf, startEverything } from './servers.js';

interface Started {
  readonly command: string;
  readonly args: readonly string[];
}

const AGW = fileURLToPath(new URL('../../bin/agw', import.meta.url));
const EXAMPLE = new URL('../../examples/stdio-bridge/mcp.json', import.meta.url);
const stops: (() => Promise<unknown>)[] = [];

/** The example's own entry: `agw` is this build's, and the URL the test's. */
function parametersFor(gateway: GatewayProcess): { command: string; args: string[]; stderr: 'pipe' } {
  const { mcpServers } = JSON.parse(readFileSync(EXAMPLE, 'utf8')) as { mcpServers: { precinct: Started } };
  const { command, args } = mcpServers.precinct;
  expect([command, args.includes('http://localhost:9090')]).toEqual(['agw', true]);
  return { command: process.execPath, args: [AGW, ...args.map((word) => (word.startsWith('http://') ? gateway.url : word))], stderr: 'pipe' };
}

afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

describe('with a server of both eras', () => {
  let gateway: GatewayProcess;
  beforeAll(async () => {
    const demo = await startDemoProcess();
    stops.push(() => demo.stop());
    const rego = permitAll().replace('\nallow if ', '\nallow if {\n\tinput.tool_name != "bash"\n\t').replace(/"\n$/, '"\n}\n');
    gateway = await startGateway({ tools: await registrationsOf(demo.url), policies: { 'all.rego': rego } });
    stops.push(() => gateway.stop());
  }, 60_000);

  it.each([['legacy', '2025-11-25'], ['auto', '2026-07-28']] as const)('the 2.x client (%s) speaks %s through it: lists, calls, and gets a refusal with its envelope', async (mode, version) => {
    const client = new ClientV2({ name: 'test', version: '1' }, mode === 'auto' ? { versionNegotiation: { mode } } : {});
    await client.connect(new StdioV2(parametersFor(gateway)));
    expect(client.getNegotiatedProtocolVersion()).toBe(version);
    expect((await client.listTools()).tools.map((tool) => tool.name)).toContain('get_time');
    expect(await client.callTool({ name: 'get_time', arguments: {} })).toHaveProperty('content');
    expect(gateway.lines('request').at(-1)).toMatchObject({ tool: 'get_time', decision: 'ALLOW', spiffe_id: 'spiffe://poc.local/agents/mcp-client/my-agent/dev' });
    await expect(client.callTool({ name: 'bash', arguments: { command: 'x' } })).rejects.toMatchObject({ code: 403, data: { code: 'authz_policy_denied', middleware_step: 6 } });
    await client.close();
  });

  it('what agw connect writes for Claude Desktop starts as it stands there, as whom it names', async () => {
    const facts = CLIENTS.find(({ id }) => id === 'claude-desktop');
    // A desktop's programs start anywhere, and find nothing by its name.
    const start = async (agent: string): Promise<ClientV1> => {
      const { command, args } = facts?.entry({ name: 'precinct', url: `${gateway.url}/as/${agent}/dev` }) as unknown as Started;
      const client = new ClientV1({ name: 'test', version: '1' });
      await client.connect(new StdioV1({ command, args: [...args], cwd: '/', env: { PATH: '' }, stderr: 'ignore' }));
      return client;
    };
    const client = await start('my-agent');
    expect(await client.callTool({ name: 'get_time', arguments: {} })).toHaveProperty('content');
    expect(gateway.lines('request').at(-1)).toMatchObject({ tool: 'get_time', decision: 'ALLOW', spiffe_id: 'spiffe://poc.local/agents/mcp-client/my-agent/dev' });
    await client.close();
    await expect(start('nobody')).rejects.toMatchObject({ data: { code: 'auth_invalid_identity' } });
  });
});

describe('with the server "everything"', () => {
  let gateway: GatewayProcess;
  beforeAll(async () => {
    const everything = await startEverything();
    stops.push(() => everything.stop());
    gateway = await startGateway({ tools: await registrationsOf(everything.url), policies: { 'all.rego': permitAll() } });
    stops.push(() => gateway.stop());
  }, 60_000);

  async function connected(capabilities: object = {}): Promise<ClientV1> {
    const client = new ClientV1({ name: 'test', version: '1' }, { capabilities });
    await client.connect(new StdioV1(parametersFor(gateway)));
    return client;
  }

  it('the 1.x SDK hears progress, and keeps many answers apart', async () => {
    const client = await connected();
    await hearsProgress(client);
    await callsAtOnce(client, 30);
    expect((await client.listResources()).resources.length).toBeGreaterThan(0);
    await client.close();
  });

  it('the 1.x SDK cancels at the server and goes on', async () => {
    const client = await connected();
    await cancelsAndGoesOn(client, gateway);
    await client.close();
  });

  it('a server\'s question reaches the client, and its answer the server', async () => {
    const client = await connected({ sampling: {}, elicitation: {} });
    client.setRequestHandler(CreateMessageRequestSchema, () => ({ role: 'assistant' as const, model: 'scripted', content: { type: 'text' as const, text: 'the scripted answer' } }));
    const sampling = (await client.listTools()).tools.map((tool) => tool.name).find((name) => name.includes('sampling')) ?? '';
    expect(JSON.stringify(await client.callTool({ name: sampling, arguments: { prompt: 'say it', maxTokens: 10 } }))).toContain('the scripted answer');
    await client.close();
  });

  it('what a server says unasked reaches the client on the session\'s stream', async () => {
    const client = await connected();
    const updated: string[] = [];
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void updated.push(params.uri));
    const [resource] = (await client.listResources()).resources;
    await client.subscribeResource({ uri: resource?.uri ?? '' });
    const toggle = (await client.listTools()).tools.map((tool) => tool.name).find((name) => name.includes('subscriber') || name.includes('subscription')) ?? '';
    await client.callTool({ name: toggle, arguments: {} });
    expect(await eventually(() => updated.length > 0)).toBe(true);
    await client.close();
  });

  it('the session ends with the client', async () => {
    await endsItsSession(await connected(), gateway);
  });

  it('the 2.x client (auto) is served without a handshake, though the server needs one', async () => {
    const client = new ClientV2({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } });
    await client.connect(new StdioV2(parametersFor(gateway)));
    expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28');
    const steps: number[] = [];
    await client.callTool({ name: 'trigger-long-running-operation', arguments: { duration: 0.2, steps: 2 } }, { onprogress: ({ progress }) => void steps.push(progress) });
    expect(steps.length).toBeGreaterThan(0);
    const giveUp = new AbortController();
    const cancelled = client.callTool({ name: 'trigger-long-running-operation', arguments: { duration: 60, steps: 60 } }, { signal: giveUp.signal, onprogress: () => giveUp.abort('enough') });
    await expect(cancelled).rejects.toThrow();
    expect(await eventually(() => [...gateway.lines('request'), ...gateway.lines('stream_end')].some(({ code }) => code === 'client_disconnected'))).toBe(true);
    expect(JSON.stringify(await client.callTool({ name: 'echo', arguments: { message: 'again' } }))).toContain('again');
    await client.close();
  });
});
