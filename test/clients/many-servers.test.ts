// What unmodified SDK clients see of several tool servers: one server.
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { PromptListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { startOfferingServer, toolOf, type Offer, type OfferingServer } from '../support/offering-server.js';
import { eventually, hashOf } from '../wire/calls.js';
import { registrationsOf, startEverything, type Everything } from './servers.js';

const REGISTRY = 'config/capability-registry-v2.yaml';
const CONFIG = { rate_limit: { per_minute: 100_000, burst: 10_000 } };
const offerOf = (name: string, era: NonNullable<Offer['era']>): Offer => ({ era, tools: ['search'], prompts: [`ask-${name}`], resources: [`notes://${name}/1`], templates: [`notes://${name}/{id}`], logging: true });
const searchOf = (upstream: string) => ({ name: 'search', upstream, hash: hashOf(toolOf('search')), risk_level: 'low' });

describe('the 1.x SDK, before two copies of the server "everything" and one other', () => {
  let everything: readonly Everything[];
  let other: OfferingServer;
  let gateway: GatewayProcess;
  let client: ClientV1;
  let changes = 0;
  beforeAll(async () => {
    everything = await Promise.all([startEverything(), startEverything()]);
    other = await startOfferingServer('other', offerOf('other', 'legacy'));
    const tools = (await Promise.all(everything.map(({ url }) => registrationsOf(url)))).flat().map((tool) => ({ risk_level: 'low', ...tool }));
    const registry = { servers: [{ upstream: everything[1]?.url, prefix: 'two_' }], tools: [...tools, searchOf(other.url)] };
    gateway = await startGateway({ policies: { 'all.rego': permitAll() }, files: { [REGISTRY]: JSON.stringify(registry) }, config: CONFIG });
    client = new ClientV1({ name: 'test', version: '1' });
    client.setNotificationHandler(PromptListChangedNotificationSchema, () => void (changes += 1));
    await client.connect(new TransportV1(new URL('/mcp', gateway.url)));
  }, 60_000);
  afterAll(async () => {
    await client.close();
    await gateway.stop();
    await Promise.all([...everything.map((server) => server.stop()), other.close()]);
  });

  it('calls tools of one name by names of their own', async () => {
    const names = (await client.listTools()).tools.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['echo', 'two_echo', 'search']));
    expect(new Set(names).size).toBe(names.length);
    for (const name of ['echo', 'two_echo']) expect(JSON.stringify(await client.callTool({ name, arguments: { message: `hello ${name}` } }))).toContain(`hello ${name}`);
  });

  it('gets prompts, reads resources and completes, whichever server has them', async () => {
    const prompts = (await client.listPrompts()).prompts.map(({ name }) => name);
    expect(prompts).toEqual(expect.arrayContaining(['simple-prompt', 'ask-other']));
    expect(new Set(prompts).size).toBe(prompts.length);
    expect((await client.getPrompt({ name: 'ask-other' })).description).toBe('ask-other at other');
    expect((await client.getPrompt({ name: 'simple-prompt' })).messages.length).toBeGreaterThan(0);
    const { resources } = await client.listResources();
    expect(resources.map(({ uri }) => uri)).toContain('notes://other/1');
    const [first] = resources;
    expect((await client.readResource({ uri: first?.uri ?? '' })).contents.length).toBe(1);
    expect(JSON.stringify(await client.readResource({ uri: 'notes://other/7' }))).toContain('at other');
    expect((await client.listResourceTemplates()).resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toContain('notes://other/{id}');
    expect((await client.complete({ ref: { type: 'ref/prompt', name: 'ask-other' }, argument: { name: 'a', value: '' } })).completion.values).toEqual(['other']);
    await expect(client.getPrompt({ name: 'nowhere' })).rejects.toMatchObject({ code: -32602 });
    await expect(client.readResource({ uri: 'nowhere://x' })).rejects.toMatchObject({ code: -32602 });
  });

  it('sets the level of all, and hears of a change once', async () => {
    await client.setLoggingLevel('warning');
    expect(other.of('logging/setLevel').map(({ params }) => params)).toEqual([{ level: 'warning' }]);
    expect(await eventually(() => other.streams === 1)).toBe(true);
    changes = 0;
    other.notify('notifications/prompts/list_changed');
    expect(await eventually(() => changes > 0)).toBe(true);
    await client.ping();
    expect(changes).toBe(1);
  });
});

describe('the 2.x SDK, in the newest era', () => {
  it('sees two servers as one', async () => {
    const servers = await Promise.all(['a', 'b'].map((name) => startOfferingServer(name, offerOf(name, 'modern'))));
    const [a, b] = servers.map(({ url }) => url);
    const gateway = await startGateway({
      policies: { 'all.rego': permitAll() }, config: CONFIG, files: { [REGISTRY]: JSON.stringify({ servers: [{ upstream: b, prefix: 'b_' }], tools: [searchOf(a ?? ''), searchOf(b ?? '')] }) },
    });
    const client = new ClientV2({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } });
    try {
      await client.connect(new TransportV2(new URL('/mcp', gateway.url)));
      expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28');
      expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['search', 'b_search']);
      expect(JSON.stringify(await client.callTool({ name: 'b_search', arguments: {} }))).toContain('search at b');
      expect((await client.listPrompts()).prompts.map(({ name }) => name)).toEqual(['ask-a', 'ask-b']);
      expect((await client.getPrompt({ name: 'ask-b' })).description).toBe('ask-b at b');
      expect(JSON.stringify(await client.readResource({ uri: 'notes://b/5' }))).toContain('at b');
      await expect(client.getPrompt({ name: 'nowhere' })).rejects.toMatchObject({ code: -32602 });
    } finally {
      await client.close();
      await gateway.stop();
      await Promise.all(servers.map((server) => server.close()));
    }
  });
});
