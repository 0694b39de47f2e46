// Headers that the registry adds for a tool server: on all that the gateway sends there, from its own environment, in no file and no answer of the gateway's.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runAgw } from '../support/agw-process.js';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { startHttpSseServer, type HttpSseServer } from '../support/http-sse-server.js';
import { jsonAnswer, resultFor, sseHead, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { call, codeOf, eventually, openSession, registration, toolText } from './calls.js';

const TOKEN = 'swordfish-Sword-77';
const ECHO = '{"name":"echo","description":"Tool of the tests","inputSchema":{"type":"object"}}';

let server: ScriptedServer;
let other: ScriptedServer;
let keyless: ScriptedServer;
/** It writes the key into what it says of itself. */
let telling: ScriptedServer;
let old: HttpSseServer;
let gateway: GatewayProcess;

const entries = (): Record<string, unknown>[] => [
  { upstream: server.url, headers: { Authorization: 'Bearer $ENV{TOOL_TOKEN}', 'X-Team': 'blue' } },
  { upstream: telling.url, headers: { Authorization: 'Bearer $ENV{TOOL_TOKEN}' } },
  { upstream: keyless.url, headers: { 'X-Api-Key': '$ENV{NOT_SET}' } },
  { upstream: old.url, transport: 'sse', headers: { Authorization: 'Bearer $ENV{TOOL_TOKEN}' } },
];
const registry = (servers: readonly unknown[]): string => JSON.stringify({
  servers,
  tools: [registration('keyed', server.url), registration('plain', other.url), registration('keyless', keyless.url), registration('echo', old.url), registration('telling', telling.url)].map((tool) => ({ risk_level: 'low', ...tool })),
});

beforeAll(async () => {
  [server, other, keyless, old, telling] = await Promise.all([startScriptedServer([toolText('keyed')]), startScriptedServer([toolText('plain')]), startScriptedServer([toolText('keyless')]), startHttpSseServer([ECHO]), startScriptedServer([`{"name":"telling","description":"Send ${TOKEN}","inputSchema":{"type":"object"}}`])]);
  telling.modern = true;
  telling.discovery = ({ idText }, response) => jsonAnswer(response, `{"jsonrpc":"2.0","id":${idText},"result":{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"knows ${TOKEN}","version":"1"}}}}`);
  for (const one of [server, other]) one.script = ({ idText, headers, body }, response): void => {
    const words = `you sent ${headers.authorization ?? 'nothing'} (${Buffer.from(headers.authorization ?? '').toString('base64')})`;
    if (body.includes('as a type')) return void response.writeHead(200, { 'content-type': `text/x-${Buffer.from(TOKEN).toString('hex')}` }).end(words);
    if (!body.includes('event')) return jsonAnswer(response, resultFor(idText, words));
    sseHead(response);
    response.end(`data: ${resultFor(idText, words)}\n\n`);
  };
  gateway = await startGateway({ policies: { 'all.rego': permitAll() }, tools: [], files: { 'config/capability-registry-v2.yaml': registry(entries()) }, env: { TOOL_TOKEN: TOKEN, NODE_OPTIONS: `--require ${fileURLToPath(new URL('./break-thread.cjs', import.meta.url))}` }, config: { threads: { gateway: 2 } } });
}, 60_000);
afterAll(async () => {
  await gateway.stop();
  await Promise.all([server, other, keyless, old, telling].map((one) => one.close()));
});

it('go with the listing, the handshake, every call and the end of a session, and to no other server', async () => {
  const session = await openSession(gateway, { 'x-team': 'the caller\'s' });
  await gateway.post(call('keyed'), session);
  await gateway.post(call('plain'), session);
  await gateway.http('DELETE', '/', { ...session, 'x-spiffe-id': 'spiffe://poc.local/agents/mcp-client/my-agent/dev' });
  expect(await eventually(() => server.seen.some(({ httpMethod }) => httpMethod === 'DELETE'))).toBe(true);
  expect(new Set(server.seen.map(({ method }) => method))).toContain('tools/list');
  expect(new Set(server.seen.map(({ method }) => method))).toContain('tools/call');
  expect(new Set(server.seen.map(({ headers }) => [headers.authorization, headers['x-team']].join()))).toEqual(new Set([`Bearer ${TOKEN},blue`]));
  expect(new Set(other.seen.map(({ headers }) => headers.authorization))).toEqual(new Set([undefined]));
});

it('go to a server of HTTP+SSE, with its stream and with each message', async () => {
  const answer = await gateway.post(call('echo', { text: 'hi' }));
  expect(answer.text).toContain('hi');
  expect(new Set(old.headers.map(({ authorization }) => authorization))).toEqual(new Set([`Bearer ${TOKEN}`]));
});

it.each([['JSON', {}], ['an event', { as: 'event' }]])('come back in no answer, in %s', async (_what, args) => {
  const { status, text } = await gateway.post(call('keyed', args));
  expect([status, text.includes('you sent Bearer [secret]')]).toEqual([200, true]);
  expect([text.includes(TOKEN), text.includes(Buffer.from(`Bearer ${TOKEN}`).toString('base64'))]).toEqual([false, false]);
});

it('come back in no type of an answer that is none', async () => {
  const { text } = await gateway.post(call('keyed', { say: 'as a type' }));
  expect([text.includes('mcp_invalid_response'), text.includes(Buffer.from(TOKEN).toString('hex'))]).toEqual([true, false]);
});

it('stand in nothing that agw shows or writes of a server which tells them', { timeout: 60_000 }, async () => {
  const before = readFileSync(join(gateway.dir, 'config/capability-registry-v2.yaml'), 'utf8');
  for (const words of [['list', '--json'], ['list'], ['add', '--yes', '--replace', 'telling']]) {
    const { code, out, err } = await runAgw(gateway.dir, ['tools', ...words, '--from', telling.url], '', { TOOL_TOKEN: TOKEN });
    expect([code, `${out}${err}`.includes('shows a key that it is sent'), `${out}${err}`.includes(TOKEN)]).toEqual([2, true, false]);
  }
  expect(readFileSync(join(gateway.dir, 'config/capability-registry-v2.yaml'), 'utf8')).toBe(before);
});

it.each([['Host: $ENV{TOOL_TOKEN}', 'gateway\'s own'], ['X-Key: $ENV{', 'names no variable']])('are refused on a command line before anything is sent: %s', async (header, words) => {
  const before = server.seen.length;
  const { code, err } = await runAgw(gateway.dir, ['tools', 'list', '--from', server.url, '--header', header], '', { TOOL_TOKEN: TOKEN });
  expect([code, err.includes(words), server.seen.length]).toEqual([2, true, before]);
});

it('stand in no log, no audit line and no answer of the control thread', async () => {
  const states = await Promise.all(['/v1/status', '/v1/upstreams', '/v1/tools', '/v1/tools/telling/diff'].map((path) => gateway.control('GET', path)));
  const audit = join(gateway.dir, '.precinct/audit');
  expect(states.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect([states[1]?.text.includes('knows [secret]'), states[3]?.text.includes('Send [secret]')]).toEqual([true, true]);
  for (const text of [gateway.stderr(), ...states.map((state) => state.text), ...readdirSync(audit).map((name) => readFileSync(join(audit, name), 'utf8'))]) expect(text).not.toContain(TOKEN);
});

it('send nothing at all where the gateway lacks the variable, and say so', async () => {
  const answer = await gateway.post(call('keyless'));
  expect([answer.status, codeOf(answer)]).toEqual([503, 'registry_tool_unverified']);
  expect(keyless.seen).toEqual([]);
  const { json } = await gateway.control('GET', '/v1/upstreams');
  expect(JSON.stringify(json)).toContain('its X-Api-Key takes $ENV{NOT_SET}, and the gateway has no such variable');
});

it('are those of the registry as it stands after a reload', async () => {
  const [, ...rest] = entries();
  writeFileSync(join(gateway.dir, 'config/capability-registry-v2.yaml'), registry([{ upstream: server.url, headers: { 'X-Team': 'red' } }, ...rest]));
  expect((await gateway.control('POST', '/v1/reload')).status).toBe(200);
  const before = server.seen.length;
  await gateway.post(call('keyed'));
  const calls = server.seen.slice(before).filter(({ method }) => method === 'tools/call');
  expect(calls.map(({ headers }) => [headers.authorization, headers['x-team']])).toEqual([[undefined, 'red']]);
});

it('come back in no answer of a thread that took another\'s place after they were sent for the last time', async () => {
  server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, `you once sent ${TOKEN}`));
  writeFileSync(join(gateway.dir, 'crash-1'), '');
  expect(await eventually(() => gateway.lines('event').some(({ event }) => event === 'thread_replaced'))).toBe(true);
  // Which thread takes a connection is the kernel's to say.
  const texts = await Promise.all(Array.from({ length: 40 }, async () => (await gateway.post(call('keyed'))).text));
  expect(texts.filter((text) => !text.includes('you once sent [secret]'))).toEqual([]);
});

it('tried anew as soon as the registry writes another, also of a server that is down', async () => {
  const keyed = entries().map((entry) => (entry['upstream'] === keyless.url ? { ...entry, headers: { 'X-Api-Key': '$ENV{TOOL_TOKEN}' } } : entry));
  writeFileSync(join(gateway.dir, 'config/capability-registry-v2.yaml'), registry(keyed));
  expect((await gateway.control('POST', '/v1/reload')).status).toBe(200);
  expect(await eventually(() => keyless.seen.some(({ method, headers }) => method === 'tools/list' && headers['x-api-key'] === TOKEN))).toBe(true);
  expect((await gateway.post(call('keyless'))).status).toBe(200);
});

it.each([401, 403])('refused with %i while the server serves: the call says whose key it is, and what to do', async (status) => {
  const answered = other.script;
  other.script = (_seen, response): void => { response.writeHead(status, { 'content-type': 'application/json' }).end('{"error":"invalid_token"}'); };
  const answer = await gateway.post(call('plain'));
  other.script = answered;
  expect([answer.status, codeOf(answer)]).toEqual([502, 'mcp_request_failed']);
  for (const part of ['access_refused', `"upstream_status":${status}`, 'headers: under servers:']) expect(answer.text).toContain(part);
});

it('leave nothing to be sent over an open stream when a reload takes their variable away', async () => {
  await gateway.post(call('echo', { text: 'hi' }), await openSession(gateway));
  const [, ...rest] = entries();
  const without = rest.map((entry) => (entry['upstream'] === old.url ? { ...entry, headers: { Authorization: 'Bearer $ENV{NOT_SET}' } } : entry));
  writeFileSync(join(gateway.dir, 'config/capability-registry-v2.yaml'), registry(without));
  const before = old.headers.length;
  expect((await gateway.control('POST', '/v1/reload')).status).toBe(200);
  for (const connection of old.streams.keys()) old.send(connection, { jsonrpc: '2.0', id: 'p', method: 'ping' });
  await gateway.post(call('echo', { text: 'again' }));
  expect(await eventually(async () => (await gateway.control('GET', '/v1/upstreams')).text.includes('its Authorization takes $ENV{NOT_SET}'))).toBe(true);
  expect(old.headers).toHaveLength(before);
});
