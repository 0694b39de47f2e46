// --header of agw tools, and what is said where a key is missing or refused.
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { remedyForKey } from '../../../src/cli/key-remedy.js';
import { typedHeaders } from '../../../src/cli/typed-headers.js';
import type { CliFailure } from '../../../src/cli/failure.js';
import { openBench, type Bench } from './cli-fixture.js';

const KEY = 'swordfish-Sword-77';
const seen: (string | undefined)[][] = [];
let server: Server;
let url: string;
let bench: Bench;

/** Serves one tool to who has the key. */
beforeAll(async () => {
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => { body += part.toString(); }).on('end', () => {
      const { authorization, 'x-team': team } = request.headers;
      seen.push([authorization, team?.toString()]);
      const { id, method } = JSON.parse(body === '' ? '{}' : body) as { id?: number; method?: string };
      const result = method === 'initialize' ? { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } } : { tools: [{ name: 'orders', description: 'd', inputSchema: { type: 'object' } }] };
      const isModern = method === 'server/discover';
      response.writeHead(authorization !== `Bearer ${KEY}` ? 401 : id === undefined ? 202 : 200, { 'content-type': 'application/json' });
      response.end(id === undefined ? '' : JSON.stringify({ jsonrpc: '2.0', id, ...(isModern ? { error: { code: -32601, message: 'no' } } : { result }) }));
    });
  }).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
});
afterAll(() => void server.close());
beforeEach(() => { bench = openBench(); vi.stubEnv('AGW_TEST_KEY', KEY); });
afterEach(async () => { vi.unstubAllEnvs(); await bench.close(); });

const BEARER = 'Authorization: Bearer $ENV{AGW_TEST_KEY}';
const list = (...headers: string[]) => bench.agw(['tools', 'list', '--from', url, ...headers.flatMap((header) => ['--header', header])]);
const refused = (...given: string[]): CliFailure => {
  try {
    typedHeaders(given);
  } catch (failure) {
    return failure as CliFailure;
  }
  throw new Error('it was taken');
};

it('may be given again, and all of them are sent and written', async () => {
  const ran = await bench.agw(['tools', 'add', '--from', url, '--header', BEARER, '--header', 'X-Team: 7', '--yes']);
  expect([ran.code, seen.at(-1)]).toEqual([0, [`Bearer ${KEY}`, '7']]);
  const written = readFileSync(join(bench.root, 'config/capability-registry-v2.yaml'), 'utf8');
  expect(written).toMatch(/Authorization: Bearer \$ENV\{AGW_TEST_KEY\}\n +X-Team: "?7/);
  expect(written).not.toContain(KEY);
});

it.each([
  ['Authorization: Bearer ${AGW_TEST_KEY}', '\'Authorization: Bearer $ENV{AGW_TEST_KEY}\''],
  ['Authorization: Bearer $AGW_TEST_KEY', '\'Authorization: Bearer $ENV{AGW_TEST_KEY}\''],
  ['Authorization: Bearer {AGW_TEST_KEY}', '\'Authorization: Bearer $ENV{AGW_TEST_KEY}\''],
  ['X-Api-Key: ${env:AGW_TEST_KEY}', '\'X-Api-Key: $ENV{AGW_TEST_KEY}\''],
  ['Authorization: Bearer $ENV{AGW-TEST-KEY}', '\'Authorization: Bearer $ENV{NAME}\''],
  ['Authorization: Bearer $ENV{ AGW_TEST_KEY }', 'without blanks'],
  [`Authorization: Bearer ${KEY}`, '\'Authorization: Bearer $ENV{NAME}\''],
  ['Host: $ENV{AGW_TEST_KEY}', 'Leave it out'],
])('%s is refused with the right way to write it', (given, remedy) => {
  expect(refused(given).remedy).toContain(remedy);
});

it.each([KEY, `$${KEY}`, 'a${b', `{${KEY}}`])('a value is never shown: %s', (value) => {
  const { message, remedy = '' } = refused(`Authorization: Bearer ${value}`);
  expect(message + remedy).not.toContain('swordfish');
});

it('one header is not named twice', () => {
  expect(refused(BEARER, BEARER.toLowerCase().replace('$env{agw_test_key}', '$ENV{AGW_TEST_KEY}')).message).toContain('twice');
});

it('where this shell lacks the variable, says that this shell does', async () => {
  vi.stubEnv('AGW_TEST_KEY', '');
  const { code, err } = await list(BEARER);
  expect(code).toBe(2);
  for (const part of ['this shell has no such variable', 'Set AGW_TEST_KEY', 'export']) expect(err).toContain(part);
  expect(err).not.toContain('Is the server running');
});

it('where the server refuses the key, names what was sent and no value', async () => {
  expect((await list()).err).toContain('It wants a key');
  vi.stubEnv('AGW_TEST_KEY', 'another-key-88');
  const { err } = await list(BEARER, 'X-Team: 7');
  for (const part of ['401', 'It refuses the key', 'Authorization: Bearer $ENV{AGW_TEST_KEY}, X-Team: …']) expect(err).toContain(part);
  expect(err).not.toContain('another-key-88');
});

it('registered, and not to be listed by the gateway: said at once, with what to do', async () => {
  const reason = 'its Authorization takes $ENV{AGW_TEST_KEY}, and the gateway has no such variable';
  await bench.serve({ 'POST /v1/reload/files': () => ({ json: { refused: [] } }), 'POST /v1/tools/orders/acknowledge': () => ({ json: {} }), 'GET /v1/status': () => ({ json: { upstreams: [{ url, state: 'down', error: reason }] } }) });
  const { code, err } = await bench.agw(['tools', 'add', '--from', url, '--header', BEARER, '--yes']);
  expect(code).toBe(0);
  for (const part of [reason, 'make down, make up']) expect(err).toContain(part);
});

it.each([
  ['its X takes $ENV{K}, and the gateway has no such variable', 'Set K, which is absent or empty, where the gateway is started'],
  ['its X holds a line end, a space at an end or another character that no header may have', 'line end'],
  ['it answered with HTTP status 403', 'a new start'],
  ['connection refused', undefined],
])('of the gateway, %s: %s', (reason, remedy) => {
  const said = remedyForKey(reason, { ofAgw: false });
  if (remedy === undefined) expect(said).toBeUndefined();
  else expect(said).toContain(remedy);
});
