// A gateway thread that breaks takes nothing along but itself: its calls are answered and recorded, another takes its place, and it is said.
import { existsSync, writeFileSync } from 'node:fs';
import { Agent, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifyAudit } from '../../src/audit/reader/verify.js';
import { permitAll, startGateway, type GatewayProcess, type HttpAnswer } from '../support/gateway-process.js';
import { openRawSse, type RawSse } from '../support/raw-sse.js';
import { jsonAnswer, resultFor, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { call, codeOf, eventually, openSession, openStream, registration, toolText } from './calls.js';

const CONNECTIONS = 24;
let server: ScriptedServer;
let gateway: GatewayProcess;
const held: { response: ServerResponse; idText: string }[] = [];

async function start(threads: number, more: Readonly<Record<string, unknown>> = {}, nodeOptions = ''): Promise<void> {
  gateway = await startGateway({
    policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url)], config: { threads: { gateway: threads, stall_s: 1 }, ...more },
    env: { NODE_OPTIONS: `${nodeOptions} --require ${fileURLToPath(new URL('./break-thread.cjs', import.meta.url))}` },
  });
}
const tell = (what: string): void => writeFileSync(join(gateway.dir, what), '');
const threadsNow = async (): Promise<unknown> => (await gateway.control('GET', '/v1/status')).json['threads'];
const events = (name: string): unknown[] => gateway.lines('event').filter((line) => line['event'] === name);

beforeEach(async () => {
  held.length = 0;
  server = await startScriptedServer([toolText('echo')]);
  server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
});
afterEach(async () => {
  await gateway.stop();
  await server.close();
});

describe('a gateway thread with a fault that nobody caught', () => {
  it('answers and records what is under way on it, is replaced, and leaves the other thread\'s calls alone', async () => {
    await start(2);
    server.script = ({ idText }, response) => void held.push({ response, idText });
    const calls = Array.from({ length: CONNECTIONS }, (_, i) => gateway.post(call('echo', {}, i)));
    expect(await eventually(() => held.length === CONNECTIONS)).toBe(true);
    tell('crash-1');
    expect(await eventually(() => events('thread_replaced').length === 1)).toBe(true);
    for (const { response, idText } of held) jsonAnswer(response, resultFor(idText, 'whole'));
    const answers = await Promise.all(calls);
    const faults = answers.filter((answer) => codeOf(answer) === 'gateway_fault');
    expect(faults.length).toBeGreaterThan(0);
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(CONNECTIONS - faults.length);
    expect(gateway.lines('request').filter((line) => line['code'] === 'gateway_fault')).toHaveLength(faults.length);
    expect(await threadsNow()).toMatchObject({ gateway: 2, running: 2, restarts: 1, last_end: { thread: 1, reason: 'broken by the test' } });
    expect(events('thread_ended')).toMatchObject([{ details: { thread: 1, reason: 'broken by the test' } }]);
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
    expect((await Promise.all(Array.from({ length: CONNECTIONS }, () => gateway.post(call('echo'))))).every((answer) => answer.status === 200)).toBe(true);
    expect(await verifyAudit(join(gateway.dir, '.precinct', 'audit'))).toMatchObject({ kind: 'intact' });
  });

  it('has the threads of its clients\' sessions answer and record what it only carried', async () => {
    await start(2);
    const sessions = await Promise.all(Array.from({ length: CONNECTIONS }, () => openSession(gateway)));
    server.script = ({ idText }, response) => void held.push({ response, idText });
    const calls = sessions.map((session, i) => gateway.post(call('echo', {}, i), session));
    expect(await eventually(() => held.length === CONNECTIONS)).toBe(true);
    tell('crash-1');
    expect(await eventually(() => events('thread_replaced').length === 1)).toBe(true);
    for (const { response, idText } of held) jsonAnswer(response, resultFor(idText, 'whole'));
    const refused = (await Promise.all(calls)).filter((answer) => codeOf(answer) !== undefined);
    const decisionOf = ({ json }: HttpAnswer): unknown => (json['error'] as { data?: { decision_id?: unknown } } | undefined)?.data?.decision_id;
    const codes = new Map(gateway.lines('request').map((line) => [line['decision_id'], line['code']]));
    expect(refused.length).toBeGreaterThan(0);
    expect(new Set(refused.map((answer) => codes.get(decisionOf(answer))))).toEqual(new Set(['gateway_fault']));
  });

  it('lets its sessions sleep, with the places they have, until they are used again', async () => {
    await start(2);
    const sessions = await Promise.all(Array.from({ length: CONNECTIONS }, () => openSession(gateway)));
    const others = sessions.filter((session) => session['mcp-session-id']?.startsWith('00') === true);
    tell('crash-1');
    expect(await eventually(() => events('thread_replaced').length === 1)).toBe(true);
    expect((await gateway.control('GET', '/v1/status')).json).toMatchObject({ mcp_sessions: others.length, mcp_sessions_kept: CONNECTIONS });
    for (const session of sessions) expect((await gateway.post(call('echo'), session)).status).toBe(200);
    expect((await gateway.control('GET', '/v1/status')).json).toMatchObject({ mcp_sessions: CONNECTIONS, mcp_sessions_kept: CONNECTIONS });
  });

  it('takes its clients\' streams of HTTP+SSE along, whose ids are then nobody\'s, and no others', async () => {
    await start(2);
    const streams = await Promise.all(Array.from({ length: CONNECTIONS }, () => openRawSse(gateway.port)));
    const ended = new Set<RawSse>();
    for (const stream of streams) void stream.closed.then(() => ended.add(stream));
    tell('crash-1');
    expect(await eventually(() => events('thread_replaced').length === 1 && ended.size > 0)).toBe(true);
    const statuses = await Promise.all(streams.map(async (stream) => [ended.has(stream), (await stream.post(call('echo', {}, 1))).status]));
    expect(new Set(statuses.map(String))).toEqual(new Set(['true,404', 'false,202']));
    for (const stream of streams) if (!ended.has(stream)) expect(await stream.answer(1)).toHaveProperty('result');
    for (const stream of streams) stream.destroy();
  });

  it('records the calls in its sessions whose clients are gone', async () => {
    await start(1);
    server.script = ({ idText }, response) => void held.push({ response, idText });
    const left = openStream(gateway, 'POST', await openSession(gateway), call('echo'));
    expect(await eventually(() => held.length === 1)).toBe(true);
    left.hangUp();
    expect(await eventually(() => left.broken)).toBe(true);
    expect((await gateway.http('GET', '/health')).status).toBe(200); // by then the thread has seen the hang-up
    tell('crash-0');
    expect(await eventually(() => events('thread_ended').length === 1)).toBe(true);
    expect(gateway.lines('request').filter((line) => line['tool'] === 'echo')).toMatchObject([{ decision: 'ALLOW', code: 'gateway_fault' }]);
  });

  it('cuts streams that another thread carries, so that their clients see it', async () => {
    await start(2);
    const sessions = await Promise.all(Array.from({ length: CONNECTIONS }, () => openSession(gateway)));
    const mine = sessions.filter((session) => session['mcp-session-id']?.startsWith('01') === true);
    const streams = mine.map((session) => openStream(gateway, 'GET', session));
    expect(await eventually(() => streams.every((stream) => stream.text.includes(': open')))).toBe(true);
    tell('crash-1');
    expect(await eventually(() => streams.every((stream) => stream.broken || stream.ended))).toBe(true);
  });

  it('records what connections that are kept still ask of it: no refusal is without its line', async () => {
    await start(2);
    let over = false;
    const answers: HttpAnswer[] = [];
    const ask = async (): Promise<void> => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      while (!over) {
        answers.push(await gateway.post(call('echo'), {}, '/', agent).catch(() => ({ status: 0, headers: {}, text: '', json: {} })));
        await sleep(10); // the fault finds its connection idle
      }
      agent.destroy();
    };
    const asking = Array.from({ length: CONNECTIONS }, ask);
    expect(await eventually(() => answers.length > CONNECTIONS)).toBe(true);
    tell('crash-1');
    expect(await eventually(() => events('thread_replaced').length === 1)).toBe(true);
    over = true;
    await Promise.all(asking);
    const refused = answers.filter(({ status }) => status >= 500);
    expect(new Set(refused.map(codeOf))).toEqual(new Set(['gateway_fault']));
    const recorded = new Set(gateway.lines('request').map((line) => line['decision_id']));
    expect(refused.filter(({ json }) => !recorded.has(json['decision_id']))).toEqual([]);
  });

  it('is the only one and is replaced all the same, on the same port', async () => {
    await start(1);
    tell('crash-0');
    expect(await eventually(() => events('thread_replaced').length === 1)).toBe(true);
    expect((await gateway.post(call('echo'))).status).toBe(200);
  });
});

it('no counter falls or misses a call when a thread is replaced, and while one stands still', async () => {
  await start(2);
  const counted = async (): Promise<string[]> => {
    const [page, { json }, status] = await Promise.all([gateway.control('GET', '/metrics'), gateway.control('GET', '/v1/layers'), gateway.control('GET', '/v1/status')]);
    const layers = (json as { layers: { name: string; pass: number }[] }).layers.map(({ name, pass }) => `${name} ${pass}`);
    return [...page.text.split('\n').filter((line) => /^precinct_(?:requests|codes|layer_verdicts)_total/.test(line)), ...layers, JSON.stringify(status.json['requests'])];
  };
  const some = (): Promise<unknown> => Promise.all(Array.from({ length: CONNECTIONS }, (_, i) => gateway.post(call(i % 3 === 0 ? 'nobodys' : 'echo'))));
  await some();
  const before = await counted();
  expect(before).toContain(`precinct_codes_total{code="registry_tool_unknown"} ${CONNECTIONS / 3}`);
  tell('crash-1');
  expect(await eventually(() => events('thread_replaced').length === 1)).toBe(true);
  expect(await counted()).toEqual(before);
  await some();
  expect(await counted()).toContain(`precinct_codes_total{code="registry_tool_unknown"} ${(2 * CONNECTIONS) / 3}`);
  await some(); // nobody asks for these before the thread is gone
  tell('crash-1');
  expect(await eventually(() => events('thread_replaced').length === 2)).toBe(true);
  expect(await counted()).toContain(`precinct_codes_total{code="registry_tool_unknown"} ${CONNECTIONS}`);
  const later = await counted();
  tell('stall-1');
  expect(await eventually(() => !existsSync(join(gateway.dir, 'stall-1')))).toBe(true);
  expect(await counted()).toEqual(later);
});

describe('a gateway thread that stands still', () => {
  it('is said in status, log, events and metrics, until it goes on', async () => {
    await start(2);
    tell('stall-1');
    expect(await eventually(() => events('thread_stalled').length === 1)).toBe(true);
    expect(await threadsNow()).toMatchObject({ running: 2, stalled: [1] });
    expect((await gateway.control('GET', '/metrics')).text).toContain('precinct_gateway_threads_stalled 1');
    expect(gateway.stderr()).toContain('stands still');
    expect(await eventually(() => events('thread_recovered').length === 1)).toBe(true);
    expect(await threadsNow()).toMatchObject({ stalled: [], restarts: 0 });
  });

  it('holds up no stop: the process ends, and its log is closed', async () => {
    await start(2, { shutdown_grace_s: 1 });
    tell('hang-1');
    expect(await eventually(() => events('thread_stalled').length === 1)).toBe(true);
    process.kill(gateway.pid, 'SIGTERM');
    expect(await eventually(() => events('stop').length === 1 && !existsSync(join(gateway.dir, '.precinct', 'gateway.pid')))).toBe(true);
    expect(await eventually(() => gateway.exitCode !== null || gateway.signal !== null)).toBe(true);
    await gateway.restart();
    expect((await gateway.post(call('echo'))).status).toBe(200);
  });
});

describe('a gateway thread that V8 ends, because its heap is full', () => {
  it('takes the process along by a signal, and the next start names what was under way', async () => {
    await start(2, { audit: { intent: 'all' } }, '--max-old-space-size=100');
    server.script = ({ idText }, response) => void held.push({ response, idText });
    const calls = Array.from({ length: CONNECTIONS }, (_, i) => gateway.post(call('echo', {}, i)).catch(() => 'cut'));
    expect(await eventually(() => held.length === CONNECTIONS)).toBe(true);
    tell('fill-1');
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['cut']));
    expect(await eventually(() => gateway.signal !== null)).toBe(true);
    await gateway.restart();
    expect(gateway.lines('unresolved')).toHaveLength(CONNECTIONS);
    expect(await verifyAudit(join(gateway.dir, '.precinct', 'audit'))).toMatchObject({ kind: 'intact' });
  });
});

describe.each(['crash-writer', 'exit-writer'])('the audit writer\'s thread ends by a fault of its own: %s', (fault) => {
  it('what is under way is refused, the process ends with an error, and the next start names it', async () => {
    await start(2, { shutdown_grace_s: 1, audit: { intent: 'all' } });
    server.script = ({ idText }, response) => void held.push({ response, idText });
    const calls = Array.from({ length: CONNECTIONS }, (_, i) => gateway.post(call('echo', {}, i)));
    expect(await eventually(() => held.length === CONNECTIONS)).toBe(true);
    tell(fault);
    expect(await eventually(() => gateway.stderr().includes('the audit writer is gone'))).toBe(true);
    for (const { response, idText } of held.splice(0, CONNECTIONS / 2)) jsonAnswer(response, resultFor(idText, 'whole'));
    const answers = await Promise.all(calls);
    expect(new Set(answers.map((answer) => `${answer.status} ${String(codeOf(answer))}`))).toEqual(new Set(['500 gateway_fault']));
    expect(await eventually(() => gateway.exitCode !== null)).toBe(true);
    expect(gateway.exitCode).toBe(1);
    await gateway.restart();
    expect(gateway.lines('unresolved')).toHaveLength(CONNECTIONS);
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
    expect((await gateway.post(call('echo'))).status).toBe(200);
    expect(await verifyAudit(join(gateway.dir, '.precinct', 'audit'))).toMatchObject({ kind: 'intact' });
  });
});
