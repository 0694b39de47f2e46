// Every bound of admission, filled: it holds, the refusal says which it was, others are served meanwhile, /health answers, and each refusal is in the log.
import { request, type ClientRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CALLER, permitAll, startGateway, type GatewayProcess, type HttpAnswer } from '../support/gateway-process.js';
import { startToolServer, type ToolServer } from '../support/tool-server.js';
import { call, codeOf, eventually, openStream, registration, toolText, type OpenStream } from './calls.js';

const KIB = 1024;
const OTHER = 'spiffe://poc.local/agents/mcp-client/other/dev';
const OTHER_IP = '127.0.0.2';
const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
const HELD_BODY = call('echo', { text: 'x'.repeat(300 * KIB) });

let server: ToolServer;
let gateway: GatewayProcess | undefined;
const held: { destroy(): unknown }[] = [];

beforeAll(async () => {
  server = await startToolServer({ tools: [toolText('echo')] });
  server.answeringFor = ['tools/call'];
});
afterEach(async () => {
  letGo();
  server.answering = 'json';
  await gateway?.stop();
  gateway = undefined;
});
afterAll(() => server.close());

async function start(config: Readonly<Record<string, unknown>>): Promise<GatewayProcess> {
  gateway = await startGateway({
    policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url)], identities: { identities: [{ spiffe_id: CALLER }, { spiffe_id: OTHER }] },
    config: { rate_limit: { per_minute: 6_000_000, burst: 100_000 }, breaker: { failures_to_open: 1000 }, ...config },
  });
  return gateway;
}

function letGo(): void {
  for (const one of held.splice(0)) one.destroy();
}

/** From another address of this machine. */
function from(ip: string, body: string, headers: Readonly<Record<string, string>> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const one = request({ host: '127.0.0.1', localAddress: ip, port: gateway?.port, method: 'POST', path: '/', agent: false, headers: { 'content-type': 'application/json', 'x-spiffe-id': CALLER, ...headers } }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    one.on('error', reject);
    one.end(body);
  });
}

/** Calls that the tool server leaves without an answer. */
async function hold(running: GatewayProcess, count: number): Promise<OpenStream[]> {
  server.answering = 'hang';
  const before = calls();
  const streams = Array.from({ length: count }, () => openStream(running, 'POST', {}, call('echo')));
  held.push(...streams.map((stream) => ({ destroy: () => stream.hangUp() })));
  expect(await eventually(() => calls() === before + count)).toBe(true);
  return streams;
}
const calls = (): number => server.seen.filter(({ rpcMethod }) => rpcMethod === 'tools/call').length;

/** All of the body but its last byte. */
function beginBody(running: GatewayProcess, bytes = HELD_BODY.length - 1): ClientRequest {
  const one = request({ host: '127.0.0.1', port: running.port, method: 'POST', path: '/', agent: false, headers: { 'content-type': 'application/json', 'x-spiffe-id': CALLER, 'content-length': String(HELD_BODY.length) } });
  one.on('error', () => undefined);
  one.write(HELD_BODY.slice(0, bytes));
  held.push(one);
  return one;
}

async function metric(running: GatewayProcess, name: string): Promise<number> {
  const { text } = await running.control('GET', '/metrics');
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

const healthy = async (running: GatewayProcess): Promise<boolean> => (await running.http('GET', '/health', { host: 'localhost' })).status === 200 && (await running.http('GET', '/ready', { host: 'localhost' })).status === 200;

function expectOverloaded(answer: HttpAnswer, reason: string): void {
  expect([answer.status, codeOf(answer), answer.json['reason_code'], answer.json['middleware_step']]).toEqual([503, 'gateway_overloaded', reason, 0]);
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
}

/** How many requests the log counts as refused for this reason: a shared line counts many. */
function recorded(running: GatewayProcess, reason: string): number {
  const lines = running.lines('request').filter((line) => line['code'] === 'gateway_overloaded' && line['reason_code'] === reason);
  return lines.reduce((sum, line) => sum + Number(line['repeated'] ?? 1), 0);
}

describe('a bound that is full', () => {
  it('of one address\'s requests leaves room for every other address', async () => {
    const running = await start({ front: { requests_per_ip_max: 4 } });
    await hold(running, 4);
    expectOverloaded(await running.post(PING), 'requests_per_ip');
    expectOverloaded(await running.http('GET', '/', { host: 'localhost' }), 'requests_per_ip');
    expect(await from(OTHER_IP, PING)).toBe(200);
    expect(await healthy(running)).toBe(true);
    expect(await metric(running, 'precinct_requests_in_flight')).toBe(4);
    expect(recorded(running, 'requests_per_ip')).toBe(2);
    letGo();
    expect(await eventually(async () => (await running.post(PING)).status === 200)).toBe(true);
  });

  it('of one caller\'s requests leaves room for every other caller', async () => {
    const running = await start({ front: { requests_per_caller_max: 3 } });
    // What was refused, or failed, has given its place back.
    for (const body of [call('echo'), call('nope'), 'no json', call('echo', { text: `AKIA${'Q'.repeat(16)}` }), PING, call('echo'), call('nope')]) await running.post(body);
    await hold(running, 3);
    expectOverloaded(await running.post(PING), 'requests_per_caller');
    const record = running.lines('request').at(-1);
    expect(record).toMatchObject({ code: 'gateway_overloaded', spiffe_id: CALLER, decision: 'DENY', status: 503 });
    expect((record?.['layers_traversed'] as { verdict: string }[]).map(({ verdict }) => verdict)).toEqual([...new Array<string>(3).fill('pass'), ...new Array<string>(10).fill('not_reached')]);
    expect((await running.post(PING, { 'x-spiffe-id': OTHER })).status).toBe(200);
    expect(await healthy(running)).toBe(true);
    letGo();
    expect(await eventually(async () => (await running.post(PING)).status === 200)).toBe(true);
    await hold(running, 3);
  });

  it('of all requests refuses everybody, counts everybody it refused, and is not filled by them', async () => {
    const running = await start({ front: { inflight_body_bytes_max: 64 * KIB }, audit: { unidentified_per_second: 5 } });
    await hold(running, 16);
    const refused = await Promise.all(Array.from({ length: 200 }, () => running.post(PING)));
    for (const answer of refused) expectOverloaded(answer, 'requests_in_flight');
    expect(await from(OTHER_IP, PING)).toBe(503);
    expect(await metric(running, 'precinct_requests_in_flight')).toBe(16);
    expect(recorded(running, 'requests_in_flight')).toBe(201);
    const lines = running.lines('request').filter((line) => line['code'] === 'gateway_overloaded');
    expect(lines.length).toBeLessThan(200);
    // Whoever shares a line is told that line's decision.
    const ids = new Set(lines.map((line) => line['decision_id']));
    expect(refused.filter(({ json }) => !ids.has(json['decision_id']))).toEqual([]);
    expect(await healthy(running)).toBe(true);
    letGo();
    expect(await eventually(async () => (await running.post(PING)).status === 200)).toBe(true);
  });

  it('of connections closes newcomers, and serves those it has', async () => {
    const running = await start({ front: { connections_max: 16 } });
    const open = await Promise.all(Array.from({ length: 16 }, () => dial(running)));
    const late = await dial(running);
    expect(await eventually(() => late.closed)).toBe(true);
    expect(await metric(running, 'precinct_connections')).toBe(16);
    expect(await metric(running, 'precinct_connections_refused_total')).toBe(1);
    open[3]?.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(await eventually(() => text.get(open[3] ?? late)?.startsWith('HTTP/1.1 200') === true)).toBe(true);
    letGo();
    expect(await eventually(async () => (await running.post(PING).catch(() => undefined))?.status === 200)).toBe(true);
  });

  it('of one address\'s bodies leaves room for every other address\'s', async () => {
    const running = await start({ front: { body_bytes_per_ip_max: 700 * KIB, body_bytes_max: 512 * KIB, inflight_body_bytes_max: 4096 * KIB } });
    beginBody(running);
    beginBody(running);
    expect(await eventually(async () => (await metric(running, 'precinct_body_bytes_in_flight')) > 500 * KIB)).toBe(true);
    expectOverloaded(await running.post(HELD_BODY), 'body_bytes_per_ip');
    expect(await metric(running, 'precinct_body_bytes_in_flight')).toBeLessThanOrEqual(700 * KIB);
    expect(await from(OTHER_IP, HELD_BODY)).toBe(200);
    expect(await healthy(running)).toBe(true);
    expect(recorded(running, 'body_bytes_per_ip')).toBe(1);
    letGo();
    expect(await eventually(async () => (await running.post(HELD_BODY)).status === 200)).toBe(true);
  });
});

describe('a body that comes too slowly', () => {
  it('is refused long before its time is over, and its room is free at once', async () => {
    const running = await start({ front: { body_bytes_per_s_min: 8 * KIB, body_timeout_s: 600 } });
    const answers: number[] = [];
    for (const bytes of [1, 100, 10 * KIB]) beginBody(running, bytes).on('response', (response) => answers.push(response.statusCode ?? 0));
    // Ahead of the rate for longer than the others are there.
    beginBody(running, 280 * KIB).on('response', () => answers.push(0));
    expect(await eventually(() => answers.length >= 3)).toBe(true);
    expect(answers).toEqual([503, 503, 503]);
    expect(recorded(running, 'body_too_slow')).toBe(3);
    expect(await metric(running, 'precinct_body_bytes_in_flight')).toBeLessThan(2 * HELD_BODY.length);
  });
});

describe('a caller over its rate', () => {
  it('is refused before the dear layers, with layer 11\'s answer, and pays nothing for it', async () => {
    const running = await start({ rate_limit: { per_minute: 1, burst: 3 } });
    for (let i = 0; i < 3; i++) expect((await running.post(call('echo'))).status).toBe(200);
    const before = calls();
    const answer = await running.post(call('echo', { text: `AKIA${'Q'.repeat(16)}` }));
    expect([answer.status, answer.json['code'], answer.json['reason_code'], answer.json['middleware_step']]).toEqual([429, 'ratelimit_exceeded', 'caller', 11]);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(answer.headers['x-ratelimit-remaining']).toBe('0');
    const verdicts = (running.lines('request').at(-1)?.['layers_traversed'] as { verdict: string }[]).map(({ verdict }) => verdict);
    expect(verdicts).toEqual([...new Array<string>(3).fill('pass'), ...new Array<string>(7).fill('not_reached'), 'deny', 'not_reached', 'not_reached']);
    expect(calls()).toBe(before);
    expect((await running.post(PING, { 'x-spiffe-id': OTHER })).status).toBe(200);
  });
});

describe('a thread that stays late', () => {
  it('refuses what waited too long, answers the rest, never a probe with a refusal, and is itself again afterwards', async () => {
    const running = await start({ front: { shed_after_ms: 1 }, dlp: { inline_bytes_max: 1024 * KIB }, audit: { unidentified_per_second: 5 } });
    // Addresses to confirm, one after the other: dear for the gateway, cheap for whoever sends it.
    const body = call('echo', { text: 'ab.cd@ef-gh.com '.repeat(3500) });
    const statuses = new Map<number, number>();
    const probes: boolean[] = [];
    let floods = true;
    const flood = async (): Promise<void> => {
      while (floods) {
        const answer = await running.post(body);
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        if (answer.status === 503) expectOverloaded(answer, 'event_loop_late');
      }
    };
    const flooding = Promise.all(Array.from({ length: 64 }, flood));
    expect(await eventually(async () => {
      probes.push(await healthy(running));
      return (statuses.get(503) ?? 0) > 20;
    })).toBe(true);
    const admitted = statuses.get(200) ?? 0;
    expect(await eventually(() => (statuses.get(200) ?? 0) > admitted + 100)).toBe(true);
    floods = false;
    await flooding;
    expect([...statuses.keys()].sort()).toEqual([200, 503]);
    expect(probes.includes(false)).toBe(false);
    expect(await eventually(async () => (await metric(running, 'precinct_shedding')) === 0)).toBe(true);
    expect((await running.post(body)).status).toBe(200);
    expect(recorded(running, 'event_loop_late')).toBe(statuses.get(503));
  });
});

const text = new WeakMap<Socket, string>();

function dial(running: GatewayProcess): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(running.port, '127.0.0.1', () => resolve(socket));
    socket.on('error', reject);
    socket.on('data', (part) => text.set(socket, (text.get(socket) ?? '') + part.toString('latin1')));
    held.push(socket);
  });
}
