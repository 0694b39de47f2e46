// agw import and agw connect as typed in a shell: the built bin/agw, a started gateway, real tool servers over HTTP and stdio, from a client's file to a call that passes and one that is refused.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readServers } from '../../src/cli/clients/client-file.js';
import { runAgw, startAgw, type AgwRun } from '../support/agw-process.js';
import { startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { startOfferingServer } from '../support/offering-server.js';
import { jsonAnswer, resultFor, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { startDemoProcess, type StartedProcess } from '../support/tool-server.js';
import { toolText } from './calls.js';

const STDIO = fileURLToPath(new URL('../support/stdio-server.mjs', import.meta.url));
const SECRET = `ghp_${'Zx9'.repeat(12)}`;
const KEY = 'swordfish-Sword-77';
const OTHER = 'spiffe://poc.local/agents/mcp-client/reporter/dev';

let demo: StartedProcess;
let gateway: GatewayProcess;
let home = '';
let work = '';

/** A tool server that answers nobody who lacks its key. */
async function startServerWithKey(): Promise<ScriptedServer> {
  const server = await startScriptedServer([toolText('keyed_tool')]);
  server.key = `Bearer ${KEY}`;
  server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'opened'));
  return server;
}

const agw = (...words: string[]): Promise<AgwRun> => runAgw(work, [...words, '--config', join(gateway.dir, 'config/gateway.yaml')], '', { HOME: home });
const json = (run: AgwRun): Record<string, unknown> => JSON.parse(run.out) as Record<string, unknown>;
const registry = (): string => readFileSync(join(gateway.dir, 'config/capability-registry-v2.yaml'), 'utf8');
const policies = (): string[] => readdirSync(join(gateway.dir, 'config/opa/policies')).filter((name) => name.endsWith('.rego'));

beforeAll(async () => {
  demo = await startDemoProcess();
  gateway = await startGateway({
    tools: [], policies: {}, env: { DEMO_TOKEN: SECRET, KEYED_AUTHORIZATION: KEY },
    identities: { default: 'spiffe://poc.local/agents/mcp-client/my-agent/dev', identities: [{ spiffe_id: 'spiffe://poc.local/agents/mcp-client/my-agent/dev' }, { spiffe_id: OTHER }] },
  });
  home = join(gateway.dir, 'home');
  work = join(gateway.dir, 'work');
  mkdirSync(join(home, '.cursor'), { recursive: true });
  mkdirSync(work);
  writeFileSync(join(home, '.cursor/mcp.json'), `{
  // what this machine's person uses
  "mcpServers": {
    "demo": { "url": "${demo.url}" },
    "local": { "command": ${JSON.stringify(process.execPath)}, "args": [${JSON.stringify(STDIO)}], "env": { "DEMO_TOKEN": "${SECRET}", "LOG_LEVEL": "warn" } },
    "gone": { "url": "http://127.0.0.1:9/mcp" }, // not running
    "mine": { "url": "${gateway.url.replace('127.0.0.1', 'localhost')}" },
  },
}
`, { mode: 0o600 });
}, 60_000);
afterAll(async () => {
  await gateway.stop();
  await demo.stop();
});

it('says before anything is started what decides what runs, the variables too', { timeout: 60_000 }, async () => {
  const file = join(work, 'odd.json');
  writeFileSync(file, JSON.stringify({ mcpServers: { time: { command: 'npx', args: ['-y', 'time-server'], cwd: '/tmp', env: { NODE_OPTIONS: '--import=data:text/javascript,1', TZ: 'UTC' } } } }));
  const { code, err } = await agw('import', file); // nobody is at the terminal: no yes, no start
  expect([code, err.split('\n').filter((line) => line.includes('npx')), err.includes('text/javascript')]).toEqual([2, ['  time: npx -y time-server in /tmp with NODE_OPTIONS, TZ'], false]);
});

it('writes nothing while a server does not answer, and nothing in a dry run', { timeout: 60_000 }, async () => {
  const before = registry();
  const refused = await agw('import', 'cursor', '--yes');
  expect([refused.code, refused.err.includes('gone'), refused.err.includes('--skip-unreachable')]).toEqual([1, true, true]);
  const dry = await agw('import', 'cursor', '--skip-unreachable', '--dry-run', '--yes');
  expect([dry.code, registry(), policies()]).toEqual([0, before, []]);
  for (const shown of ['demo_my_tool', 'stdio:local', 'DEMO_TOKEN', 'left out mine', 'env.DEMO_TOKEN']) expect(dry.out).toContain(shown);
  expect(`${dry.out}${dry.err}${refused.out}${refused.err}`).not.toContain(SECRET);
});

it('goes from a client\'s file to a call that passes, one that is refused, and a client that knows the gateway alone', { timeout: 120_000 }, async () => {
  const ran = await agw('import', 'cursor', '--skip-unreachable', '--as', 'reporter', '--risk-level', 'low', '--write-client', '--yes', '--json');
  expect([ran.code, ran.err.includes(SECRET), ran.out.includes(SECRET), registry().includes(SECRET)]).toEqual([0, false, false, false]);
  const answer = json(ran) as { checks: { wanted: string; decision: string }[]; allowed: string[]; policy_file: string; left_out: { name: string }[] };
  expect(answer.checks.every(({ wanted, decision }) => wanted === decision)).toBe(true);
  expect(answer.allowed).toEqual(expect.arrayContaining(['demo_my_tool', 'demo_echo', 'local_echo', 'local_self']));
  expect(answer.left_out.map(({ name }) => name)).toEqual(['mine']);
  expect(registry()).toContain('$ENV{DEMO_TOKEN}');

  const client = readServers(readFileSync(join(home, '.cursor/mcp.json'), 'utf8'), { format: 'jsonc', at: ['mcpServers'], form: 'map' }).servers;
  expect(client.map(({ name }) => name)).toEqual(['gone', 'mine', 'precinct']);
  const url = (client.at(-1)?.value as { url: string }).url;
  expect(url.endsWith('/as/reporter/dev')).toBe(true);

  const call = (name: string, args: unknown): Promise<{ status: number; json: Record<string, unknown> }> => gateway.http('POST', new URL(url).pathname, { 'content-type': 'application/json' }, JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } }));
  const passed = await call('demo_my_tool', { query: 'x' });
  expect([passed.status, JSON.stringify(passed.json)]).toEqual([200, expect.stringContaining('my_tool looked at: x')]);
  const self = await call('local_self', {});
  expect([self.status, JSON.stringify(self.json).includes('LOG_LEVEL')]).toEqual([200, true]);
  expect(await call('not_imported', {})).toMatchObject({ status: 403, json: { code: 'registry_tool_unknown' } });
  const asDefault = await gateway.http('POST', '/', { 'content-type': 'application/json' }, JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'demo_my_tool', arguments: {} } }));
  expect(asDefault).toMatchObject({ status: 403, json: { code: 'authz_policy_denied' } });
  expect((await agw('policy', 'eval', '--caller', OTHER, '--tool', 'demo_my_tool')).code).toBe(0);
  expect((await agw('policy', 'eval', '--caller', OTHER, '--tool', 'bash')).code).toBe(1);

  const listed = await gateway.http('POST', new URL(url).pathname, { 'content-type': 'application/json' }, '{"jsonrpc":"2.0","id":2,"method":"tools/list"}');
  const names = (listed.json['result'] as { tools: { name: string }[] }).tools.map(({ name }) => name);
  expect(names.toSorted()).toEqual(answer.allowed.toSorted());
});

it('has nothing left to write the second time, and finds the client connected', { timeout: 60_000 }, async () => {
  const backup = readdirSync(join(home, '.cursor')).find((name) => name.endsWith('.bak')) ?? '';
  const before = registry();
  const again = await agw('import', join(home, '.cursor', backup), '--skip-unreachable', '--as', 'reporter', '--yes', '--json');
  expect([again.code, registry(), policies()]).toEqual([0, before, ['import_reporter_dev.rego']]);
  const rows = json(await agw('connect', '--json'))['clients'] as { client: string; state: string }[];
  expect(rows.find(({ client }) => client === 'cursor')?.state).toBe('connected');
});

it('takes a server that wants a key with its headers: the key goes into a variable, and from there to the server', { timeout: 60_000 }, async () => {
  const keyed = await startServerWithKey();
  const file = join(work, 'keyed.json');
  writeFileSync(file, JSON.stringify({ mcpServers: { keyed: { url: keyed.url, headers: { Authorization: `Bearer ${KEY}`, Accept: 'text/html' } } } }));
  try {
    const without = await agw('tools', 'list', '--from', keyed.url);
    expect([without.code, without.err.includes('HTTP status 401'), without.err.includes(`--header 'Authorization: Bearer $ENV{NAME}'`)]).toEqual([2, true, true]);
    const wrong = join(work, 'wrong.json');
    writeFileSync(wrong, JSON.stringify({ mcpServers: { keyed: { url: keyed.url, headers: { Authorization: `Bearer ${KEY}x` } } } }));
    const refused = await agw('import', wrong, '--yes');
    expect([refused.code, refused.err.includes('it refuses what the file has for it (headers.Authorization, without Bearer)'), refused.err.includes(KEY)]).toEqual([1, true, false]);
    const ran = await agw('import', file, '--as', 'reporter', '--risk-level', 'low', '--yes');
    const shown = `${ran.out}${ran.err}`;
    expect([ran.code, shown.includes('gets the headers Authorization'), shown.includes('KEYED_AUTHORIZATION  (now: keyed, headers.Authorization, without Bearer)'), shown.includes('its header Accept is left out')]).toEqual([0, true, true, true]);
    expect([shown.includes(KEY), registry().includes(KEY), registry().includes('Bearer $ENV{KEYED_AUTHORIZATION}')]).toEqual([false, false, true]);
    const answer = await gateway.http('POST', '/as/reporter/dev', { 'content-type': 'application/json' }, '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"keyed_tool","arguments":{}}}');
    expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('opened')]);
  } finally {
    await keyed.close();
  }
});

it('says which servers have prompts and resources, and the rules that its page shows allow them', { timeout: 60_000 }, async () => {
  const more = await startOfferingServer('more', { tools: ['plain'], prompts: ['review'], resources: ['file:///notes/a', 'file:///other'] });
  const file = join(work, 'more.json');
  writeFileSync(file, JSON.stringify({ mcpServers: { more: { url: more.url } } }));
  const ask = (method: string, params: object): Promise<{ text: string }> => gateway.http('POST', '/as/reporter/dev', { 'content-type': 'application/json' }, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
  try {
    const ran = await agw('import', file, '--as', 'reporter', '--yes');
    expect([ran.code, ran.err.includes('it also has prompts and resources: the policy of this import allows none of them')]).toEqual([0, true]);
    expect(ran.out).toContain(`next: write a rule for the prompts and resources of more, if ${OTHER} is to have them: docs/policies.md, "Prompts and resources"`);
    expect((await ask('prompts/get', { name: 'review' })).text).toContain('authz_policy_denied');
    const page = readFileSync(fileURLToPath(new URL('../../docs/policies.md', import.meta.url)), 'utf8');
    const rules = /## Prompts and resources\n[^]*?```rego\n([^]*?)```/.exec(page)?.[1] ?? '';
    writeFileSync(join(gateway.dir, 'config/opa/policies/more.rego'), rules);
    expect((await agw('policy', 'reload')).code).toBe(0);
    expect((await ask('prompts/list', {})).text).toContain('review');
    const resources = await ask('resources/list', {});
    expect([resources.text.includes('file:///notes/a'), resources.text.includes('file:///other')]).toEqual([true, false]);
    expect((await ask('resources/read', { uri: 'file:///other' })).text).toContain('authz_policy_denied');
  } finally {
    await more.close();
  }
});

it('ends at Ctrl-C, also where servers that do not answer are skipped', { timeout: 60_000 }, async () => {
  const [silent, seen] = [join(work, 'silent.json'), join(work, 'seen')];
  writeFileSync(silent, JSON.stringify({ mcpServers: { mute: { command: process.execPath, args: [STDIO, '--mute', `--seen=${seen}`] }, demo: { url: demo.url } } }));
  const running = startAgw(work, ['import', silent, '--skip-unreachable', '--yes', '--config', join(gateway.dir, 'config/gateway.yaml')], '', { HOME: home });
  while (!existsSync(seen)) await new Promise((resolve) => setTimeout(resolve, 50)); // it was greeted: whoever greets it minds the interrupt
  const before = registry();
  const ran = await running.interrupt();
  expect([ran.code, ran.err.includes('interrupted'), ran.err.includes('asking demo'), registry()]).toEqual([2, true, false, before]);
});
