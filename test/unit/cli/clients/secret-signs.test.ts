// What of a client's file is taken for a secret: nothing of it is shown, and nothing of it goes into a file of the gateway's.
import { expect, it } from 'vitest';
import { isHarmlessVariable, masked, secretInArgument, secretInUrl, shownEntry } from '../../../../src/cli/clients/secret-signs.js';

const GITHUB = `ghp_${'a1B2'.repeat(9)}`;

it.each([['LOG_LEVEL', 'warn'], ['DEBUG', 'true'], ['PORT', '8080'], ['ROOT', '/srv/files'], ['FOLDER', 'C:\\data\\x'], ['NODE_ENV', 'production']])('takes %s=%s for harmless', (name, value) => {
  expect(isHarmlessVariable(name, value)).toBe(true);
});

it.each([['API_KEY', 'true'], ['GITHUB_TOKEN', GITHUB], ['X', GITHUB], ['DATABASE_URL', 'postgres://u:p@h/d'], ['DB_PASSWORD', '123'], ['SETTING', 'hunter2'], ['AUTH', '/srv/x'], ['NAME', '']])('does not take %s for harmless', (name, value) => {
  expect(isHarmlessVariable(name, value)).toBe(false);
});

it.each([
  [`--api-key=${'k'.repeat(8)}`, ''], ['hunter2', '--token'], ['Authorization: Bearer abc', '--header'], [GITHUB, ''], ['postgres://u:secret@h/d', ''], ['https://h/mcp?api_key=1', ''], ['API_TOKEN=abc', '-e'], ['X-Api-Key:abc', '--header'],
])('finds the secret in %s', (word, before) => {
  expect(secretInArgument(word, before)).toBeDefined();
});

it.each([['-y', ''], ['@modelcontextprotocol/server-filesystem', '-y'], ['/srv/files', ''], ['Authorization:${AUTH}', '--header'], ['--token=${TOKEN}', ''], ['GITHUB_TOKEN', '-e'], ['https://h:8080/mcp?page=1', ''], ['--key-file', ''], ['run', 'docker']])('finds none in %s', (word, before) => {
  expect(secretInArgument(word, before)).toBeUndefined();
});

it('shows an entry without them', () => {
  const entry = { command: 'npx', args: ['x', '--token', 'hunter2'], env: { A: 'one-secret' }, headers: { Authorization: 'Bearer two' }, requestInit: { headers: { X: 'three' } }, url: 'https://u:four@h/', apiKey: 'five', deep: { token: 'six' } };
  const shown = JSON.stringify(shownEntry(entry));
  for (const secret of ['hunter2', 'one-secret', 'two', 'three', 'four', 'five', 'six']) expect(shown).not.toContain(secret);
  expect(shown).toContain('npx');
  expect(masked('it said one-secret-long and one-secret', ['one-secret', 'one-secret-long'])).toBe('it said … and …');
  expect(secretInUrl('https://h/mcp')).toBeUndefined();
});
