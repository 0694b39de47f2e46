// Open streams cost a connection each: they must not take those of calls, nor grow without end.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { jsonAnswer, resultFor, sseHead, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { call, codeOf, eventually, openSession, openStream, registration, toolText, type OpenStream } from '../wire/calls.js';

const CONNECTIONS_MAX = 4;
const STREAMS_PER_SESSION_MAX = 4;
const FAILURES_TO_OPEN = 3;
const SESSIONS_MAX = CONNECTIONS_MAX * 5;

let server: ScriptedServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startScriptedServer(['echo', 'other'].map(toolText));
  server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
  server.stream = (_seen, response) => {
    sseHead(response);
    response.write(': open\n\n');
  };
  gateway = await startGateway({
    policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url), registration('other', server.url)],
    config: { breaker: { failures_to_open: FAILURES_TO_OPEN, reset_timeout_s: 3600 }, session: { mcp_sessions_per_caller_max: SESSIONS_MAX }, upstream: { connections_max: CONNECTIONS_MAX, answer_timeout_ms: 3_000 }, rate_limit: { per_minute: 100_000, burst: 10_000 } },
  });
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

describe('sessions that listen', () => {
  it('leave the connections to the calls, however many they are', async () => {
    const streams = await Promise.all(Array.from({ length: SESSIONS_MAX }, async () => openStream(gateway, 'GET', await openSession(gateway))));
    expect(await eventually(() => server.seen.filter((seen) => seen.httpMethod === 'GET').length === streams.length)).toBe(true);
    const answers = await Promise.all(Array.from({ length: CONNECTIONS_MAX * 2 }, () => gateway.post(call('echo'))));
    expect(answers.map((answer) => answer.status)).toEqual(answers.map(() => 200));
    for (const stream of streams) stream.hangUp();
    expect(await eventually(() => gateway.lines('stream_end').length === streams.length)).toBe(true);
  });

  it('have a few streams at most: the newest stay', async () => {
    const session = await openSession(gateway);
    const streams: OpenStream[] = [];
    for (let n = 0; n < STREAMS_PER_SESSION_MAX + 3; n++) {
      const stream = openStream(gateway, 'GET', session);
      expect(await eventually(() => stream.status === 200)).toBe(true);
      streams.push(stream);
    }
    expect(await eventually(() => streams.filter((stream) => stream.ended).length === 3)).toBe(true);
    expect(streams.map((stream) => stream.ended)).toEqual([true, true, true, false, false, false, false]);
    for (const stream of streams) stream.hangUp();
  });
});

describe('a caller whose slow calls hold every connection', () => {
  it('makes others wait, but opens no breaker, and is forgotten once it is gone', async () => {
    server.script = ({ body, idText }, response) => {
      if (!body.includes('hold')) return jsonAnswer(response, resultFor(idText, 'fine'));
      sseHead(response);
      response.flushHeaders();
    };
    const held = Array.from({ length: CONNECTIONS_MAX }, () => openStream(gateway, 'POST', {}, call('echo', { text: 'hold' })));
    expect(await eventually(() => server.of('tools/call').filter((seen) => seen.body.includes('hold')).length === CONNECTIONS_MAX)).toBe(true);
    const answers = await Promise.all(Array.from({ length: FAILURES_TO_OPEN + 1 }, () => gateway.post(call('other'))));
    expect(answers.map(codeOf)).toEqual(answers.map(() => 'mcp_timeout'));
    expect(server.of('tools/call').filter((seen) => seen.body.includes('"other"'))).toEqual([]);
    for (const one of held) one.hangUp();
    expect(await eventually(async () => (await gateway.post(call('echo'))).status === 200)).toBe(true);
    expect((await gateway.post(call('other'))).status).toBe(200);
    // What was answered with a time-out is not sent after all.
    expect(server.of('tools/call').filter((seen) => seen.body.includes('"other"')).length).toBe(1);
  });
});

describe('sessions that make room for new ones', () => {
  it('end at the tool server too', async () => {
    const first = await openSession(gateway);
    expect((await gateway.post(call('echo'), first)).status).toBe(200);
    const bound = server.of('tools/call').at(-1)?.headers['mcp-session-id'];
    expect(bound).toBeDefined();
    for (let n = 0; n < SESSIONS_MAX; n++) await openSession(gateway);
    expect((await gateway.post(call('echo'), first)).status).toBe(404);
    expect(await eventually(() => server.seen.some((seen) => seen.httpMethod === 'DELETE' && seen.headers['mcp-session-id'] === bound))).toBe(true);
  });
});
