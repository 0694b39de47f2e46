// agw connect: what it prints, what it writes into a client's file and what not, and how it ends.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CLIENTS, SNIPPETS } from '../../../src/cli/clients/facts.js';
import { openBench, type Bench, type Ran } from './cli-fixture.js';

const STATUS = { 'GET /v1/status': () => ({ json: { profile: 'dev', listeners: [{ kind: 'mtls', address: '127.0.0.1:1' }, { kind: 'http', address: '127.0.0.1:4711' }] } }) };
const URL_HERE = 'http://localhost:4711';
let bench: Bench;
let home = '';
beforeEach(async () => {
  bench = openBench();
  home = join(bench.root, 'home');
  mkdirSync(join(bench.root, 'work'));
  await bench.serve(STATUS);
});
afterEach(() => bench.close());

const agw = (...words: string[]): Promise<Ran> => bench.agw(['connect', ...words], { env: { HOME: home }, cwd: join(bench.root, 'work') });
const put = (file: string, text: string): string => {
  const path = join(home, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
};
const json = (ran: Ran): Record<string, unknown> => JSON.parse(ran.out) as Record<string, unknown>;
const backups = (file: string): string[] => readdirSync(dirname(file)).filter((name) => name.endsWith('.bak'));

describe.each(CLIENTS.map(({ id }) => id))('%s', (id) => {
  it('is connected, stays so, is found connected, moved to another identity, and disconnected', async () => {
    const written = json(await agw(id, '--write', '--yes', '--json'));
    const file = String(written['file']);
    expect(written).toMatchObject({ client: id, state: 'connected', url: URL_HERE, backup: null });
    const text = readFileSync(file, 'utf8');
    expect(json(await agw(id, '--write', '--json'))).toMatchObject({ state: 'unchanged' });
    const listed = json(await agw('--json'))['clients'] as { client: string; state: string; name?: string }[];
    expect(listed.filter(({ client }) => client === id)).toEqual([expect.objectContaining({ state: 'connected', name: 'precinct', file })]);
    const moved = await agw(id, '--as', 'reporter/prod', '--write', '--yes', '--json');
    expect([moved.code, json(moved)['url'], new RegExp(`${URL_HERE}(?:/as/|",\\s*"--as",\\s*")reporter/prod"?`).test(readFileSync(file, 'utf8'))]).toEqual([0, `${URL_HERE}/as/reporter/prod`, true]);
    expect(readFileSync(String(json(moved)['backup']), 'utf8')).toBe(text);
    expect(json(await agw(id, '--remove', '--yes', '--json'))).toMatchObject({ state: 'removed', name: 'precinct' });
    expect(readFileSync(file, 'utf8')).not.toContain(URL_HERE);
    expect((await agw(id, '--remove', '--yes')).code).toBe(1);
  });

  it('is shown, and nothing is written', async () => {
    const shown = await agw(id);
    expect([shown.code, shown.out.includes(URL_HERE), existsSync(home)]).toEqual([0, true, false]);
  });
});

it.each(SNIPPETS.map(({ id }) => id))('prints the code of %s, and has no file to write', async (id) => {
  const shown = await agw(id, '--as', 'my-agent');
  expect([shown.code, shown.out.includes(`${URL_HERE}/as/my-agent/dev`)]).toEqual([0, true]);
  expect((await agw(id, '--write')).code).toBe(2);
});

it('leaves other servers, comments and the file\'s mode, and keeps a copy', async () => {
  const text = '{\n  // the team\'s\n  "servers": {\n    "files": { "command": "npx", "env": { "TOKEN": "hunter2-hunter2" } }, // keep\n  },\n}\n';
  const file = join(bench.root, 'work', '.vscode', 'mcp.json');
  mkdirSync(dirname(file));
  writeFileSync(file, text);
  chmodSync(file, 0o600);
  const ran = await agw('vscode', '--write', '--yes');
  expect([ran.code, `${ran.out}${ran.err}`.includes('hunter2')]).toEqual([0, false]);
  const after = readFileSync(file, 'utf8');
  expect(after.startsWith(text.slice(0, text.indexOf(' // keep') + ' // keep'.length))).toBe(true);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const [backup = ''] = backups(file);
  expect(backup).toMatch(/^mcp\.json\.\d{8}T\d{6}Z\.bak$/);
  expect(readFileSync(join(dirname(file), backup), 'utf8')).toBe(text);
  expect(statSync(join(dirname(file), backup)).mode & 0o777).toBe(0o600);
});

it('makes a user\'s new file the user\'s alone, a project\'s readable', async () => {
  await agw('cursor', '--write', '--yes');
  await agw('claude-code', '--write', '--yes');
  expect([statSync(join(home, '.cursor/mcp.json')).mode & 0o777, statSync(join(bench.root, 'work', '.mcp.json')).mode & 0o777]).toEqual([0o600, 0o644]);
});

it('writes the file behind a link, also one that is not there yet', async () => {
  const real = put('dotfiles/mcp.json', '{"mcpServers":{}}');
  mkdirSync(join(home, '.cursor'));
  symlinkSync('../dotfiles/mcp.json', join(home, '.cursor/mcp.json'));
  expect((await agw('cursor', '--write', '--yes')).code).toBe(0);
  expect(readFileSync(real, 'utf8')).toContain(URL_HERE);
  expect(realpathSync(join(home, '.cursor/mcp.json'))).toBe(realpathSync(real));
  expect(backups(real)).toHaveLength(1);
  symlinkSync('later.json', join(home, 'dangling.json'));
  expect((await agw('cursor', '--file', join(home, 'dangling.json'), '--write', '--yes')).code).toBe(0);
  expect(readFileSync(join(home, 'later.json'), 'utf8')).toContain(URL_HERE);
});

it('keeps what a person has added to the entry', async () => {
  const file = put('.cursor/mcp.json', '{"mcpServers":{"precinct":{"command":"npx","args":["old"],"headers":{"Authorization":"Bearer x"},"disabled":true}}}');
  await agw('cursor', '--write', '--yes');
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ mcpServers: { precinct: { url: URL_HERE, headers: { Authorization: 'Bearer x' }, disabled: true } } });
});

it.each([['.cursor/mcp.json', 'cursor', '{\n  "mcpServers": { "a": oops }\n}', '2:24'], ['.codex/config.toml', 'codex', 'a = 1\nb = = 2\n', '2:'], ['.config/goose/config.yaml', 'goose', 'a: [1\nb: 2\n', '2:']])('refuses a wrong %s with its place, and writes nothing', async (name, client, text, place) => {
  const file = put(name, text);
  const ran = await agw(client, '--write', '--yes');
  expect([ran.code, ran.err.includes(`${file}:${place}`)]).toEqual([2, true]);
  expect([readFileSync(file, 'utf8'), backups(file)]).toEqual([text, []]);
  const overview = json(await agw('--json'))['clients'] as { client: string; state: string; fault?: string }[];
  expect(overview.find((row) => row.client === client)).toMatchObject({ state: 'cannot be read', fault: expect.stringContaining(place) as string });
});

it('writes nothing without a yes', async () => {
  const ran = await agw('cursor', '--write');
  expect([ran.code, existsSync(join(home, '.cursor'))]).toEqual([2, false]);
});

it('knows a gateway by every loopback name, through a bridge, and under another name', async () => {
  put('.cursor/mcp.json', '{"mcpServers":{"mine":{"url":"http://127.0.0.1:4711/mcp"}}}');
  put('.codeium/windsurf/mcp_config.json', '{"mcpServers":{"bridged":{"command":"npx","args":["-y","mcp-remote@1","http://[::1]:4711"]}}}');
  put('.gemini/settings.json', '{"mcpServers":{"other":{"httpUrl":"http://127.0.0.1:4712/mcp"}}}');
  const rows = json(await agw('--json'))['clients'] as { client: string; state: string; name?: string }[];
  expect(rows.filter(({ client }) => ['cursor', 'windsurf', 'gemini-cli'].includes(client)).map(({ state, name }) => [state, name])).toEqual([['connected', 'mine'], ['connected', 'bridged'], ['not connected', undefined]]);
  expect((await agw('cursor', '--write', '--yes')).err).toContain('mine');
});

it.each([
  ['an unknown client', ['cursr'], 'Did you mean cursor?'], ['an identity that no URL names', ['cursor', '--as', 'spiffe://poc.local/workload/x'], 'a URL can name'], ['a name with a blank', ['cursor', '--name', 'a b'], '--name'],
  ['a URL that is none', ['cursor', '--url', 'localhost:9090'], 'no URL'], ['a URL with a password', ['cursor', '--url', 'http://a:b@h/'], 'no URL'], ['a path beside --as', ['cursor', '--url', 'http://h/x', '--as', 'a'], 'path'],
  ['--write without a client', ['--write'], 'which client'], ['--write and --remove', ['cursor', '--write', '--remove'], 'one of them'], ['a scope it has not', ['windsurf', '--scope', 'project'], '--scope'],
])('refuses %s', async (_what, words, said) => {
  const ran = await agw(...words);
  expect([ran.code, ran.err.includes(said)]).toEqual([2, true]);
});

it('says that nobody has registered the identity', async () => {
  await bench.close();
  bench = openBench();
  mkdirSync(join(bench.root, 'work'));
  await bench.serve({ ...STATUS, 'GET /v1/identities': () => ({ json: { trust_domain: 'poc.local', identities: [{ spiffe_id: 'spiffe://poc.local/agents/mcp-client/known/dev' }] } }) });
  expect([(await agw('cursor', '--as', 'known')).err.includes('not registered'), (await agw('cursor', '--as', 'other')).err.includes('agw identity add spiffe://poc.local/agents/mcp-client/other/dev')]).toEqual([false, true]);
});

it('takes --url as it is, and a SPIFFE ID where the URL can name it', async () => {
  expect(json(await agw('cursor', '--url', 'https://gw.example', '--json'))['url']).toBe('https://gw.example');
  expect(json(await agw('cursor', '--as', 'spiffe://poc.local/agents/mcp-client/bot/prod', '--json'))['url']).toBe(`${URL_HERE}/as/bot/prod`);
});

it('takes the config file\'s address where no gateway runs, and says so; in strict nobody is believed', async () => {
  await bench.close();
  bench = openBench();
  mkdirSync(join(bench.root, 'work'));
  bench.file('config/gateway.yaml', 'profile: dev\nfront: {port: 4712}\n');
  const shown = await agw('cursor');
  expect([shown.out.includes('http://localhost:4712'), shown.err.includes('no gateway is running')]).toEqual([true, true]);
  await bench.serve({ 'GET /v1/status': () => ({ json: { profile: 'strict', listeners: [{ kind: 'http', address: '127.0.0.1:4711' }] } }) });
  expect((await agw('cursor', '--as', 'bot')).code).toBe(2);
  expect((await agw('cursor')).err).toContain('strict');
});
