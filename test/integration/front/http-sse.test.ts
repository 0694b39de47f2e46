// Over the wire: which GET opens a stream of HTTP+SSE, whose POSTs it takes, what comes back on it, and every way in which it ends.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Inbound, Reply } from '../../../src/front/types.js';
import { openRawSse, postMessage, type RawSse, type RawSseOptions } from '../../support/raw-sse.js';
import { openRawWebSocket, upgradeRequest } from '../../support/raw-websocket.js';
import { until } from '../../support/until.js';
import { exchange, HOST, open, post, startRig, statusOf, type Answer, type Rig, type RigConfig, type Seen } from './wire.js';

const rigs: Rig[] = [];
const streams: RawSse[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const stream of streams.splice(0)) stream.destroy();
  for (const { front } of rigs.splice(0)) await front.drain(0);
});

/** Answers by the message's id, as a chain would. */
const answering: Answer = (inbound, reply) => {
  if (inbound.httpMethod !== 'POST') return;
  if (inbound.bodyTooLarge) return reply.send(413, [], '{"jsonrpc":"2.0","id":null,"error":{"code":413,"message":"x"}}', true);
  if (inbound.headers.contentType !== 'application/json') return reply.send(400, [], '{"jsonrpc":"2.0","id":null,"error":{"code":400,"message":"x"}}');
  const { id } = JSON.parse(Buffer.from(inbound.body).toString('utf8')) as { id?: number };
  reply.send(id === undefined ? 202 : 200, [], id === undefined ? '' : `{"jsonrpc":"2.0","id":${id},"result":{}}`);
};
const STATUSES: Readonly<Record<string, number>> = { origin_rejected: 403, session_not_found: 404 };
/** As the chain writes a refusal of what it has not read. */
const refusing = (reply: Reply, code: string): void => reply.send(STATUSES[code] ?? 503, [], `{"jsonrpc":"2.0","id":null,"error":{"code":503,"message":"${code}"}}`);

async function start(config: RigConfig = {}): Promise<Rig> {
  const rig = await startRig({ answer: answering, refuse: refusing, ...config });
  rigs.push(rig);
  return rig;
}

async function connect(rig: Rig, options: RawSseOptions = {}): Promise<RawSse> {
  const stream = await openRawSse(rig.port, options);
  streams.push(stream);
  return stream;
}

const get = (path: string, lines: readonly string[] = [], method = 'GET'): string => `${method} ${path} HTTP/1.1\r\n${lines.some((line) => line.startsWith('Host')) ? '' : HOST}${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const ask = (id: number, more = ''): string => `{"jsonrpc":"2.0","id":${id},"method":"ping"${more}}`;
const messagesOf = (rig: Rig): Seen[] => rig.seen.filter(({ inbound }) => inbound.httpMethod === 'POST');
/** Replies that are held until the test says what becomes of them. */
const held = (): { readonly replies: Reply[]; readonly answer: Answer } => {
  const replies: Reply[] = [];
  return { replies, answer: (_inbound, reply) => void replies.push(reply) };
};
const BEARER = { authorization: 'Bearer x' };

describe('a stream', () => {
  it.each([['/sse', '/messages', '', ''], ['/as/my-agent/dev/sse', '/as/my-agent/dev/messages', 'my-agent', 'dev']])('of %s names where its messages go, and what a POST there brings is a message of its own', async (path, messages, agent, env) => {
    const rig = await start();
    const stream = await connect(rig, { path, headers: { ...BEARER, 'x-spiffe-id': 'spiffe://a/b', traceparent: '00-a-b-01' } });
    expect([stream.status, stream.headers['content-type'], stream.headers['cache-control'], stream.headers['x-accel-buffering']]).toEqual([200, 'text/event-stream', 'no-cache', 'no']);
    expect(stream.endpoint).toMatch(new RegExp(`^${messages}\\?sessionId=7-[0-9a-f]{48}$`));
    expect(rig.seen).toEqual([]);
    for (const id of [1, 2]) {
      const answer = await stream.post(ask(id), { headers: { 'mcp-session-id': '00abc', 'mcp-method': 'tools/call', 'mcp-protocol-version': '2025-11-25', 'mcp-param-a': '1', accept: 'text/plain', traceparent: `00-${id}-b-01`, tracestate: 'k=v' } });
      expect([answer.status, answer.text]).toEqual([202, '']);
      expect(await stream.answer(id)).toHaveProperty('result');
      expect(rig.seen.at(-1)?.inbound).toMatchObject({
        httpMethod: 'POST', bodyBytes: ask(id).length, evidence: { ip: '127.0.0.1', loopback: true, tls: false, authorization: 'Bearer x', declaredSpiffeId: 'spiffe://a/b', declaredAgent: agent, declaredEnv: env },
        // What names a session or mirrors a body means nothing here; the trace is the message's own.
        headers: { contentType: 'application/json', accept: 'application/json, text/event-stream', mcpSessionId: '', mcpMethod: '', mcpProtocolVersion: '', traceparent: `00-${id}-b-01`, tracestate: 'k=v', forwarded: [], headerless: true },
      });
      expect(rig.seen.at(-1)?.body.toString()).toBe(ask(id));
    }
    expect(rig.front.report()).toMatchObject({ sseStreams: 1, webSockets: 0, requests: 0, bodyBytes: 0 });
  });
  it('has an id that no other has', async () => {
    const rig = await start();
    const ids = await Promise.all(Array.from({ length: 20 }, async () => (await connect(rig)).endpoint));
    expect(new Set(ids).size).toBe(20);
  });
  it.each([['a foreign Origin', 'Origin: https://evil.example', 'origin_not_allowed'], ['a foreign Host', 'Host: evil.example', 'host_not_allowed'], ['an opaque Origin', 'Origin: null', 'origin_not_allowed']])('with %s is refused and recorded', async (_what, line, reason) => {
    const rig = await start();
    expect(statusOf(await exchange(rig.port, get('/sse', [line])))).toBe(403);
    expect(rig.seen.map(({ refused, inbound }) => [refused, inbound.httpMethod])).toEqual([[`origin_rejected ${reason}`, 'GET']]);
    expect(rig.front.report().sseStreams).toBe(0);
  });
  it('for a listed page says so in its answers', async () => {
    const rig = await start({ front: { allowed_origins: ['https://app.example'] } });
    const origin = { origin: 'https://app.example' };
    const stream = await connect(rig, { headers: origin });
    expect(stream.headers['access-control-allow-origin']).toBe('https://app.example');
    expect((await stream.post(ask(1))).headers['access-control-allow-origin']).toBe('https://app.example');
    const preflight = await exchange(rig.port, get('/messages', ['Origin: https://app.example', 'Access-Control-Request-Method: POST'], 'OPTIONS'));
    expect([statusOf(preflight), preflight.toLowerCase()]).toEqual([204, expect.stringContaining('access-control-allow-origin: https://app.example')]);
  });
  it.each([['a length', ['Content-Length: 2']], ['a coding', ['Transfer-Encoding: chunked']], ['both', ['Content-Length: 2', 'Transfer-Encoding: chunked']]])('with a body, announced by %s, is refused', async (_what, lines) => {
    const rig = await start();
    expect([statusOf(await exchange(rig.port, get('/sse', lines))), rig.seen.length]).toEqual([400, 0]);
  });
  it.each([
    ['POST', '/sse', 405, 'GET, OPTIONS'], ['DELETE', '/sse', 405, 'GET, OPTIONS'], ['HEAD', '/sse', 405, 'GET, OPTIONS'], ['OPTIONS', '/sse', 204, 'GET, OPTIONS'], ['GET', '/messages', 405, 'POST, OPTIONS'], ['PUT', '/as/a/dev/messages', 405, 'POST, OPTIONS'],
    ['OPTIONS', '/as/a/dev/messages', 204, 'POST, OPTIONS'], ['POST', '/as/a/dev/sse', 405, 'GET, OPTIONS'],
  ])('is not what %s %s asks for', async (method, path, status, allow) => {
    const rig = await start();
    const answer = await exchange(rig.port, get(path, [], method));
    expect([statusOf(answer), /^allow: (.*)$/im.exec(answer)?.[1]?.trim(), rig.seen.length]).toEqual([status, allow, 0]);
    expect(answer.includes('GET /sse opens a stream')).toBe(status === 405 && method !== 'HEAD');
  });
  it.each(['/sse/', '/SSE', '/as/../dev/sse', '/as/a/dev/sse/', '/%73se', '/messages/', '/as/a/dev/mcp/messages'])('is not at %s', async (path) => {
    const rig = await start();
    expect([statusOf(await exchange(rig.port, get(path))), statusOf(await exchange(rig.port, post(ask(1), HOST, path))), rig.seen.length]).toEqual([404, 404, 0]);
  });
  it('is not opened where it is off', async () => {
    const rig = await start({ httpSse: { enabled: false } });
    expect([statusOf(await exchange(rig.port, get('/sse'))), statusOf(await exchange(rig.port, post(ask(1), HOST, '/messages?sessionId=7-00'))), rig.seen.length]).toEqual([404, 404, 0]);
  });
  it('is no way to a WebSocket', async () => {
    const rig = await start();
    expect([statusOf(await exchange(rig.port, upgradeRequest([], '/sse'))), rig.seen.length]).toEqual([404, 0]);
  });
  it('is opened where WebSocket is off', async () => {
    const rig = await start({ websocket: { enabled: false } });
    const stream = await connect(rig);
    await stream.post(ask(1));
    expect(await stream.answer(1)).toHaveProperty('result');
  });
  it('is refused above the sockets of one address, which it shares with WebSockets, and taken again when one has ended', async () => {
    const rig = await start({ websocket: { sockets_per_ip_max: 2 } });
    const socket = await openRawWebSocket(rig.port);
    const stream = await connect(rig);
    expect(rig.front.report()).toMatchObject({ webSockets: 1, sseStreams: 1, connections: 2 });
    expect(statusOf(await exchange(rig.port, get('/sse')))).toBe(503);
    expect(statusOf(await exchange(rig.port, upgradeRequest()))).toBe(503);
    expect(rig.seen.map(({ refused }) => refused)).toEqual(['gateway_overloaded websockets_per_ip', 'gateway_overloaded websockets_per_ip']);
    expect((await connect(rig, { localAddress: '127.0.0.2' })).status).toBe(200);
    stream.destroy();
    await until(() => rig.front.report().sseStreams === 1 && rig.front.report().connections === 2);
    expect((await connect(rig)).status).toBe(200);
    socket.socket.destroy();
    await until(() => rig.front.report().webSockets === 0 && rig.front.report().connections === 2);
  });
});

describe('a POST', () => {
  it.each<[string, (endpoint: string) => string]>([
    ['an id that nobody has', (endpoint) => endpoint.replace(/.$/, (last) => (last === '0' ? '1' : '0'))], ['an id of a thread that is none', (endpoint) => endpoint.replace('=7-', '=8-')], ['no id', () => '/messages'], ['half an id', (endpoint) => endpoint.slice(0, -10)],
    ['an escaped id', (endpoint) => endpoint.replace('7-', '%37-')], ['two ids', (endpoint) => `${endpoint}&sessionId=x`], ['another parameter before', (endpoint) => endpoint.replace('?', '?x=1&')], ['a longer id', (endpoint) => `${endpoint}0`], ['no owner', (endpoint) => endpoint.replace('=7-', '=-')],
  ])('with %s is refused and recorded', async (_what, path) => {
    const rig = await start();
    const stream = await connect(rig);
    expect((await stream.post(ask(1), { path: path(stream.endpoint) })).status).toBe(404);
    await stream.post(ask(2));
    await stream.answer(2);
    expect([rig.seen.map(({ refused }) => refused), stream.messages.length]).toEqual([['session_not_found stream_unknown', ''], 1]);
  });
  it.each<[string, RawSseOptions, RawSseOptions]>([
    ['another token', { headers: BEARER }, { headers: { authorization: 'Bearer y' } }], ['no token', { headers: BEARER }, { headers: { authorization: '' } }], ['a token too much', {}, { headers: BEARER }],
    ['another declared identity', { headers: { 'x-spiffe-id': 'spiffe://a/b' } }, { headers: { 'x-spiffe-id': 'spiffe://a/c' } }], ['a declared identity too much', {}, { headers: { 'x-spiffe-id': 'spiffe://a/b' } }],
  ])('with the id of another and %s is refused in the same way, and nothing gets to the stream', async (_what, opening, posting) => {
    const rig = await start();
    const stream = await connect(rig, opening);
    const headers = Object.fromEntries(Object.entries({ ...opening.headers, ...posting.headers }).filter(([, value]) => value !== ''));
    const [stolen, unknown] = [await postMessage(rig.port, ask(1), { path: stream.endpoint, headers }), await postMessage(rig.port, ask(1), { path: '/messages?sessionId=7-00', headers })];
    expect([stolen.status, stolen.text]).toEqual([unknown.status, unknown.text]);
    await stream.post(ask(2));
    await stream.answer(2);
    expect([stolen.status, stream.messages.length, rig.seen.map(({ refused }) => refused)]).toEqual([404, 1, ['session_not_found stream_unknown', 'session_not_found stream_unknown', '']]);
  });
  it.each([['/sse', '/as/a/dev/messages'], ['/as/a/dev/sse', '/messages'], ['/as/a/dev/sse', '/as/b/dev/messages'], ['/as/a/dev/sse', '/as/a/prod/messages']])('of a stream at %s does not count at %s', async (at, other) => {
    const rig = await start();
    const stream = await connect(rig, { path: at });
    expect([(await stream.post(ask(1), { path: stream.endpoint.replace(/^.*\?/, `${other}?`) })).status, (await stream.post(ask(2))).status]).toEqual([404, 202]);
  });
  it('may come from another address of this machine, and with a proof from anywhere', async () => {
    const rig = await start();
    for (const headers of [{}, BEARER]) expect((await (await connect(rig, { headers })).post(ask(1), { localAddress: '127.0.0.9' })).status).toBe(202);
    // Layer 3 judges, and the record names, where the message came from.
    expect(messagesOf(rig).map(({ inbound }) => inbound.evidence.ip)).toEqual(['127.0.0.9', '127.0.0.9']);
  });
  it('is another thread\'s where the id says so, and refused where there is no such thread', async () => {
    const handed: [number, string, Inbound][] = [];
    const rig = await start({ handOver: (owner, streamId, inbound, reply) => {
      if (owner === 99) return false;
      handed.push([owner, streamId, inbound]);
      reply.send(202, [], '');
      return true;
    } });
    const elsewhere = `8-${'ab'.repeat(24)}`;
    const gone = `63-${'ab'.repeat(24)}`;
    const headers = { ...BEARER, 'mcp-session-id': 'x' };
    expect([(await postMessage(rig.port, ask(1), { path: `/messages?sessionId=${elsewhere}`, headers })).status, (await postMessage(rig.port, ask(1), { path: `/messages?sessionId=${gone}`, headers })).status]).toEqual([202, 404]);
    expect(handed.map(([owner, id, { evidence, headers: sent }]) => [owner, id, evidence.authorization, sent.mcpSessionId])).toEqual([[8, elsewhere, 'Bearer x', '']]);
  });
  it('that is too large is refused on itself, whatever stream it names', async () => {
    const rig = await start({ front: { body_bytes_max: 2000 } });
    const stream = await connect(rig);
    const large = ask(1, `,"params":{"x":"${'x'.repeat(2000)}"}`);
    for (const path of [stream.endpoint, '/messages?sessionId=7-00']) expect((await stream.post(large, { path })).status).toBe(413);
    expect(messagesOf(rig).map(({ inbound }) => inbound.bodyTooLarge)).toEqual([true, true]);
    await stream.post(ask(2));
    await stream.answer(2);
    expect([stream.messages.length, rig.front.report()]).toEqual([1, expect.objectContaining({ requests: 0, bodyBytes: 0 })]);
  });
  it('of what is no JSON is refused on itself, and so is one without a good framing or with a foreign Origin', async () => {
    const rig = await start();
    const stream = await connect(rig);
    expect((await stream.post(ask(1), { headers: { 'content-type': 'text/plain' } })).status).toBe(400);
    expect((await stream.post(ask(1), { headers: { origin: 'https://evil.example' } })).status).toBe(403);
    expect(statusOf(await exchange(rig.port, `POST ${stream.endpoint} HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`))).toBe(400);
    await stream.post(ask(2));
    await stream.answer(2);
    expect(stream.messages).toHaveLength(1);
  });
  it('in pieces is one message', async () => {
    const rig = await start();
    const stream = await connect(rig);
    const body = ask(1, `,"params":{"x":"${'x'.repeat(300_000)}"}`);
    const half = body.length >> 1;
    const chunks = [body.slice(0, half), body.slice(half)].map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('');
    expect(statusOf(await exchange(rig.port, `POST ${stream.endpoint} HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`))).toBe(202);
    await stream.answer(1);
    expect([messagesOf(rig).map(({ body: seen }) => seen.toString() === body), rig.front.report().bodyBytes]).toEqual([[true], 0]);
  });
  it('whose client hangs up before its body is whole is only recorded', async () => {
    const rig = await start();
    const stream = await connect(rig);
    const { socket } = open(rig.port, `POST ${stream.endpoint} HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"jsonrpc"`);
    await until(() => rig.front.report().requests === 1);
    socket.destroy();
    await until(() => rig.seen.length === 1);
    expect([rig.seen[0]?.aborted, rig.front.report().requests]).toEqual([true, 0]);
  });
});

describe('messages', () => {
  it('are answered under their ids on the stream, in whatever order', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer });
    const stream = await connect(rig);
    for (let id = 0; id < 20; id++) await stream.post(ask(id));
    await until(() => replies.length === 20);
    for (let id = 19; id >= 0; id--) replies[id]?.send(200, [], `{"jsonrpc":"2.0","id":${id},\n"result":{}}`);
    await stream.message(19);
    expect(stream.messages.map((text) => (JSON.parse(text) as { id: number }).id)).toEqual(Array.from({ length: 20 }, (_, n) => 19 - n));
    expect(rig.front.report()).toMatchObject({ requests: 0, bodyBytes: 0 });
  });
  it('whose answers stream have each of their events on it, and a notification has none', async () => {
    const rig = await start({ answer: (_inbound, reply) => {
      reply.begin(200, [['content-type', 'text/event-stream']]);
      reply.write(': open\n\nid: 3\ndata: {"jsonrpc":"2.0","method":"notifications/progress"}\n\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\n\n');
      reply.end();
    } });
    const stream = await connect(rig);
    await stream.post(ask(1));
    await stream.answer(1);
    expect(stream.messages).toEqual(['{"jsonrpc":"2.0","method":"notifications/progress"}', '{"jsonrpc":"2.0","id":1,"result":{}}']);
    const quiet = await connect(await start());
    await quiet.post('{"jsonrpc":"2.0","method":"notifications/x"}');
    await quiet.post(ask(2));
    await quiet.answer(2);
    expect(quiet.messages).toHaveLength(1);
  });
  it('above the requests of one stream are refused on it, under their ids', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer, websocket: { requests_max: 2 } });
    const stream = await connect(rig);
    for (const id of [1, 2, 3]) expect((await stream.post(ask(id))).status).toBe(202);
    expect(await stream.answer(3)).toMatchObject({ error: { message: 'gateway_overloaded' } });
    expect(rig.seen.map(({ refused }) => refused)).toEqual(['', '', 'gateway_overloaded requests_per_socket']);
    replies[0]?.send(200, [], '{"jsonrpc":"2.0","id":1,"result":{}}');
    await stream.answer(1);
    await stream.post(ask(4));
    await until(() => replies.length === 3);
  });
});

describe('the end', () => {
  it('by the client tells everybody who works for it, and its id is nobody\'s', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer });
    const stream = await connect(rig);
    const told: string[] = [];
    for (const id of [1, 2]) await stream.post(ask(id));
    await until(() => replies.length === 2);
    for (const reply of replies) reply.onAbort((cause) => void told.push(cause));
    stream.destroy();
    await until(() => told.length === 2);
    expect(rig.front.report()).toMatchObject({ requests: 0, bodyBytes: 0, sseStreams: 0 });
    expect((await stream.post(ask(3))).status).toBe(404);
    replies[0]?.send(200, [], 'late');
  });
  it('by the gateway waits for what is under way, takes nothing more, and is a whole one', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer });
    const [busy, idle] = [await connect(rig), await connect(rig)];
    await busy.post(ask(1));
    await until(() => replies.length === 1);
    const drained = rig.front.drain(60_000);
    expect(await idle.closed).toEqual({ whole: true, comment: 'shutdown' });
    replies[0]?.send(200, [], '{"jsonrpc":"2.0","id":1,"result":{}}');
    expect(await busy.closed).toEqual({ whole: true, comment: 'shutdown' });
    expect(await busy.answer(1)).toMatchObject({ result: {} });
    await drained;
  });
  it('of what the gateway itself failed on is a cut', async () => {
    const rig = await start({ answer: () => { throw new Error('a fault'); } });
    const stream = await connect(rig);
    await stream.post(ask(1));
    expect(await stream.closed).toMatchObject({ whole: false });
    expect([rig.faults.length, rig.front.report().requests]).toEqual([1, 0]);
  });
  it('comes when nobody has proven who it is', async () => {
    const rig = await start({ answer: (_inbound, reply) => reply.send(401, [], '{"jsonrpc":"2.0","id":1,"error":{"code":401,"message":"x"}}') });
    const stream = await connect(rig);
    await stream.post(ask(1));
    expect(await stream.closed).toEqual({ whole: true, comment: 'auth_invalid_identity' });
    expect(await stream.answer(1)).toMatchObject({ error: { code: 401 } });
  });
  it('comes with that of the proof, also to who says nothing', async () => {
    let nowUs = 1000;
    const rig = await start({ nowUs: () => nowUs, answer: (inbound, reply) => {
      reply.carrier?.provenUntil(60);
      answering(inbound, reply);
    } });
    const stream = await connect(rig);
    await stream.post(ask(1));
    await stream.answer(1);
    nowUs = 60_000;
    expect(await stream.closed).toEqual({ whole: true, comment: 'auth_invalid_identity' });
  });
});

describe('a session', () => {
  it('is named in every later message, its own stream asked for with the first of them, and ends with the stream of its client', async () => {
    const [asked, ended] = [[], []] as [Reply[], string[]];
    const rig = await start({ answer: (inbound, reply) => {
      if (inbound.httpMethod === 'GET') {
        asked.push(reply);
        reply.onAbort((cause) => void ended.push(`stream ${cause}`));
        return reply.begin(200, [['content-type', 'text/event-stream']]);
      }
      if (reply.carrier?.hasSession === false) reply.carrier.openSession('00abcd', '2024-11-05', () => ended.push('session'));
      answering(inbound, reply);
    } });
    const stream = await connect(rig);
    for (const id of [1, 2, 3]) {
      await stream.post(ask(id));
      await stream.answer(id);
    }
    expect(rig.seen.map(({ inbound }) => [inbound.httpMethod, inbound.headers.mcpSessionId, inbound.headers.mcpProtocolVersion])).toEqual([
      ['POST', '', ''], ['POST', '00abcd', '2024-11-05'], ['GET', '00abcd', '2024-11-05'], ['POST', '00abcd', '2024-11-05'],
    ]);
    asked[0]?.write('data: {"jsonrpc":"2.0","method":"notifications/x"}\n\n');
    expect(await stream.message(3)).toBe('{"jsonrpc":"2.0","method":"notifications/x"}');
    stream.destroy();
    await until(() => ended.length === 2);
    expect(ended).toEqual(['stream client', 'session']);
  });
});

describe('a client that does not read', () => {
  it('pauses its streams, and loses nothing', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer });
    const stream = await connect(rig);
    await stream.post(ask(1));
    await until(() => replies.length === 1);
    const [reply] = replies;
    stream.response.pause();
    reply?.begin(200, [['content-type', 'text/event-stream']]);
    let written = 0;
    let drained = false;
    reply?.onDrain(() => { drained = true; });
    const event = (n: number): string => `data: {"n":${n},"x":"${'x'.repeat(60_000)}"}\n\n`;
    while (reply?.write(event(written++)) === true) await new Promise((resolve) => setImmediate(resolve));
    // What is more than the client takes is kept, though it was asked to stop.
    for (let more = 0; more < 20; more++) reply?.write(event(written++));
    await sleep(0);
    expect(drained).toBe(false);
    stream.response.resume();
    await until(() => drained);
    await stream.message(written - 1);
    expect(stream.messages.map((text) => (JSON.parse(text) as { n: number }).n)).toEqual(Array.from({ length: written }, (_, n) => n));
  });
  it('is cut off at the bound, and what waits for it is told', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer, websocket: { buffered_bytes_max: 64 * 1024 } });
    const stream = await connect(rig);
    for (let id = 0; id < 100; id++) await stream.post(ask(id));
    stream.response.pause();
    await until(() => replies.length === 100);
    const waiting: string[] = [];
    replies[99]?.onAbort((cause) => void waiting.push(cause));
    for (const reply of replies.slice(0, 99)) reply.send(200, [], `{"jsonrpc":"2.0","id":1,"result":"${'x'.repeat(200_000)}"}`);
    expect([waiting, rig.front.report().sseStreams]).toEqual([['client'], 0]);
    stream.response.resume();
    expect(await stream.closed).toMatchObject({ whole: false });
  });
  it('of anything that waits is cut off in time, and one that has nothing to read is kept', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { replies, answer } = held();
    const rig = await start({ answer, websocket: { idle_timeout_s: 20 } });
    const [stuck, silent] = [await connect(rig), await connect(rig)];
    await stuck.post(ask(1));
    await until(() => replies.length === 1);
    stuck.response.pause();
    replies[0]?.send(200, [], `{"jsonrpc":"2.0","id":1,"result":"${'x'.repeat(12_000_000)}"}`);
    vi.advanceTimersByTime(16_000);
    expect(rig.front.report().sseStreams).toBe(2);
    vi.advanceTimersByTime(4_000);
    expect(rig.front.report().sseStreams).toBe(1);
    vi.advanceTimersByTime(4_000);
    stuck.response.resume();
    expect(await stuck.closed).toMatchObject({ whole: false });
    await until(() => silent.text().split(': keep-alive').length === 4);
    expect(silent.messages).toEqual([]);
  });
});
