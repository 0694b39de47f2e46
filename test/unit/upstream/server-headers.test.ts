// Headers that the registry adds: what they become, why they can't be sent, and which of their values are to be looked for in answers.
import { expect, it } from 'vitest';
import { lackedVariables } from '../../../src/base/config/environment.js';
import type { RegisteredServer } from '../../../src/engines/registry/types.js';
import { ServerHeaders } from '../../../src/upstream/server-headers.js';

const URL_OF_SERVER = 'https://h/mcp';
const VARIABLES: Readonly<Record<string, string>> = { TOKEN: 'tok-12345678', BEARER: 'Bearer tok-87654321', SHORT: 'abc', LINE: 'tok-12345678\n', SPACE: ' tok-12345678', NAMES: 'a$ENV{TOKEN}', EURO: '\u20ac'.repeat(9) };
const server = (headers: Readonly<Record<string, string>> | undefined): RegisteredServer => ({ upstream: URL_OF_SERVER, prefix: '', line: 1, transport: { kind: 'streamable_http', ...(headers === undefined ? {} : { headers }) } });

function given(headers: Readonly<Record<string, string>> | undefined) {
  const secrets: string[] = [];
  const added = new ServerHeaders({ variable: (name) => VARIABLES[name], secretsGiven: (_upstream, values) => void secrets.push(...values) });
  added.setServers(new Map([[URL_OF_SERVER, server(headers)]]));
  return { headers: added.of(URL_OF_SERVER), secrets, added };
}

it.each([
  ['none', undefined, undefined, []],
  ['a name that objects have', JSON.parse('{"__Proto__":"a"}'), JSON.parse('{"__proto__":"a"}'), []],
  ['a text', { 'X-Team': 'blue' }, { 'x-team': 'blue' }, []],
  ['a variable behind its scheme', { Authorization: 'Bearer $ENV{TOKEN}' }, { authorization: 'Bearer tok-12345678' }, ['tok-12345678']],
  ['a variable that has the scheme', { Authorization: '$ENV{BEARER}' }, { authorization: 'Bearer tok-87654321' }, ['Bearer tok-87654321', 'tok-87654321']],
  ['two of them', { A: '$ENV{SHORT}:$ENV{TOKEN}' }, { a: 'abc:tok-12345678' }, ['tok-12345678']],
  ['a variable whose value looks like one', { A: '$ENV{NAMES}' }, { a: 'a$ENV{TOKEN}' }, ['a$ENV{TOKEN}']],
] as const)('sends %s', (_what, written, headers, secrets) => {
  expect(given(written)).toMatchObject({ headers, secrets });
});

it.each([
  ['a variable that is not set', 'Bearer $ENV{NONE}', 'its Authorization takes $ENV{NONE}, and the gateway has no such variable'],
  ['a line end', 'Bearer $ENV{LINE}', 'line end'], ['a space before it', '$ENV{SPACE}', 'line end'], ['what is not Latin-1', '$ENV{EURO}', 'line end'],
])('sends nothing with %s, and does not say the value', (_what, text, words) => {
  const { headers, secrets } = given({ 'X-Team': 'blue', Authorization: text });
  expect([headers, secrets]).toEqual([expect.stringContaining(words), []]);
  expect(headers).not.toContain('tok-');
});

it('says a variable that is not set so that it is found again', () => {
  expect(lackedVariables(String(given({ Authorization: 'Bearer $ENV{NONE}' }).headers))).toEqual(['NONE']);
});

it('sends what the registry says now', () => {
  const { added } = given({ A: 'b' });
  added.setServers(new Map([[URL_OF_SERVER, server({ C: 'd' })]]));
  expect(added.of(URL_OF_SERVER)).toEqual({ c: 'd' });
  added.setServers(new Map());
  expect(added.of(URL_OF_SERVER)).toBeUndefined();
});
