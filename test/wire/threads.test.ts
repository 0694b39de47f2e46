// Two gateway threads on one port are one gateway: limits, taint and sessions hold whichever thread a connection falls to.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ServerResponse } from 'node:http';
import { CALLER, makeProject, permitAll, runToEnd, startGateway, type GatewayProcess, type HttpAnswer } from '../support/gateway-process.js';
import { jsonAnswer, resultFor, sseHead, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { call, codeOf, eventually, MCP, openSession, openStream, registration, toolText } from './calls.js';

const NAMES = ['echo', 'store', 'read_sensitive', 'send_out'];
const SECRET = 'swordfish-swordfish-77';
/** Each on a connection of its own: that all fall to one thread is as likely as 2 to the power of minus this. */
const CONNECTIONS = 40;
const SESSIONS_MAX = 3;
const BURST = 25;
const idOf = (name: string): string => `spiffe://poc.local/agents/mcp-client/${name}/dev`;
const [LIMITED, TAINTED, OPENER] = [idOf('limited'), idOf('tainted'), idOf('opener')];

let server: ScriptedServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startScriptedServer(NAMES.map(toolText));
  const everybody = [CALLER, LIMITED, TAINTED, OPENER];
  gateway = await startGateway({
    policies: { 'all.rego': everybody.map(permitAll).map((text, n) => (n === 0 ? text : text.slice(text.indexOf('allow')))).join('\n') },
    identities: { default: CALLER, identities: everybody.map((one) => ({ spiffe_id: one })) },
    tools: [
      registration('echo', server.url, { rate_limit: { per_minute: 100_000, burst: 100_000 } }), registration('store', server.url, { required_scope: 'vault' }), registration('read_sensitive', server.url, { classification: 'sensitive' }), registration('send_out', server.url, { external: true }),
    ],
    config: { threads: { gateway: 2 }, rate_limit: { per_minute: 60_000, burst: 60_000 }, session: { mcp_sessions_per_caller_max: SESSIONS_MAX } },
  });
});

beforeEach(() => {
  server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
  server.stream = undefined;
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

const many = (count: number, one: (i: number) => Promise<HttpAnswer>): Promise<HttpAnswer[]> => Promise.all(Array.from({ length: count }, (_, i) => one(i)));
const countOf = (answers: readonly HttpAnswer[], status: number): number => answers.filter((answer) => answer.status === status).length;

describe('two threads on one port', () => {
  it('both serve, and say so', async () => {
    const before = (await gateway.control('GET', '/v1/status')).json;
    expect(before).toMatchObject({ threads: { gateway: 2, running: 2, stalled: [], restarts: 0 }, listeners: [{ address: `127.0.0.1:${gateway.port}` }] });
    expect(countOf(await many(CONNECTIONS, () => gateway.post(call('echo'))), 200)).toBe(CONNECTIONS);
    const { requests } = (await gateway.control('GET', '/v1/status')).json as { requests: { allowed: number } };
    expect(requests.allowed).toBeGreaterThanOrEqual(CONNECTIONS);
  });

  it('do not share their port with a stranger', async () => {
    const dir = makeProject({ config: { threads: { gateway: 2 }, front: { port: gateway.port } } });
    const { code, stderr } = await runToEnd(dir);
    expect([code, stderr]).toEqual([1, expect.stringContaining('EADDRINUSE')]);
  });

  it('let exactly a bucket\'s calls through', async () => {
    const strict = await startGateway({ policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url)], config: { threads: { gateway: 2 }, rate_limit: { per_minute: 1, burst: BURST } } });
    try {
      const answers = await many(3 * BURST, () => strict.post(call('echo')));
      expect([countOf(answers, 200), countOf(answers, 429)]).toEqual([BURST, 2 * BURST]);
      expect(strict.lines('request').filter((line) => line['decision'] === 'ALLOW')).toHaveLength(BURST);
    } finally {
      await strict.stop();
    }
  });

  it('keep back what any of them has told a tool server', async () => {
    expect((await gateway.control('POST', '/v1/secrets/put', { name: 'vault', owner: CALLER, scope: 'vault', value: SECRET })).status).toBe(200);
    const { token } = (await gateway.control('POST', '/v1/secrets/issue', { name: 'vault', ttl_s: 600 })).json;
    expect((await gateway.post(call('store', { text: String(token) }))).status).toBe(200);
    expect(server.of('tools/call').at(-1)?.body).toContain(SECRET);
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, `it is ${SECRET}`));
    const answers = await many(CONNECTIONS, () => gateway.post(call('echo')));
    expect(answers.filter((answer) => answer.text.includes(SECRET))).toEqual([]);
    expect(countOf(answers, 200)).toBe(CONNECTIONS);
  });

  it('know what any of them has seen a caller read', async () => {
    const as = { 'x-spiffe-id': TAINTED };
    expect((await gateway.post(call('send_out'), as)).status).toBe(200);
    expect((await gateway.post(call('read_sensitive'), as)).status).toBe(200);
    const answers = await many(CONNECTIONS, () => gateway.post(call('send_out'), as));
    expect(answers.map(codeOf)).toEqual(Array.from({ length: CONNECTIONS }, () => 'exfiltration_detected'));
    expect((await gateway.control('GET', `/v1/identity?id=${encodeURIComponent(TAINTED)}`)).json).toMatchObject({ session: { flags: ['tainted:sensitive'] } });
  });
});

describe('a session', () => {
  it('is one session on every connection, with one record for each call and one session with its tool server', async () => {
    const session = await openSession(gateway);
    const seen = server.of('tools/call').length;
    const answers = await many(CONNECTIONS, (i) => gateway.post(call('echo', { text: 'x'.repeat(i * 10_000) }, `call-${i}`), session));
    expect(answers.map((answer) => [answer.status, answer.json['id']])).toEqual(answers.map((_, i) => [200, `call-${i}`]));
    const upstream = server.of('tools/call').slice(seen);
    expect([upstream.length, new Set(upstream.map(({ headers }) => headers['mcp-session-id'])).size]).toEqual([CONNECTIONS, 1]);
    expect(upstream.map(({ body }) => body.length).sort((a, b) => a - b).at(-1)).toBeGreaterThan((CONNECTIONS - 1) * 10_000);
    expect(gateway.lines('request').filter((line) => line['session_id'] === session['mcp-session-id'] && line['tool'] === 'echo')).toHaveLength(CONNECTIONS);
  });

  it('refuses on every connection what it refuses on its own', async () => {
    const session = await openSession(gateway);
    const answers = await many(CONNECTIONS, () => gateway.post(call('nothing'), session));
    expect(new Set(answers.map(codeOf))).toEqual(new Set(['registry_tool_unknown']));
    const strangers = await many(CONNECTIONS, () => gateway.post(call('echo'), { ...session, 'x-spiffe-id': OPENER }));
    expect(new Set(strangers.map((answer) => `${answer.status} ${String(codeOf(answer))}`))).toEqual(new Set(['404 session_not_found']));
  });

  it('streams to whichever thread holds the client, and is told when the client hangs up there', async () => {
    const open: ServerResponse[] = [];
    server.stream = (_request, response) => {
      sseHead(response);
      response.write(': hello\n\n');
      open.push(response);
    };
    const sessions = await Promise.all(Array.from({ length: SESSIONS_MAX }, () => openSession(gateway)));
    const streams = sessions.flatMap((session) => Array.from({ length: 4 }, () => openStream(gateway, 'GET', session)));
    expect(await eventually(() => open.length === streams.length)).toBe(true);
    for (const response of open) response.write('event: message\ndata: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\n');
    expect(await eventually(() => streams.every((stream) => stream.text.includes('notifications/progress')))).toBe(true);
    const before = server.hangUps;
    for (const stream of streams) stream.hangUp();
    expect(await eventually(() => server.hangUps === before + streams.length)).toBe(true);
    expect(await eventually(() => gateway.lines('stream_end').filter((line) => line['code'] === 'client_disconnected').length === streams.length)).toBe(true);
  });

  it('ends everywhere when its client ends it', async () => {
    const session = await openSession(gateway);
    expect((await gateway.http('DELETE', '/', { 'x-spiffe-id': CALLER, ...session })).status).toBe(204);
    expect(new Set((await many(CONNECTIONS, () => gateway.post(call('echo'), session))).map(codeOf))).toEqual(new Set(['session_not_found']));
  });

  it('is not found under the number of a thread that does not exist', async () => {
    const session = await openSession(gateway);
    const answers = await many(CONNECTIONS, () => gateway.post(call('echo'), { ...session, 'mcp-session-id': `ff${session['mcp-session-id']?.slice(2) ?? ''}` }));
    expect(new Set(answers.map(codeOf))).toEqual(new Set(['session_not_found']));
  });

  it('counts with those of its caller on other threads, of which the longest unused makes room', async () => {
    const as = { 'x-spiffe-id': OPENER };
    const sessions: Record<string, string>[] = [];
    for (let i = 0; i < 12; i++) sessions.push(await openSession(gateway, as));
    expect(new Set(sessions.map((session) => session['mcp-session-id']?.slice(0, 2)))).toEqual(new Set(['00', '01']));
    const answers: HttpAnswer[] = [];
    for (const session of sessions) answers.push(await gateway.post(call('echo'), session));
    expect(answers.map((answer) => answer.status)).toEqual(sessions.map((_, i) => (i < sessions.length - SESSIONS_MAX ? 404 : 200)));
  });
});

describe('a reload', () => {
  it('is in force on both threads when it is answered', async () => {
    const reloaded = await gateway.control('POST', '/v1/policy/reload');
    expect([reloaded.status, reloaded.json]).toEqual([200, expect.objectContaining({ threads: 2 })]);
    expect(countOf(await many(CONNECTIONS, () => gateway.post(call('echo'), MCP)), 200)).toBe(CONNECTIONS);
  });
});
