// What the registry is to say of a found server: harmless values, variables of the gateway for all others, and nothing at all where a command or URL holds a secret.
import { expect, it } from 'vitest';
import { isLeftOut, type FoundServer } from '../../../../src/cli/import/found-server.js';
import type { Folders } from '../../../../src/cli/import/references.js';
import { planUpstream, processName, withoutSharedNames, type UpstreamPlan } from '../../../../src/cli/import/upstream-plan.js';

const SECRET = 'very-secret-1';
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
  const [one, other, same] = withoutSharedNames([planned(program({ name: 'a', env: { KEY: SECRET } })), planned(program({ name: 'b', env: { KEY: `${SECRET}2` } })), planned(program({ name: 'c', env: { OTHER: SECRET } }))]);
  expect([one?.entry?.env, other?.entry?.env, same?.entry?.env]).toEqual([{ KEY: '$ENV{A_KEY}' }, { KEY: '$ENV{B_KEY}' }, { OTHER: '$ENV{OTHER}' }]);
});

it('sends headers through a bridge whose variables hold them', () => {
  const { upstream, entry, live, needed } = planned(remote('https://h/mcp', { Authorization: `Bearer ${SECRET}`, 'X-Team': '${env:SET}' }));
  expect(upstream).toBe('stdio:remote');
  expect(entry).toMatchObject({ command: 'npx', args: ['-y', expect.stringMatching(/^mcp-remote@/) as string, 'https://h/mcp', '--header', 'Authorization:${REMOTE_AUTHORIZATION}', '--header', 'X-Team:${REMOTE_X_TEAM}'], env: { REMOTE_AUTHORIZATION: '$ENV{REMOTE_AUTHORIZATION}', REMOTE_X_TEAM: '$ENV{SET}' } });
  expect(live?.transport).toMatchObject({ program: { env: { REMOTE_AUTHORIZATION: `Bearer ${SECRET}`, REMOTE_X_TEAM: 'set-value' } } });
  expect(needed[0]).toMatchObject({ variable: 'REMOTE_AUTHORIZATION', from: 'headers.Authorization' });
  expect(planned(remote('https://h/sse', { A: 'b' }, 'sse')).entry?.args).toContain('sse-only');
});

it('needs no entry for a URL, and one that says so for HTTP+SSE', () => {
  expect(planned(remote('http://h/mcp'))).toMatchObject({ upstream: 'http://h/mcp', entry: undefined, needed: [] });
  expect(planned(remote('http://h/sse', {}, 'sse')).entry).toEqual({ upstream: 'http://h/sse', transport: 'sse' });
});

it.each([
  ['a secret among the arguments', program({}, ['x', '--api-key', SECRET])], ['a variable without a value in them', program({}, ['${env:NONE}'])], ['a key in a URL', remote(`https://h/mcp?token=${SECRET}`)], ['a password in it', remote(`https://me:${SECRET}@h/mcp`)],
  ['another scheme', remote('ws://h/mcp')], ['a URL with an unknown variable', remote('https://${NONE}/mcp')],
])('leaves out what has %s, and does not say the secret', (_what, found) => {
  const plan = planUpstream(found, FOLDERS, undefined);
  expect(isLeftOut(plan)).toBe(true);
  expect(JSON.stringify(plan)).not.toContain(SECRET);
});

it.each([['my server', 'stdio:my-server'], ['@scope/x', 'stdio:scope-x'], ['…', 'stdio:server'], ['a'.repeat(100), `stdio:${'a'.repeat(64)}`]])('names the process of %s', (name, upstream) => {
  expect(processName(name)).toBe(upstream);
});
