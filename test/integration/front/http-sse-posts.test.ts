// Over the wire: whose POSTs a stream of HTTP+SSE takes.
import { describe, expect, it } from 'vitest';
import type { Inbound } from '../../../src/front/types.js';
import { postMessage, type RawSseOptions } from '../../support/raw-sse.js';
import { until } from '../../support/until.js';
import { ask, messagesOf, start } from './carrier-rig.js';
import { BEARER, connect } from './http-sse-rig.js';
import { exchange, HOST, open, statusOf } from './wire.js';

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
    const large = ask(1, 'ping', `,"params":{"x":"${'x'.repeat(2000)}"}`);
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
    const body = ask(1, 'ping', `,"params":{"x":"${'x'.repeat(300_000)}"}`);
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
