// Several tool servers behind one gateway: lists are their union, and what is named goes to the one that has it.
import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeMirroredHeader } from '../../../src/mcp/header-mirror.js';
import { LIST_ITEMS_MAX } from '../../../src/mcp/lists.js';
import { openSession, rpc, startInProcessGateway, toolCall, type InProcessGateway, type InProcessOptions } from '../../support/gateway-in-process.js';
import { MCP_ACCEPT, type Posted, type RecordedReply } from '../../support/inbound-reply.js';
import { startOfferingServer, toolOf, type Offer, type OfferingServer } from '../../support/offering-server.js';

const A: Offer = { tools: ['one'], prompts: ['greet', 'both'], resources: ['file:///a/1', 'file:///both'], templates: ['file:///a/{name}'], tasks: true, logging: true, pageSize: 1 };
const B: Offer = { tools: ['two'], prompts: ['part', 'both'], resources: ['file:///b/1', 'file:///both'], tasks: true, logging: true };
const C: Offer = { tools: ['three'] };

let servers: { readonly a: OfferingServer; readonly b: OfferingServer; readonly c: OfferingServer };
let running: InProcessGateway | undefined;
beforeAll(async () => {
  const [a, b, c] = await Promise.all([startOfferingServer('A', A), startOfferingServer('B', B), startOfferingServer('C', C)]);
  servers = { a, b, c };
});
afterAll(() => Promise.all(Object.values(servers).map((server) => server.close())));
beforeEach(() => {
  Object.assign(servers.a, { offer: A, nextTaskId: 'A-task' });
  Object.assign(servers.b, { offer: B, nextTaskId: 'B-task' });
  for (const { tasks, mistaken, broken } of Object.values(servers)) {
    tasks.clear();
    mistaken.clear();
    broken.clear();
  }
});
afterEach(() => running?.close());

const entry = (name: string, url: string, more: readonly string[] = []): string => ['', `  - name: ${name}`, `    upstream: ${url}`, `    hash: ${createHash('sha256').update(toolOf(name)).digest('hex')}`, '    risk_level: low', ...more.map((line) => `    ${line}`)].join('\n');
const registryOf = (sections = ''): string => `tools:${entry('one', servers.a.url)}${entry('two', servers.b.url)}${entry('three', servers.c.url)}\n${sections}`;

async function start(sections = '', more: Partial<InProcessOptions> = {}): Promise<InProcessGateway> {
  running = await startInProcessGateway({ tools: [], registry: registryOf(sections), ...more });
  for (const { seen } of Object.values(servers)) seen.length = 0;
  return running;
}
const resultOf = (reply: RecordedReply): Record<string, unknown> => (reply.json as { result: Record<string, unknown> }).result;
const listOf = (reply: RecordedReply, member: string, key: string): unknown[] => (resultOf(reply)[member] as Record<string, unknown>[]).map((item) => item[key]);
const errorOf = (reply: RecordedReply): unknown => (reply.json as { error: unknown }).error;
const only = (text: string): Partial<InProcessOptions> => ({ policies: [{ file: 'policies/tests.rego', text: `package precinct.authz\nimport rego.v1\n${text}\n` }] });

describe('lists of prompts and resources', () => {
  it.each([
    ['prompts/list', 'prompts', 'name', ['greet', 'both', 'part'], 'precinct/hiddenPrompts'],
    ['resources/list', 'resources', 'uri', ['file:///a/1', 'file:///both', 'file:///b/1'], 'precinct/hiddenResources'],
  ] as const)('%s is the union of the servers that offer it, all pages, each item once', async (method, member, key, expected, hidden) => {
    const gateway = await start();
    const reply = await gateway.ask(rpc(method, {}, 'L'));
    expect(listOf(reply, member, key)).toEqual(expected);
    expect(resultOf(reply)['_meta']).toEqual({ [hidden]: { unregistered: 0, forbidden: 0, shadowed: 1 } });
    expect(servers.c.of(method)).toEqual([]);
    expect(gateway.lines().at(-1)).toMatchObject({ method, decision: 'ALLOW', layers_traversed: expect.arrayContaining([expect.objectContaining({ step: 5, note: 'hidden: 1 shadowed' })]) as unknown });
  });

  it('leave a server out that has no such method after all, and are refused where none has', async () => {
    const gateway = await start();
    const reply = await gateway.ask(rpc('resources/templates/list'));
    expect([listOf(reply, 'resourceTemplates', 'uriTemplate'), resultOf(reply)['_meta']]).toEqual([['file:///a/{name}'], undefined]);
    servers.a.offer = { ...A, templates: [] };
    expect(errorOf(await gateway.ask(rpc('resources/templates/list')))).toMatchObject({ code: -32601 });
  });

  it('show what the caller may use, and count the rest without naming it', async () => {
    const gateway = await start('', only('allow if input.method == "prompts/list"\nallow if { input.method == "prompts/get"; input.tool_name == "part" }'));
    const reply = await gateway.ask(rpc('prompts/list'));
    expect([listOf(reply, 'prompts', 'name'), resultOf(reply)['_meta']]).toEqual([['part'], { 'precinct/hiddenPrompts': { unregistered: 0, forbidden: 2, shadowed: 1 } }]);
    expect(reply.text).not.toContain('greet');
  });

  it('say how many servers are down, and serve the rest', async () => {
    const gateway = await start();
    servers.a.broken.add('prompts/list');
    const reply = await gateway.ask(rpc('prompts/list'));
    expect([listOf(reply, 'prompts', 'name'), resultOf(reply)['_meta']]).toMatchObject([['part', 'both'], { 'precinct/upstreamsDown': 1 }]);
    expect(JSON.stringify(gateway.lines().at(-1))).toContain('servers down: 1 of 2');
  });

  it.each([['resources/list', 'resources', 'uri', 'resources'], ['tools/list', 'tools', 'name', 'tools']] as const)('%s goes on without a server of more items on a page than one may have', async (method, member, key, offered) => {
    const gateway = await start();
    const before = listOf(await gateway.ask(rpc(method)), member, key);
    servers.b.offer = { ...B, [offered]: [...B[offered] ?? [], ...Array.from({ length: LIST_ITEMS_MAX }, (_, n) => `file:///many/${n}`)] };
    const reply = await gateway.ask(rpc(method));
    expect([listOf(reply, member, key), resultOf(reply)['_meta']]).toMatchObject([before.filter((item) => item !== 'two' && item !== 'file:///b/1'), { 'precinct/upstreamsDown': 1 }]);
  });

  it('count the tools that are not registered, of all pages', async () => {
    const gateway = await start();
    servers.a.offer = { ...A, tools: ['one', 'more', 'still-more'] };
    const reply = await gateway.ask(rpc('tools/list'));
    expect([listOf(reply, 'tools', 'name'), resultOf(reply)['_meta']]).toEqual([['one', 'two', 'three'], { 'precinct/hiddenTools': { unregistered: 2, changed: 0, forbidden: 0 } }]);
  });

  it('leave out a server whose words may not pass, and serve the rest', async () => {
    const gateway = await start('', { config: ['response: {credentials: block}'] });
    const hidden = 'AKIA'.concat('AB'.repeat(8)); // an AWS key id of no account
    servers.a.offer = { ...A, resources: ['file:///a/1', `file:///a/${hidden}`] };
    const reply = await gateway.ask(rpc('resources/list'));
    expect([listOf(reply, 'resources', 'uri'), resultOf(reply)['_meta']]).toEqual([['file:///b/1', 'file:///both'], { 'precinct/hiddenResources': { unregistered: 0, forbidden: 0, shadowed: 0, blocked: 2 } }]);
    expect(JSON.stringify(gateway.lines().at(-1))).toContain('2 blocked');
    servers.b.offer = { ...B, resources: [`file:///b/${hidden}`] };
    expect((await gateway.ask(rpc('resources/list'))).code).toBe('response_blocked');
  });

  it('count a server that was never seen, and do not ask it; what it may have is not called unknown', async () => {
    const away = await startOfferingServer('away', A);
    await away.close();
    const gateway = await start('', { registry: `tools:${entry('one', servers.a.url)}${entry('two', servers.b.url)}${entry('four', away.url)}\n` });
    const reply = await gateway.ask(rpc('prompts/list'));
    expect([listOf(reply, 'prompts', 'name'), resultOf(reply)['_meta']]).toMatchObject([['greet', 'both', 'part'], { 'precinct/upstreamsDown': 1 }]);
    expect((await gateway.ask(rpc('prompts/get', { name: 'nowhere' }))).code).toBe('mcp_transport_failed');
    expect((await gateway.ask(rpc('prompts/get', { name: 'part' }))).text).toContain('part at B');
  });

  it('are those of the only server there is, which may have been down when it was first listed', async () => {
    const gateway = await start('', {
      registry: `tools:${entry('two', servers.b.url)}\n`, change: ({ tools }) => ({ tools: { ...tools, upstream: (url) => ({ ...tools.upstream(url), state: 'down', capabilities: {} }) } }),
    });
    const reply = await gateway.ask(rpc('prompts/list'));
    expect([listOf(reply, 'prompts', 'name'), resultOf(reply)['_meta']]).toEqual([['part', 'both'], undefined]);
  });

  it('show only what is registered where the registry has the last word, and of the server it names', async () => {
    const gateway = await start(`prompts:\n  - {name: both, upstream: ${servers.b.url}, risk_level: low}\n`, { config: ['registry: {unregistered: refuse}'] });
    const reply = await gateway.ask(rpc('prompts/list'));
    expect([listOf(reply, 'prompts', 'name'), (resultOf(reply)['prompts'] as { description: string }[])[0]?.description]).toEqual([['both'], 'of B']);
    expect(resultOf(reply)['_meta']).toEqual({ 'precinct/hiddenPrompts': { unregistered: 3, forbidden: 0, shadowed: 0 } });
  });
});

describe('a prompt or resource', () => {
  it.each([
    ['prompts/get', { name: 'greet' }, 'greet at A', 'a'], ['prompts/get', { name: 'part' }, 'part at B', 'b'], ['prompts/get', { name: 'both' }, 'both at A', 'a'],
    ['resources/read', { uri: 'file:///b/1' }, 'file:///b/1 at B', 'b'], ['resources/read', { uri: 'file:///both' }, 'file:///both at A', 'a'],
    ['resources/read', { uri: 'file:///a/of-the-template' }, 'file:///a/of-the-template at A', 'a'],
  ] as const)('%s %j goes to the server that lists it, and the record says which', async (method, params, said, where) => {
    const gateway = await start();
    const reply = await gateway.ask(rpc(method, params));
    expect(reply.text).toContain(said);
    const subject = Object.values(params)[0];
    expect(gateway.lines().at(-1)).toMatchObject({ method, tool: subject, server: servers[where].url, decision: 'ALLOW' });
    const before = servers.a.seen.length + servers.b.seen.length;
    await gateway.ask(rpc(method, params));
    expect(servers.a.seen.length + servers.b.seen.length - before).toBe(1); // where it lies is remembered
  });

  it('that a list has shown is found without asking again', async () => {
    const gateway = await start();
    await gateway.ask(rpc('prompts/list'));
    const before = servers.a.seen.length + servers.b.seen.length;
    expect((await gateway.ask(rpc('prompts/get', { name: 'part' }))).text).toContain('part at B');
    expect(servers.a.seen.length + servers.b.seen.length - before).toBe(1);
  });

  it.each([['prompts/get', { name: 'nowhere' }, 'prompt_unknown'], ['resources/read', { uri: 'file:///nowhere' }, 'resource_unknown'], ['resources/subscribe', { uri: 'file:///nowhere' }, 'resource_unknown']] as const)('%s that nobody lists is a protocol error with the status of the era', async (method, params, reason) => {
    const gateway = await start();
    const plain = await gateway.ask(rpc(method, params));
    expect([plain.status, errorOf(plain)]).toMatchObject([400, { code: -32602 }]);
    const client = await gateway.ask(rpc(method, params), await openSession(gateway));
    expect([client.status, errorOf(client)]).toMatchObject([200, { code: -32602, data: { code: 'mcp_invalid_request' } }]);
    expect(gateway.lines().at(-1)).toMatchObject({ decision: 'DENY', code: 'mcp_invalid_request', reason_code: reason });
    expect([...servers.a.of(method), ...servers.b.of(method)]).toEqual([]);
  });

  it('is not called unknown while a server that may have it does not answer', async () => {
    const gateway = await start();
    servers.b.broken.add('prompts/list');
    const reply = await gateway.ask(rpc('prompts/get', { name: 'part' }));
    expect([reply.status, reply.code]).toEqual([502, 'mcp_transport_failed']);
  });

  it('is subscribed to, unsubscribed from and completed at the same server', async () => {
    const gateway = await start();
    const session = await openSession(gateway);
    for (const method of ['resources/subscribe', 'resources/unsubscribe']) expect((await gateway.ask(rpc(method, { uri: 'file:///b/1' }), session)).json).toMatchObject({ result: {} });
    expect([servers.a.of('resources/subscribe').length, servers.b.of('resources/subscribe').length, servers.b.of('resources/unsubscribe').length]).toEqual([0, 1, 1]);
    const completed = await gateway.ask(rpc('completion/complete', { ref: { type: 'ref/prompt', name: 'part' }, argument: { name: 'x', value: '' } }), session);
    expect(completed.text).toContain('"values":["B"]');
    const byTemplate = await gateway.ask(rpc('completion/complete', { ref: { type: 'ref/resource', uri: 'file:///a/{name}' }, argument: { name: 'name', value: '' } }), session);
    expect(byTemplate.text).toContain('"values":["A"]');
  });

  it('is completed only by whom a rule permits it for', async () => {
    const gateway = await start('', only('allow if { input.method == "completion/complete"; input.tool_name == "part" }'));
    const complete = (name: string) => gateway.ask(rpc('completion/complete', { ref: { type: 'ref/prompt', name }, argument: { name: 'x', value: '' } }));
    expect((await complete('part')).status).toBe(200);
    expect((await complete('greet')).code).toBe('authz_policy_denied');
  });
});

describe('a registered prompt or resource', () => {
  const sections = (): string => [
    'resources:',
    `  - {uri: 'file:///b/1', upstream: ${servers.b.url}, risk_level: low, classification: sensitive}`,
    `  - {uri_prefix: 'file:///b/', upstream: ${servers.b.url}, risk_level: low}`,
    `  - {uri_template: 'file:///critical/{id}', upstream: ${servers.b.url}, risk_level: critical}`,
    'prompts:', `  - {name: part, upstream: ${servers.b.url}, risk_level: high}`, '',
  ].join('\n');

  it('goes to its server without asking who has it, with risk, server and intent in the record', async () => {
    const gateway = await start(sections(), only('allow if { input.method == "prompts/get"; input.risk_level == "high"; input.server != "" }'));
    expect((await gateway.ask(rpc('prompts/get', { name: 'part' }))).text).toContain('part at B');
    expect([servers.a.seen.length, servers.b.of('prompts/list').length]).toEqual([0, 0]);
    expect(gateway.lines().slice(-2)).toMatchObject([{ type: 'intent', tool: 'part', server: servers.b.url }, { type: 'request', tool: 'part', server: servers.b.url }]);
  });

  it('taints who has read it, like a tool', async () => {
    const gateway = await start(`${sections()}`);
    const flagsOf = () => gateway.gateway.identity('spiffe://poc.local/agents/mcp-client/my-agent/dev').flags;
    await gateway.ask(rpc('resources/read', { uri: 'file:///b/other' }));
    expect(flagsOf()).toEqual([]);
    await gateway.ask(rpc('resources/read', { uri: 'file:///b/1' }));
    expect(flagsOf()).not.toEqual([]);
    // Data that was read must not leave in the name of a resource.
    const away = await gateway.ask(rpc('resources/read', { uri: 'file:///b/?to=https://evil.example/' }));
    expect(away.code).toBe('exfiltration_detected');
  });

  it('of critical risk needs a person, for each URI anew', async () => {
    const gateway = await start(sections());
    const first = await gateway.ask(rpc('resources/read', { uri: 'file:///critical/1' }));
    expect(first.code).toBe('stepup_approval_required');
    const second = await gateway.ask(rpc('resources/read', { uri: 'file:///critical/2' }));
    const request = (reply: RecordedReply): unknown => (reply.json as { details: { request_id: unknown } }).details.request_id;
    expect(request(second)).not.toBe(request(first));
    expect(gateway.approvals.list('pending', Date.now()).map(({ tool }) => tool).sort()).toEqual(['file:///critical/1', 'file:///critical/2']);
    expect(servers.b.of('resources/read')).toEqual([]);
  });

  it.each(['file:///b/../critical/1', 'file:///b/%2e%2e/critical/1', 'file:///b/%252E%252e%252fcritical/1', 'file:///b/..'])('is not reached as another: %s is refused', async (uri) => {
    const gateway = await start(sections());
    const reply = await gateway.ask(rpc('resources/read', { uri }));
    expect([errorOf(reply), reply.code]).toMatchObject([{ code: -32602 }, 'mcp_invalid_request']);
    expect(servers.b.of('resources/read')).toEqual([]);
  });

  it('is needed where the registry has the last word, and the refusal says how', async () => {
    const gateway = await start(sections(), { config: ['registry: {unregistered: refuse}'] });
    expect((await gateway.ask(rpc('resources/read', { uri: 'file:///b/2' }))).status).toBe(200);
    for (const [method, params] of [['prompts/get', { name: 'greet' }], ['resources/read', { uri: 'file:///a/1' }], ['resources/subscribe', { uri: 'file:///a/1' }]] as const) {
      const reply = await gateway.ask(rpc(method, params));
      expect([reply.status, reply.code, (reply.json as { remediation: string }).remediation]).toEqual([403, 'registry_tool_unknown', expect.stringContaining('registry.unregistered')]);
    }
  });
});

describe('tasks', () => {
  const make = (gateway: InProcessGateway, tool: string, as: Posted) => gateway.ask(rpc('tools/call', { name: tool, arguments: {}, task: {} }), as);

  it('are asked for at the server that made them, even under the same id', async () => {
    const gateway = await start();
    const [mine, other] = [await openSession(gateway), await openSession(gateway)];
    servers.a.nextTaskId = servers.b.nextTaskId = 'same';
    expect((await make(gateway, 'one', mine)).text).toContain('"taskId":"same"');
    expect((await make(gateway, 'two', other)).text).toContain('"taskId":"same"');
    expect((await gateway.ask(rpc('tasks/get', { taskId: 'same' }), mine)).text).toContain('at A');
    expect((await gateway.ask(rpc('tasks/get', { taskId: 'same' }), other)).text).toContain('at B');
    expect((await gateway.ask(rpc('tasks/result', { taskId: 'same' }), other)).text).toContain('result at B');
    expect(servers.a.of('tasks/get')).toHaveLength(1);
  });

  it('stay with the server that made them first: no other takes over what is meant for it', async () => {
    const gateway = await start();
    const session = await openSession(gateway);
    servers.a.nextTaskId = servers.b.nextTaskId = 'same';
    await make(gateway, 'one', session);
    await make(gateway, 'two', session);
    expect((await gateway.ask(rpc('tasks/cancel', { taskId: 'same' }), session)).text).toContain('at A');
  });

  it('that were not seen made are looked for; two that claim one get nothing', async () => {
    const gateway = await start();
    servers.b.tasks.add('known-to-b');
    const session = await openSession(gateway);
    expect((await gateway.ask(rpc('tasks/cancel', { taskId: 'known-to-b' }), session)).text).toContain('at B');
    expect([servers.a.of('tasks/cancel').length, servers.b.of('tasks/cancel').length]).toEqual([0, 1]);
    // Whose it is stays known, also where no answer names it.
    servers.b.tasks.add('asked-for');
    for (const _time of [1, 2]) expect((await gateway.ask(rpc('tasks/result', { taskId: 'asked-for' }), session)).text).toContain('result at B');
    expect([servers.a.of('tasks/get').length, servers.b.of('tasks/get').length]).toEqual([2, 2]);
    servers.a.tasks.add('claimed');
    servers.b.tasks.add('claimed');
    const claimed = await gateway.ask(rpc('tasks/cancel', { taskId: 'claimed' }), session);
    expect(errorOf(claimed)).toMatchObject({ code: -32602 });
    expect(gateway.lines().at(-1)).toMatchObject({ reason_code: 'task_ambiguous' });
    expect(errorOf(await gateway.ask(rpc('tasks/get', { taskId: 'nowhere' }), session))).toMatchObject({ code: -32602 });
    expect(gateway.lines().at(-1)).toMatchObject({ reason_code: 'task_unknown', decision: 'DENY' });
    expect(errorOf(await gateway.ask(rpc('tasks/get', {}), session))).toMatchObject({ code: -32602 });
    expect([servers.a.of('tasks/cancel').length, servers.b.of('tasks/cancel').length]).toEqual([0, 1]);
  });

  it('are not claimed by who answers with another one', async () => {
    const gateway = await start();
    for (const id of ['at-b', 'nowhere']) servers.a.mistaken.add(id);
    servers.b.tasks.add('at-b');
    const session = await openSession(gateway);
    expect((await gateway.ask(rpc('tasks/cancel', { taskId: 'at-b' }), session)).text).toContain('at B');
    expect(errorOf(await gateway.ask(rpc('tasks/cancel', { taskId: 'nowhere' }), session))).toMatchObject({ code: -32602 });
    expect([gateway.lines().at(-1)?.['reason_code'], servers.a.of('tasks/cancel')]).toEqual(['task_unknown', []]);
  });

  it('are listed of all servers, for who has a session', async () => {
    const gateway = await start();
    servers.a.tasks.add('t1').add('t2');
    servers.b.tasks.add('t3');
    expect(listOf(await gateway.ask(rpc('tasks/list'), await openSession(gateway)), 'tasks', 'taskId')).toEqual(['t1', 't2', 't3']);
    const stranger = await gateway.ask(rpc('tasks/list'));
    expect([stranger.status, errorOf(stranger)]).toMatchObject([400, { code: -32600 }]);
  });
});

describe('logging/setLevel', () => {
  it('reaches every server of the session that logs, and is answered once', async () => {
    const gateway = await start();
    const reply = await gateway.ask(rpc('logging/setLevel', { level: 'warning' }, 'L'), await openSession(gateway));
    expect(reply.json).toEqual({ jsonrpc: '2.0', id: 'L', result: {} });
    expect([servers.a, servers.b, servers.c].map((server) => server.of('logging/setLevel').map(({ params }) => params))).toEqual([[{ level: 'warning' }], [{ level: 'warning' }], []]);
  });

  it('of a caller without a session goes nowhere', async () => {
    const gateway = await start();
    expect((await gateway.ask(rpc('logging/setLevel', { level: 'debug' }))).status).toBe(400);
    expect(servers.a.of('logging/setLevel')).toEqual([]);
  });
});

describe('in the newest era', () => {
  const modern = (method: string, params: Readonly<Record<string, unknown>> = {}): [string, Posted] => {
    const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} };
    const name = params['name'] ?? params['uri'];
    return [rpc(method, { ...params, _meta: meta }), { headers: { accept: MCP_ACCEPT, mcpProtocolVersion: '2026-07-28', mcpMethod: method, ...(typeof name === 'string' ? { mcpName: encodeMirroredHeader(name) } : {}) } }];
  };
  beforeEach(() => {
    for (const server of Object.values(servers)) server.offer = { ...server.offer, era: 'modern' };
  });
  afterEach(() => Object.assign(servers.c, { offer: C }));

  it('lists are complete, and for their caller alone', async () => {
    const gateway = await start();
    const reply = await gateway.ask(...modern('prompts/list'));
    expect(resultOf(reply)).toMatchObject({ resultType: 'complete', ttlMs: 0, cacheScope: 'private', prompts: [{ name: 'greet' }, { name: 'both' }, { name: 'part' }] });
  });

  it('what is looked for goes out with mirrors of its own, what is found with the caller\'s', async () => {
    const gateway = await start();
    expect((await gateway.ask(...modern('prompts/get', { name: 'part' }))).text).toContain('part at B');
    expect((await gateway.ask(...modern('resources/read', { uri: 'file:///b/1' }))).text).toContain('file:///b/1 at B');
    const missing = await gateway.ask(...modern('prompts/get', { name: 'nowhere' }));
    expect([missing.status, errorOf(missing)]).toMatchObject([400, { code: -32602 }]);
  });

  it('a renamed tool\'s mirror says the name its server knows', async () => {
    servers.b.offer = { ...servers.b.offer, tools: ['söök'] };
    const gateway = await start('', { registry: `servers: [{upstream: ${servers.b.url}, prefix: b_}]\ntools:${entry('söök', servers.b.url)}\n` });
    const reply = await gateway.ask(...modern('tools/call', { name: 'b_söök', arguments: {} }));
    expect(servers.b.of('tools/call').at(-1)?.headers['mcp-name']).toBe(`=?base64?${Buffer.from('söök').toString('base64')}?=`);
    expect(reply.status).toBe(400); // the test's server compares without decoding
  });
});

describe('tools of one name', () => {
  const sameName = (): string => [
    `servers:\n  - {upstream: ${servers.b.url}, prefix: b_}\ntools:`, entry('search', servers.a.url), entry('search', servers.b.url),
    entry('c_search', servers.c.url, ['served_as: search']).replace(/hash: \w+/, `hash: ${createHash('sha256').update(toolOf('search')).digest('hex')}`), '',
  ].join('\n');
  const searchers = async (): Promise<InProcessGateway> => {
    for (const server of Object.values(servers)) server.offer = { ...server.offer, tools: ['search'] };
    const gateway = await start('', { registry: sameName() });
    return gateway;
  };
  afterEach(() => Object.assign(servers.c, { offer: C }));

  it('are listed and called under names of their own, and only the name is another on its way', async () => {
    const gateway = await searchers();
    expect(listOf(await gateway.ask(rpc('tools/list')), 'tools', 'name')).toEqual(['search', 'b_search', 'c_search']);
    for (const [name, where] of [['search', 'a'], ['b_search', 'b'], ['c_search', 'c']] as const) {
      const body = `{"jsonrpc":"2.0","method":"tools/call","id":"x","params":{"arguments":{"n":1e400,"name":"${name}"}, "name" : "${name}" ,"_meta":{"k":[1.0]}}}`;
      expect((await gateway.ask(body, await openSession(gateway))).text).toContain(`search at ${where.toUpperCase()}`);
      expect(servers[where].of('tools/call').at(-1)?.body).toBe(body.replace(` "name" : "${name}"`, ' "name" : "search"'));
      expect(gateway.lines().at(-1)).toMatchObject({ tool: name, server: servers[where].url });
    }
  });

  it('are called over the shared session as well, whose ids are others', async () => {
    const gateway = await searchers();
    expect((await gateway.ask(toolCall('b_search', {}, 'mine'))).json).toMatchObject({ id: 'mine', result: { content: [{ text: 'search at B' }] } });
  });

  it('are unknown under the names of their servers', async () => {
    const gateway = await searchers();
    servers.a.offer = { ...servers.a.offer, tools: [] };
    expect((await gateway.ask(toolCall('b_b_search'))).code).toBe('registry_tool_unknown');
    expect(listOf(await gateway.ask(rpc('tools/list')), 'tools', 'name')).toEqual(['b_search', 'c_search']);
  });
});
