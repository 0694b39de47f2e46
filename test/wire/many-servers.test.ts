// Three tool servers behind the running gateway, on two threads: what is listed, where calls go, what an operator sees, and what a newcomer's second server changes.
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permitAll, startGateway, type GatewayProcess, type HttpAnswer } from '../support/gateway-process.js';
import { startOfferingServer, toolOf, type Offer, type OfferingServer } from '../support/offering-server.js';
import { call, codeOf, eventually, hashOf, MCP, modernCall, openSession, openStream } from './calls.js';

const AGW = fileURLToPath(new URL('../../bin/agw', import.meta.url));
const REGISTRY = 'config/capability-registry-v2.yaml';
const run = promisify(execFile);
const CONFIG = { threads: { gateway: 2 }, rate_limit: { per_minute: 1_000_000, burst: 100_000 }, upstream: { connect_timeout_ms: 500 }, registry: { refresh_interval_s: 1 } };
const META = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} };

function offerOf(name: string, era: NonNullable<Offer['era']>): Offer {
  return { era, tools: ['search'], prompts: [`ask-${name}`], resources: [`file:///${name}/1`], templates: [`file:///${name}/{id}`], tasks: true, logging: true, pageSize: 1 };
}
const entryOf = (upstream: string, more: object = {}) => ({ name: 'search', upstream, hash: hashOf(toolOf('search')), risk_level: 'low', ...more });
const say = (method: string, params: object = {}): string => JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
const resultOf = ({ json }: HttpAnswer): Record<string, unknown> => json['result'] as Record<string, unknown>;
const namesOf = (answer: HttpAnswer, member: string, key: string): unknown[] => (resultOf(answer)[member] as Record<string, unknown>[]).map((item) => item[key]);

describe.each(['legacy', 'modern'] as const)('three servers of the %s era', (era) => {
  let servers: OfferingServer[];
  let gateway: GatewayProcess;
  beforeAll(async () => {
    servers = await Promise.all(['a', 'b', 'c'].map((name) => startOfferingServer(name, offerOf(name, era))));
    const [a = '', b = '', c = ''] = servers.map(({ url }) => url);
    const registry = {
      servers: [{ upstream: b, prefix: 'b_' }], tools: [entryOf(a), entryOf(b), entryOf(c, { name: 'c_search', served_as: 'search' })],
      prompts: [{ name: 'ask-b', upstream: b, risk_level: 'low' }], resources: [{ uri_prefix: 'file:///c/', upstream: c, risk_level: 'low' }],
    };
    gateway = await startGateway({ policies: { 'all.rego': permitAll() }, files: { [REGISTRY]: JSON.stringify(registry) }, config: CONFIG });
  }, 60_000);
  afterAll(async () => {
    await gateway.stop();
    await Promise.all(servers.map((server) => server.close()));
  });

  const ask = async (method: string, params: Readonly<Record<string, unknown>> = {}): Promise<HttpAnswer> => {
    if (era === 'legacy') return gateway.post(say(method, params), await openSession(gateway));
    const name = params['name'] ?? params['uri'];
    return gateway.post(say(method, { ...params, _meta: META }), { ...MCP, 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, ...(typeof name === 'string' ? { 'mcp-name': name } : {}) });
  };

  it.each([
    ['tools/list', 'tools', 'name', ['search', 'b_search', 'c_search']], ['prompts/list', 'prompts', 'name', ['ask-a', 'ask-b', 'ask-c']],
    ['resources/list', 'resources', 'uri', ['file:///a/1', 'file:///b/1', 'file:///c/1']], ['resources/templates/list', 'resourceTemplates', 'uriTemplate', ['file:///a/{id}', 'file:///b/{id}', 'file:///c/{id}']],
  ] as const)('%s is one list of all', async (method, member, key, expected) => {
    const answer = await ask(method);
    expect(namesOf(answer, member, key)).toEqual(expected);
    if (era === 'modern') expect(resultOf(answer)).toMatchObject({ resultType: 'complete', cacheScope: 'private' });
  });

  it.each([
    ['tools/call', { name: 'search', arguments: {} }, 'search at a', 0], ['tools/call', { name: 'b_search', arguments: {} }, 'search at b', 1], ['tools/call', { name: 'c_search', arguments: {} }, 'search at c', 2],
    ['prompts/get', { name: 'ask-a' }, 'ask-a at a', 0], ['prompts/get', { name: 'ask-b' }, 'ask-b at b', 1], ['prompts/get', { name: 'ask-c' }, 'ask-c at c', 2],
    ['resources/read', { uri: 'file:///a/1' }, 'at a', 0], ['resources/read', { uri: 'file:///b/of-its-template' }, 'at b', 1], ['resources/read', { uri: 'file:///c/1' }, 'at c', 2],
  ] as const)('%s %j reaches the server that has it, all 13 layers long, and is recorded', async (method, params, said, at) => {
    const answer = await ask(method, params);
    expect(answer.text).toContain(said);
    const line = gateway.lines('request').at(-1);
    expect(line).toMatchObject({ method, decision: 'ALLOW', server: servers[at]?.url, tool: 'uri' in params ? params.uri : params.name });
    const layers = line?.['layers_traversed'] as { readonly verdict: string }[];
    expect([layers.length, layers.filter(({ verdict }) => verdict === 'not_reached')]).toEqual([13, []]);
  });

  it('a credential in a URI goes to none of them', async () => {
    const uri = `file:///a/${'AKIA'.concat('AB'.repeat(8))}`;
    const answer = await ask('resources/read', { uri });
    expect(codeOf(answer)).toBe('dlp_credentials_detected');
    expect(servers.flatMap((server) => server.of('resources/read')).filter(({ body }) => body.includes('AKIA'))).toEqual([]);
  });

  it('what none of them has is said with the status of the era', async () => {
    const answer = await ask('resources/read', { uri: 'file:///nowhere' });
    expect([answer.status, (answer.json['error'] as { code: number }).code]).toEqual([era === 'legacy' ? 200 : 400, -32602]);
  });

  it('a task is asked for where it was made, whichever thread asks', async () => {
    const headers = era === 'legacy' ? await openSession(gateway) : undefined;
    const made = headers === undefined ? await ask('tools/call', { name: 'c_search', arguments: {}, task: {} }) : await gateway.post(say('tools/call', { name: 'c_search', arguments: {}, task: {} }), headers);
    expect(made.text).toContain('"taskId":"c-task"');
    for (let n = 0; n < 4; n++) expect((headers === undefined ? await ask('tasks/get', { taskId: 'c-task' }) : await gateway.post(say('tasks/get', { taskId: 'c-task' }), headers)).text).toContain('at c');
  });

  it('one of them that is down is said to the client, in the record, in the status and in the metrics', async () => {
    const [a, b] = servers;
    await servers[2]?.close();
    try {
      const answer = await ask('tools/list');
      expect([namesOf(answer, 'tools', 'name'), resultOf(answer)['_meta']]).toMatchObject([['search', 'b_search'], { 'precinct/upstreamsDown': 1 }]);
      expect(JSON.stringify(gateway.lines('request').at(-1)?.['layers_traversed'])).toContain('servers down: 1 of 3');
      const up = async (): Promise<string> => (await gateway.control('GET', '/metrics')).text.split('\n').filter((line) => line.startsWith('precinct_upstream_up{')).sort().join('\n');
      expect(await eventually(async () => (await up()).includes(`upstream="${servers[2]?.url ?? ''}"} 0`))).toBe(true);
      for (const server of [a, b]) expect(await up()).toContain(`upstream="${server?.url ?? ''}"} 1`);
      expect((await gateway.control('GET', '/v1/status')).json['upstreams']).toContainEqual(expect.objectContaining({ url: servers[2]?.url, state: 'down' }));
    } finally {
      servers.pop();
    }
  });
});

describe('a second server with a tool of the same name', () => {
  let one: OfferingServer;
  let two: OfferingServer;
  let gateway: GatewayProcess;
  beforeAll(async () => {
    [one, two] = await Promise.all([startOfferingServer('one', { tools: ['search'] }), startOfferingServer('two', { tools: ['search', 'fetch'] })]);
    gateway = await startGateway({ policies: { 'all.rego': permitAll() }, files: { [REGISTRY]: `# mine\ntools:\n  - name: search # the first\n    upstream: ${one.url}\n    hash: ${hashOf(toolOf('search'))}\n    risk_level: low\n` }, config: CONFIG });
  }, 60_000);
  afterAll(async () => {
    await gateway.stop();
    await Promise.all([one.close(), two.close()]);
  });
  const agw = (...line: string[]) => run(process.execPath, [AGW, ...line], { cwd: gateway.dir }).then(({ stdout }) => ({ code: 0, text: stdout }), (fault: { code: number; stderr: string }) => ({ code: fault.code, text: fault.stderr }));

  it('is refused with both ways out, and added with a prefix; the first keeps its name and its line', async () => {
    const refused = await agw('tools', 'add', '--from', two.url, 'search', '--yes');
    expect(refused.code).toBe(1);
    for (const text of [one.url, '--prefix', 'search --name OTHER']) expect(refused.text).toContain(text);
    const before = readFileSync(join(gateway.dir, REGISTRY), 'utf8');
    expect(await agw('tools', 'add', '--from', two.url, 'search', '--name', 'other_search', '--risk-level', 'low', '--yes')).toMatchObject({ code: 0, text: expect.stringContaining('registered other_search') as string });
    expect(readFileSync(join(gateway.dir, REGISTRY), 'utf8')).toContain(before.trimEnd());
    expect([(await gateway.post(call('search'))).text, (await gateway.post(call('other_search'))).text]).toMatchObject([expect.stringContaining('search at one'), expect.stringContaining('search at two')]);
    expect((await agw('tools', 'add', '--from', two.url, 'search', '--name', 'third', '--replace', '--yes')).text).toContain('would rename other_search');
    writeFileSync(join(gateway.dir, REGISTRY), before);
    expect((await agw('reload')).code).toBe(0);
    expect(await agw('tools', 'add', '--from', two.url, '--prefix', 'two_', '--risk-level', 'low', '--yes')).toMatchObject({ code: 0, text: expect.stringContaining('two_search, two_fetch') as string });
    expect(readFileSync(join(gateway.dir, REGISTRY), 'utf8').replace(/^servers:\n(?: .*\n)+\n/m, '')).toContain(before.trimEnd());
    expect(namesOf(await gateway.post(say('tools/list')), 'tools', 'name')).toEqual(['search', 'two_search', 'two_fetch']);
    expect([(await gateway.post(call('search'))).text, (await gateway.post(call('two_search'))).text]).toMatchObject([expect.stringContaining('search at one'), expect.stringContaining('search at two')]);
    expect((await agw('tools', 'diff', 'two_search')).code).toBe(0);
    expect((await agw('tools', 'add', '--from', two.url, 'search', '--replace', '--yes')).text).toContain('registered two_search');
    expect((await agw('tools', 'add', '--from', two.url, '--prefix', 'other_', 'search', '--replace', '--yes')).text).toContain('would rename');
  });

  it('that loses its prefix is refused, and what was in force stays', async () => {
    const text = readFileSync(join(gateway.dir, REGISTRY), 'utf8');
    writeFileSync(join(gateway.dir, REGISTRY), text.replace('prefix: two_', 'prefix: ""'));
    expect(await eventually(async () => ((await gateway.control('GET', '/v1/status')).json['refused'] as unknown[]).length > 0)).toBe(true);
    const [fault] = (await gateway.control('GET', '/v1/status')).json['refused'] as { readonly message: string; readonly remediation: string }[];
    for (const url of [one.url, two.url]) expect(fault?.message).toContain(url);
    expect(fault?.remediation).toContain('served_as: search');
    expect((await gateway.post(call('two_search'))).status).toBe(200);
    writeFileSync(join(gateway.dir, REGISTRY), text);
    expect(await eventually(async () => ((await gateway.control('GET', '/v1/status')).json['refused'] as unknown[]).length === 0)).toBe(true);
  });

  it('that is changed is refused by the name agents know', async () => {
    two.offer = { tools: ['fetch'] };
    expect(await eventually(async () => codeOf(await gateway.post(call('two_search'))) === 'registry_tool_unverified')).toBe(true);
    expect((await gateway.post(call('search'))).status).toBe(200);
    expect((await gateway.control('GET', '/v1/tools')).json['tools']).toContainEqual(expect.objectContaining({ name: 'two_search', served_as: 'search', state: 'absent' }));
    two.offer = { tools: ['search', 'fetch'] };
  });

  it('tells every session of both threads that its prompts changed, once each', async () => {
    const sessions = await Promise.all([1, 2, 3, 4].map(() => openSession(gateway)));
    const streams = sessions.map((headers) => openStream(gateway, 'GET', headers));
    expect(await eventually(() => two.streams === streams.length)).toBe(true);
    two.notify('notifications/prompts/list_changed');
    two.notify('notifications/marker');
    expect(await eventually(() => streams.every(({ text }) => text.includes('notifications/marker')))).toBe(true);
    expect(streams.map(({ text }) => text.split('prompts/list_changed').length - 1)).toEqual([1, 1, 1, 1]);
    for (const stream of streams) stream.hangUp();
  });

  it('is called in the newest era by who names the server\'s own name in vain', async () => {
    const { body, headers } = modernCall('fetch');
    expect(codeOf(await gateway.post(body, headers))).toBe('registry_tool_unknown');
  });
});
