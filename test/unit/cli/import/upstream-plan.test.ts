// What the registry is to say of a found server: harmless values, variables of the gateway for all others, and nothing at all where a command or URL holds a secret.
import { expect, it } from 'vitest';
import { toServer, type ServerEntry } from '../../../../src/engines/registry/server-entry.js';
import type { RegisteredServer } from '../../../../src/engines/registry/types.js';
import { isLeftOut, type FoundServer } from '../../../../src/cli/import/found-server.js';
import type { Folders } from '../../../../src/cli/import/references.js';
import { planUpstream, processName, withoutSharedNames, type UpstreamPlan } from '../../../../src/cli/import/upstream-plan.js';

const SECRET = 'very-secret-1';
const NO_SERVERS: ReadonlyMap<string, RegisteredServer> = new Map();
const FOLDERS: Folders = { home: '/h', folder: '/p', bare: false, variable: (name) => (name === 'SET' ? 'set-value' : undefined) };
const program = (more: Partial<FoundServer>, args: readonly string[] = []): FoundServer => ({ name: 'my server', line: 1, way: { kind: 'stdio', command: 'npx', args, cwd: undefined }, env: {}, headers: {}, ...more });
const remote = (url: string, headers: Readonly<Record<string, string>> = {}, kind: 'streamable_http' | 'sse' = 'streamable_http'): FoundServer => ({ name: 'remote', line: 1, way: { kind, url }, env: {}, headers });

function planned(found: FoundServer): UpstreamPlan {
  const plan = planUpstream(found, FOLDERS, undefined);
  if (isLeftOut(plan)) throw new Error(plan.reason);
  return plan;
}

it('writes harmless values, and names variables for all others', () => {
  const { entry, live, needed, missing } = planned(program({ env: { LOG_LEVEL: 'warn', API_KEY: SECRET, NAMED: '${env:SET}', MIXED: 'x ${SET}', ROOT: '${workspaceFolder}/data', LATER: '${input:later}' } }));
  expect(entry?.env).toEqual({ LOG_LEVEL: 'warn', API_KEY: '$ENV{API_KEY}', NAMED: '$ENV{SET}', MIXED: '$ENV{MIXED}', ROOT: '/p/data', LATER: '$ENV{LATER}' });
  expect(live?.transport).toMatchObject({ program: { env: { LOG_LEVEL: 'warn', API_KEY: SECRET, NAMED: 'set-value', MIXED: 'x set-value', ROOT: '/p/data' } } });
  expect(needed.map(({ variable, from }) => [variable, from])).toEqual([['API_KEY', 'env.API_KEY'], ['SET', 'SET of the client\'s own environment'], ['MIXED', 'env.MIXED'], ['LATER', 'LATER of the client\'s own environment']]);
  expect(missing).toEqual(['LATER']);
  expect(JSON.stringify(entry)).not.toContain(SECRET);
});

it('gives two servers with one name for two secrets a variable each', () => {
  const [one, other, same] = withoutSharedNames([planned(program({ name: 'a', env: { KEY: SECRET } })), planned(program({ name: 'b', env: { KEY: `${SECRET}2` } })), planned(program({ name: 'c', env: { OTHER: SECRET } }))], NO_SERVERS);
  expect([one?.entry?.env, other?.entry?.env, same?.entry?.env]).toEqual([{ KEY: '$ENV{A_KEY}' }, { KEY: '$ENV{B_KEY}' }, { OTHER: '$ENV{OTHER}' }]);
});

it('gives a URL its headers, with variables for what may be secrets, behind the scheme', () => {
  const { upstream, entry, live, needed, notes } = planned(remote('https://h/mcp', { Authorization: `Bearer ${SECRET}`, 'X-Team': '${env:SET}', 'X-Level': 'debug', 'X-Mixed': 'x ${SET}', 'Content-Type': 'application/json' }));
  expect(upstream).toBe('https://h/mcp');
  expect(entry).toEqual({ upstream, headers: { Authorization: 'Bearer $ENV{REMOTE_AUTHORIZATION}', 'X-Team': '$ENV{SET}', 'X-Level': 'debug', 'X-Mixed': '$ENV{REMOTE_X_MIXED}' } });
  expect(live?.transport).toEqual({ kind: 'streamable_http', headers: { Authorization: `Bearer ${SECRET}`, 'X-Team': 'set-value', 'X-Level': 'debug', 'X-Mixed': 'x set-value' } });
  expect(needed.map(({ variable, value, from }) => [variable, value, from])).toEqual([
    ['REMOTE_AUTHORIZATION', SECRET, 'headers.Authorization, without Bearer'], ['SET', 'set-value', 'SET of the client\'s own environment'], ['REMOTE_X_MIXED', 'x set-value', 'headers.X-Mixed'],
  ]);
  expect(notes).toEqual(['its header Content-Type is left out: the gateway sends its own']);
  expect(planned(remote('https://h/sse', { A: 'on' }, 'sse')).entry).toEqual({ upstream: 'https://h/sse', transport: 'sse', headers: { A: 'on' } });
});

it('writes a header without a value as it is: a variable without one is none', () => {
  const { entry, needed } = planned(remote('https://h/mcp', { 'X-Empty': '' }));
  expect([entry?.headers, needed]).toEqual([{ 'X-Empty': '' }, []]);
});

it('takes what a bridge\'s headers name from the bridge\'s own variables', () => {
  const { entry, live, needed, missing } = planned({ ...remote('https://h/mcp', { Authorization: '${AUTH}', 'X-Later': 'Bearer ${LATER}' }), env: { AUTH: `Bearer ${SECRET}` }, bridge: true });
  expect(entry?.headers).toEqual({ Authorization: 'Bearer $ENV{REMOTE_AUTHORIZATION}', 'X-Later': 'Bearer $ENV{LATER}' });
  expect(live?.transport).toMatchObject({ headers: { Authorization: `Bearer ${SECRET}` } });
  expect([needed[0]?.value, needed[0]?.from, missing]).toEqual([SECRET, 'env.AUTH, without Bearer', ['LATER']]);
  expect(planned({ ...remote('https://h/mcp', { Authorization: SECRET }), bridge: true }).needed[0]?.from).toBe('--header Authorization of its command');
});

it('gives two servers of one name for two keys a variable each, in headers too', () => {
  const [one, other] = withoutSharedNames([planned(remote('https://a/mcp', { Authorization: `Bearer ${SECRET}` })), planned({ ...remote('https://b/mcp', { Authorization: `Bearer ${SECRET}2` }), name: 'Remote!' })], NO_SERVERS);
  expect(new Set([one?.entry?.headers, other?.entry?.headers].map((headers) => headers?.['Authorization'])).size).toBe(2);
  expect(one?.entry?.headers?.['Authorization']).toBe(`Bearer $ENV{${one?.needed[0]?.variable}}`);
});

it('shares no variable with a server of the registry, and keeps those of a server that is registered', () => {
  const registered = (...entries: ServerEntry[]): ReadonlyMap<string, RegisteredServer> => new Map(entries.map((entry) => [entry.upstream, toServer(entry, 1)]));
  const plan = planned(remote('https://b/mcp', { Authorization: `Bearer ${SECRET}`, 'X-Team': '${env:SET}' }));
  const others = { upstream: 'https://a/mcp', headers: { Authorization: 'Bearer $ENV{REMOTE_AUTHORIZATION}', 'X-Team': '$ENV{SET}' } };
  const [beside] = withoutSharedNames([plan], registered(others, { upstream: 'stdio:x', command: 'x', env: { A: '$ENV{REMOTE_REMOTE_AUTHORIZATION}' } }));
  expect([beside?.entry?.headers, beside?.needed[0]?.variable]).toEqual([{ Authorization: 'Bearer $ENV{REMOTE_REMOTE_AUTHORIZATION_2}', 'X-Team': '$ENV{SET}' }, 'REMOTE_REMOTE_AUTHORIZATION_2']);
  const [again] = withoutSharedNames([plan], registered(others, { upstream: 'https://b/mcp', headers: { Authorization: 'Bearer $ENV{MY_OWN}' } }));
  expect(again?.entry?.headers?.['Authorization']).toBe('Bearer $ENV{MY_OWN}');
});

it('needs no entry for a URL, and one that says so for HTTP+SSE', () => {
  expect(planned(remote('http://h/mcp'))).toMatchObject({ upstream: 'http://h/mcp', entry: undefined, needed: [] });
  expect(planned(remote('http://h/sse', {}, 'sse')).entry).toEqual({ upstream: 'http://h/sse', transport: 'sse' });
});

it.each([
  ['a secret among the arguments', program({}, ['x', '--api-key', SECRET])], ['a variable without a value in them', program({}, ['${env:NONE}'])], ['a key in a URL', remote(`https://h/mcp?token=${SECRET}`)], ['a password in it', remote(`https://me:${SECRET}@h/mcp`)],
  ['another scheme', remote('ws://h/mcp')], ['a URL with an unknown variable', remote('https://${NONE}/mcp')], ['a header of two lines', remote('https://h/mcp', { A: `x\n${SECRET}` })], ['a header that names a variable as the registry does', remote('https://h/mcp', { A: `$ENV{HOME}${SECRET}` })],
])('leaves out what has %s, and does not say the secret', (_what, found) => {
  const plan = planUpstream(found, FOLDERS, undefined);
  expect(isLeftOut(plan)).toBe(true);
  expect(JSON.stringify(plan)).not.toContain(SECRET);
});

it.each([['my server', 'stdio:my-server'], ['@scope/x', 'stdio:scope-x'], ['…', 'stdio:server'], ['a'.repeat(100), `stdio:${'a'.repeat(64)}`]])('names the process of %s', (name, upstream) => {
  expect(processName(name)).toBe(upstream);
});
