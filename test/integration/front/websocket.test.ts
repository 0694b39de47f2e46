// Over the wire: which GET becomes a WebSocket, what its frames become, what goes back, and every way in which it ends.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Reply } from '../../../src/front/types.js';
import { frame, OPCODE, openRawWebSocket, upgradeRequest, type RawOptions, type RawWebSocket } from '../../support/raw-websocket.js';
import { eventually, exchange, post, startRig, statusOf, type Answer, type Rig, type RigConfig, type Seen } from './wire.js';

const rigs: Rig[] = [];
const sockets: RawWebSocket[] = [];
afterEach(async () => {
  for (const { socket } of sockets.splice(0)) socket.destroy();
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

/** As the chain writes a refusal of what it has not read. */
const refusing = (reply: Reply, code: string): void => reply.send(code === 'origin_rejected' ? 403 : 503, [], `{"jsonrpc":"2.0","id":null,"error":{"code":503,"message":"${code}"}}`);

async function start(config: RigConfig = {}): Promise<Rig> {
  const rig = await startRig({ answer: answering, refuse: refusing, ...config });
  rigs.push(rig);
  return rig;
}

async function connect(rig: Rig, options: RawOptions = {}): Promise<RawWebSocket> {
  const socket = await openRawWebSocket(rig.port, options);
  sockets.push(socket);
  return socket;
}

const ask = (id: number, method = 'ping', more = ''): string => `{"jsonrpc":"2.0","id":${id},"method":"${method}"${more}}`;
const messagesOf = (rig: Rig): Seen[] => rig.seen.filter(({ inbound }) => inbound.httpMethod === 'POST');
/** Replies that are held until the test says what becomes of them. */
const held = (): { readonly replies: Reply[]; readonly answer: Answer } => {
  const replies: Reply[] = [];
  return { replies, answer: (_inbound, reply) => void replies.push(reply) };
};

describe('an upgrade', () => {
  it.each([['/', '/', '', ''], ['/mcp', '/mcp', '', ''], ['/as/my-agent/dev', '/', 'my-agent', 'dev'], ['/as/a/b/mcp', '/mcp', 'a', 'b']])('of %s is taken, and its evidence goes with every message', async (path, expected, agent, env) => {
    const rig = await start();
    const socket = await connect(rig, { path, lines: ['Authorization: Bearer x', 'X-SPIFFE-ID: spiffe://a/b', 'Mcp-Session-Id: 00abc', 'Mcp-Method: tools/call', 'Mcp-Param-A: 1', 'Traceparent: 00-a-b-01'] });
    expect(socket.head).toMatch(/^HTTP\/1\.1 101 /);
    expect(socket.head.toLowerCase()).toContain('sec-websocket-protocol: mcp');
    expect(socket.head.toLowerCase()).not.toContain('extensions');
    expect(socket.head.toLowerCase()).not.toContain('uwebsockets');
    for (const id of [1, 2]) {
      socket.send(ask(id));
      await socket.answer(id);
      expect(rig.seen.at(-1)?.inbound).toMatchObject({
        httpMethod: 'POST', path: expected, bodyBytes: ask(id).length, evidence: { ip: '127.0.0.1', loopback: true, tls: false, authorization: 'Bearer x', declaredSpiffeId: 'spiffe://a/b', declaredAgent: agent, declaredEnv: env },
        // What names one message over HTTP means nothing for all of them.
        headers: { contentType: 'application/json', mcpSessionId: '', mcpMethod: '', mcpProtocolVersion: '', traceparent: '', forwarded: [], headerless: true },
      });
      expect(rig.seen.at(-1)?.body.toString()).toBe(ask(id));
    }
  });
  it('takes the subprotocol among others, and ignores extensions', async () => {
    const socket = await connect(await start(), { lines: ['Sec-WebSocket-Protocol: graphql-ws, mcp', 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits'] });
    expect(socket.head.toLowerCase()).toMatch(/sec-websocket-protocol: mcp(\r\n|$)/);
    expect(socket.head.toLowerCase()).not.toContain('sec-websocket-extensions');
  });
  it.each([
    ['no subprotocol', ['Sec-WebSocket-Protocol:'], 400], ['another subprotocol', ['Sec-WebSocket-Protocol: graphql-ws'], 400], ['another version', ['Sec-WebSocket-Version: 8'], 426], ['no Connection', ['Connection:'], 400],
    ['a key that is none', ['Sec-WebSocket-Key: abc'], 400], ['two keys', ['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='], 400], ['a body', ['Content-Length: 2'], 400],
  ])('with %s is refused, and nothing reaches the gateway', async (_what, lines, status) => {
    const rig = await start();
    const answer = await exchange(rig.port, upgradeRequest(lines));
    expect([statusOf(answer), rig.seen.length]).toEqual([status, 0]);
  });
  it.each([['another path', '/nothing', 404], ['a probe', '/health', 200]])('of %s is none', async (_what, path, status) => {
    const rig = await start();
    expect([statusOf(await exchange(rig.port, upgradeRequest([], path))), rig.seen.length]).toEqual([status, 0]);
  });
  it('that does not ask for a WebSocket is a GET', async () => {
    const rig = await start({ answer: (_inbound, reply) => reply.send(405, [], '') });
    for (const lines of [['Upgrade:'], ['Upgrade: h2c']]) {
      expect(statusOf(await exchange(rig.port, upgradeRequest(lines)))).toBe(405);
      expect(rig.seen.at(-1)?.inbound).toMatchObject({ httpMethod: 'GET', headers: { headerless: false } });
    }
  });
  it.each([['a foreign Origin', 'Origin: https://evil.example', 'origin_not_allowed'], ['a foreign Host', 'Host: evil.example', 'host_not_allowed'], ['an opaque Origin', 'Origin: null', 'origin_not_allowed']])('with %s is refused and recorded', async (_what, line, reason) => {
    const rig = await start();
    expect(statusOf(await exchange(rig.port, upgradeRequest([line])))).toBe(403);
    expect(rig.seen.map(({ refused, inbound }) => [refused, inbound.httpMethod])).toEqual([[`origin_rejected ${reason}`, 'GET']]);
  });
  it('is no way in for a POST', async () => {
    const rig = await start();
    const answer = await exchange(rig.port, post(ask(1), 'Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mcp\r\n'));
    expect([statusOf(answer), rig.seen[0]?.inbound.headers.headerless]).toEqual([200, false]);
  });
  it('is not taken where WebSocket is off', async () => {
    const rig = await start({ websocket: { enabled: false } });
    expect([statusOf(await exchange(rig.port, upgradeRequest())), rig.seen.length]).toEqual([404, 0]);
  });
  it('is refused above the sockets of one address, which count as connections, and taken again when one has ended', async () => {
    const rig = await start({ websocket: { sockets_per_ip_max: 2 } });
    const [one] = [await connect(rig), await connect(rig)];
    expect(rig.front.report()).toMatchObject({ webSockets: 2, connections: 2 });
    expect(statusOf(await exchange(rig.port, upgradeRequest()))).toBe(503);
    expect(rig.seen.map(({ refused }) => refused)).toEqual(['gateway_overloaded websockets_per_ip']);
    expect((await connect(rig, { localAddress: '127.0.0.2' })).head).toMatch(/ 101 /);
    one.socket.destroy();
    await eventually(() => rig.front.report().webSockets === 2 && rig.front.report().connections === 2);
    expect((await connect(rig)).head).toMatch(/ 101 /);
  });
});

describe('messages', () => {
  it('are one for each frame, also two in one segment, and one in many', async () => {
    const rig = await start();
    const socket = await connect(rig);
    socket.socket.write(Buffer.concat([frame(ask(1)), frame(ask(2))]));
    await socket.answer(2);
    for (const byte of frame(ask(3))) {
      socket.socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await socket.answer(3);
    expect(messagesOf(rig).map(({ body }) => body.toString())).toEqual([ask(1), ask(2), ask(3)]);
  });
  it('are whole when their last fragment is there, with pings between', async () => {
    const rig = await start();
    const socket = await connect(rig);
    socket.send(ask(1).slice(0, 10), { fin: false });
    socket.send('between', { opcode: OPCODE.ping });
    socket.send(ask(1).slice(10, 20), { opcode: OPCODE.continuation, fin: false });
    socket.send(ask(1).slice(20), { opcode: OPCODE.continuation });
    await socket.answer(1);
    expect([messagesOf(rig).length, messagesOf(rig)[0]?.body.toString(), socket.pongs]).toEqual([1, ask(1), ['between']]);
  });
  it('are answered under their ids, in whatever order', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer });
    const socket = await connect(rig);
    for (let id = 0; id < 50; id++) socket.send(ask(id));
    await eventually(() => replies.length === 50);
    for (let id = 49; id >= 0; id--) replies[id]?.send(200, [], `{"jsonrpc":"2.0","id":${id},"result":{}}`);
    await socket.message(49);
    expect(socket.messages.map((text) => (JSON.parse(text) as { id: number }).id)).toEqual(Array.from({ length: 50 }, (_, n) => 49 - n));
    expect(rig.front.report()).toMatchObject({ requests: 0, bodyBytes: 0 });
  });
  it('without an answer get no frame', async () => {
    const rig = await start();
    const socket = await connect(rig);
    socket.send('{"jsonrpc":"2.0","method":"notifications/x"}');
    socket.send(ask(1));
    await socket.answer(1);
    expect([socket.messages.length, messagesOf(rig).length]).toEqual([1, 2]);
  });
  it('whose answers stream do not end with them', async () => {
    const rig = await start({ answer: (inbound, reply) => {
      reply.begin(200, [['content-type', 'text/event-stream']]);
      reply.write(`data: {"jsonrpc":"2.0","method":"notifications/progress"}\n\ndata: {"jsonrpc":"2.0","id":${(JSON.parse(Buffer.from(inbound.body).toString('utf8')) as { id: number }).id},"result":{}}\n\n`);
      reply.end();
    } });
    const socket = await connect(rig);
    for (const id of [1, 2]) {
      socket.send(ask(id));
      await socket.answer(id);
    }
    expect(socket.messages).toHaveLength(4);
    expect(rig.front.report()).toMatchObject({ requests: 0, webSockets: 1 });
  });
  it('become frames of every length', async () => {
    const text = (length: number): string => `{"jsonrpc":"2.0","id":${length},"result":"${'ü'.repeat(length)}"}`;
    const rig = await start({ answer: (inbound, reply) => reply.send(200, [], text((JSON.parse(Buffer.from(inbound.body).toString('utf8')) as { id: number }).id)) });
    const socket = await connect(rig);
    for (const length of [1, 30, 50, 70, 5000, 40_000, 3_000_000]) {
      socket.send(ask(length));
      expect(await socket.answer(length)).toMatchObject({ result: 'ü'.repeat(length) });
    }
  });
});

describe('what is refused unread', () => {
  it('above the requests of one socket is answered under its id, and the others go on', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer, websocket: { requests_max: 2 } });
    const socket = await connect(rig);
    for (const id of [1, 2, 3]) socket.send(ask(id));
    await eventually(() => rig.seen.length === 3);
    expect(rig.seen.map(({ refused }) => refused)).toEqual(['', '', 'gateway_overloaded requests_per_socket']);
    expect(await socket.answer(3)).toMatchObject({ error: { message: 'gateway_overloaded' } });
    replies[0]?.send(200, [], '{"jsonrpc":"2.0","id":1,"result":{}}');
    await socket.answer(1);
    socket.send(ask(4));
    await eventually(() => replies.length === 3);
    expect(rig.front.report().requests).toBe(2);
  });
  it('is no cancellation and no answer: those may be what the requests under way wait for', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer, websocket: { requests_max: 2 } });
    const socket = await connect(rig);
    for (const id of [1, 2]) socket.send(ask(id));
    socket.send('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}');
    socket.send('{"jsonrpc":"2.0","id":1,"result":{}}');
    socket.send('{"jsonrpc":"2.0","method":"notifications/x"}');
    await eventually(() => rig.seen.length === 5);
    expect(rig.seen.map(({ refused }) => refused)).toEqual(['', '', '', '', 'gateway_overloaded requests_per_socket']);
    expect(replies).toHaveLength(4);
  });
  it('for its bytes gives back what it took', async () => {
    const rig = await start({ front: { inflight_body_bytes_max: 64 * 1024, body_bytes_per_ip_max: 64 * 1024, body_bytes_max: 60 * 1024 } });
    const socket = await connect(rig);
    const { replies } = held();
    socket.send(ask(1, 'ping', `,"params":{"x":"${'x'.repeat(50_000)}"}`));
    await socket.answer(1);
    expect(replies).toEqual([]);
    expect(rig.front.report()).toMatchObject({ requests: 0, bodyBytes: 0 });
  });
  it('with a body that has no room names why', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer, front: { inflight_body_bytes_max: 64 * 1024, body_bytes_per_ip_max: 64 * 1024, body_bytes_max: 60 * 1024 } });
    const socket = await connect(rig);
    const large = (id: number): string => ask(id, 'ping', `,"params":{"x":"${'x'.repeat(40_000)}"}`);
    socket.send(large(1));
    await eventually(() => replies.length === 1);
    socket.send(large(2));
    await eventually(() => rig.seen.length === 2);
    expect(rig.seen[1]).toMatchObject({ refused: expect.stringMatching(/^gateway_overloaded (body_bytes_per_ip|inflight_body_bytes)$/) as string });
    expect(rig.front.report().requests).toBe(1);
  });
  it('and who goes on sending while that many refusals wait is cut off', async () => {
    const waiting: Reply[] = [];
    const rig = await start({ answer: () => undefined, websocket: { requests_max: 2 }, refuse: (reply) => void waiting.push(reply) });
    const socket = await connect(rig);
    for (let id = 0; id < 6; id++) socket.send(ask(id));
    expect(await socket.closed).toEqual({ code: 1013, reason: 'gateway_overloaded' });
    expect(rig.seen.filter(({ refused }) => refused !== '')).toHaveLength(3);
    expect(waiting.slice(0, 2).every((reply) => reply.aborted)).toBe(true);
  });
});

describe('a message that is too large', () => {
  it('is refused, recorded as that, and the socket closed with 1009', async () => {
    const rig = await start({ front: { body_bytes_max: 2000 } });
    const socket = await connect(rig);
    socket.send(ask(1, 'ping', `,"params":{"x":"${'x'.repeat(1800)}"}`));
    await socket.answer(1);
    socket.send(ask(2, 'ping', `,"params":{"x":"${'x'.repeat(2000)}"}`));
    expect(await socket.closed).toEqual({ code: 1009, reason: 'request_too_large' });
    expect(await socket.answer(2)).toMatchObject({ error: { code: 413 } });
    expect(messagesOf(rig).map(({ inbound }) => inbound.bodyTooLarge)).toEqual([false, true]);
    expect(messagesOf(rig)[1]?.body).toHaveLength(0);
  });
  it.each([['announced', { announced: 3_000_000 }, 'x'], ['in fragments', { fin: false }, 'x'.repeat(1_060_000)]])('by far, %s, ends the connection at once, and is recorded', async (_what, how, payload) => {
    const rig = await start({ front: { body_bytes_max: 2000 } });
    const socket = await connect(rig);
    socket.send(payload, how);
    expect((await socket.closed).code).toBe(1006);
    await eventually(() => rig.seen.length === 1);
    expect(rig.seen[0]).toMatchObject({ aborted: false, inbound: { bodyTooLarge: true, httpMethod: 'POST' } });
    await eventually(() => rig.front.report().requests === 0);
  });
});

describe('what is no text', () => {
  it('is refused and recorded as binary, and the socket closed with 1003', async () => {
    const rig = await start();
    const socket = await connect(rig);
    socket.send(ask(1), { opcode: OPCODE.binary });
    expect((await socket.closed).code).toBe(1003);
    expect(messagesOf(rig).map(({ inbound }) => inbound.headers.contentType)).toEqual(['application/octet-stream']);
  });
  it('is recorded where it is no UTF-8, and the connection ends', async () => {
    const rig = await start({ answer: () => undefined });
    const socket = await connect(rig);
    socket.send(Buffer.from([0x7b, 0xff, 0x7d]));
    await socket.closed;
    await eventually(() => rig.seen.length === 1);
    expect(rig.seen[0]?.body).toHaveLength(0);
  });
  it.each([['an unknown opcode', frame('', { opcode: 3 })], ['a long ping', frame('x'.repeat(126), { opcode: OPCODE.ping })], ['a continuation of nothing', frame(ask(1), { opcode: OPCODE.continuation })]])('%s ends the connection, and is no message', async (_what, bytes) => {
    const rig = await start();
    const socket = await connect(rig);
    socket.socket.write(bytes);
    await socket.closed;
    expect(rig.seen).toHaveLength(0);
  });
});

describe('the end', () => {
  it('by the client leaves no request unheard: each is told that it is gone', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer });
    const socket = await connect(rig);
    const told: string[] = [];
    for (const id of [1, 2]) socket.send(ask(id));
    await eventually(() => replies.length === 2);
    for (const reply of replies) reply.onAbort((cause) => void told.push(cause));
    socket.send(Buffer.from([0x03, 0xe8]), { opcode: OPCODE.close });
    expect((await socket.closed).code).toBe(1000);
    expect([told, replies.map(({ aborted }) => aborted)]).toEqual([['client', 'client'], [true, true]]);
    replies[0]?.send(200, [], 'late');
    expect(rig.front.report()).toMatchObject({ requests: 0, bodyBytes: 0, webSockets: 0, connections: 0 });
  });
  it('by the gateway waits for what is under way, takes nothing more, and is said with 1001', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer });
    const [busy, idle] = [await connect(rig), await connect(rig)];
    busy.send(ask(1));
    await eventually(() => replies.length === 1);
    const drained = rig.front.drain(60_000);
    expect(await idle.closed).toEqual({ code: 1001, reason: 'shutdown' });
    busy.send(ask(2));
    await eventually(() => rig.seen.length === 2);
    expect(rig.seen[1]?.refused).toBe('gateway_fault connection_closing');
    expect(await busy.answer(2)).toMatchObject({ error: { message: 'gateway_fault' } });
    replies[0]?.send(200, [], '{"jsonrpc":"2.0","id":1,"result":{}}');
    expect(await busy.closed).toEqual({ code: 1001, reason: 'shutdown' });
    expect(await busy.answer(1)).toMatchObject({ result: {} });
    await drained;
  });
  it('by a thread that is ending has everybody answered first', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer: (inbound, reply) => {
      answer(inbound, reply);
      reply.onAbort((cause) => reply.send(500, [], `{"jsonrpc":"2.0","id":1,"error":{"code":500,"message":"${cause}"}}`));
    } });
    const socket = await connect(rig);
    socket.send(ask(1));
    await eventually(() => replies.length === 1);
    rig.front.lose('gateway');
    expect(await socket.closed).toMatchObject({ code: 1001 });
    expect(await socket.answer(1)).toMatchObject({ error: { message: 'gateway' } });
  });
  it('of what the gateway itself failed on is 1011', async () => {
    const rig = await start({ answer: () => { throw new Error('a fault'); } });
    const socket = await connect(rig);
    socket.send(ask(1));
    expect(await socket.closed).toEqual({ code: 1011, reason: 'gateway_fault' });
    expect([rig.faults.length, rig.front.report().requests]).toEqual([1, 0]);
  });
  it('comes when nobody has proven who it is', async () => {
    const rig = await start({ answer: (_inbound, reply) => reply.send(401, [], '{"jsonrpc":"2.0","id":1,"error":{"code":401,"message":"x"}}') });
    const socket = await connect(rig);
    socket.send(ask(1));
    expect(await socket.closed).toEqual({ code: 1008, reason: 'auth_invalid_identity' });
    expect(await socket.answer(1)).toMatchObject({ error: { code: 401 } });
  });
  it('comes with that of the proof, also to who says nothing', async () => {
    let nowUs = 1000;
    const rig = await start({ nowUs: () => nowUs, answer: (inbound, reply) => {
      reply.carrier?.provenUntil(60);
      answering(inbound, reply);
    } });
    const socket = await connect(rig);
    socket.send(ask(1));
    await socket.answer(1);
    nowUs = 60_000;
    expect(await socket.closed).toEqual({ code: 1008, reason: 'auth_invalid_identity' });
  });
});

describe('a session', () => {
  /** As `initialize` does: the first request opens a session; GET is its stream. */
  const session = (streams: Reply[], ended: string[]): Answer => (inbound, reply) => {
    if (inbound.httpMethod === 'GET') {
      streams.push(reply);
      reply.onAbort((cause) => void ended.push(`stream ${cause}`));
      return reply.begin(200, [['content-type', 'text/event-stream']]);
    }
    if (reply.carrier?.hasSession === false) reply.carrier.openSession('00abcd', '2025-06-18', () => ended.push('session'));
    answering(inbound, reply);
  };

  it('is named in every later message, and its stream is asked for with the first of them', async () => {
    const [streams, ended] = [[], []] as [Reply[], string[]];
    const rig = await start({ answer: session(streams, ended) });
    const socket = await connect(rig);
    for (const id of [1, 2, 3]) {
      socket.send(ask(id));
      await socket.answer(id);
    }
    expect(rig.seen.map(({ inbound }) => [inbound.httpMethod, inbound.headers.mcpSessionId, inbound.headers.mcpProtocolVersion])).toEqual([
      ['POST', '', ''], ['POST', '00abcd', '2025-06-18'], ['GET', '00abcd', '2025-06-18'], ['POST', '00abcd', '2025-06-18'],
    ]);
    streams[0]?.write('data: {"jsonrpc":"2.0","method":"notifications/x"}\n\n');
    expect(await socket.message(3)).toBe('{"jsonrpc":"2.0","method":"notifications/x"}');
  });
  it('ends with its socket', async () => {
    const [streams, ended] = [[], []] as [Reply[], string[]];
    const rig = await start({ answer: session(streams, ended) });
    const socket = await connect(rig);
    for (const id of [1, 2]) socket.send(ask(id));
    await socket.answer(2);
    socket.socket.destroy();
    await eventually(() => ended.length === 2);
    expect(ended).toEqual(['stream client', 'session']);
  });
  it('takes its socket along when it ends before', async () => {
    const [streams, ended] = [[], []] as [Reply[], string[]];
    const rig = await start({ answer: session(streams, ended) });
    const socket = await connect(rig);
    for (const id of [1, 2]) socket.send(ask(id));
    await socket.answer(2);
    streams[0]?.end();
    expect(await socket.closed).toEqual({ code: 1008, reason: 'session_not_found' });
  });
  it('whose proof has expired ends with its stream, which says so, and takes its socket along', async () => {
    const [streams, ended] = [[], []] as [Reply[], string[]];
    let nowUs = 1000;
    const opening = session(streams, ended);
    const rig = await start({ nowUs: () => nowUs, answer: (inbound, reply) => {
      reply.carrier?.provenUntil(60);
      opening(inbound, reply);
    } });
    const socket = await connect(rig);
    for (const id of [1, 2]) socket.send(ask(id));
    await socket.answer(2);
    nowUs = 60_000;
    streams[0]?.end();
    expect(await socket.closed).toEqual({ code: 1008, reason: 'auth_invalid_identity' });
    expect(ended).toEqual(['session']);
  });
  it('is waited for when the gateway stops: its stream has its own end', async () => {
    const [streams, ended] = [[], []] as [Reply[], string[]];
    const rig = await start({ answer: session(streams, ended) });
    const socket = await connect(rig);
    for (const id of [1, 2]) socket.send(ask(id));
    await socket.answer(2);
    rig.front.close();
    expect(rig.front.report().webSockets).toBe(1);
    streams[0]?.end();
    expect(await socket.closed).toEqual({ code: 1001, reason: 'shutdown' });
    expect(ended).toEqual(['session']);
  });
});

describe('a client that does not read', () => {
  it('pauses its streams, and loses nothing', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer });
    const socket = await connect(rig);
    socket.send(ask(1));
    await eventually(() => replies.length === 1);
    const [reply] = replies;
    socket.socket.pause();
    reply?.begin(200, [['content-type', 'text/event-stream']]);
    let written = 0;
    let drained = false;
    reply?.onDrain(() => { drained = true; });
    const event = (n: number): string => `data: {"n":${n},"x":"${'x'.repeat(60_000)}"}\n\n`;
    while (reply?.write(event(written++)) === true) await new Promise((resolve) => setImmediate(resolve));
    const stoppedAt = written;
    await sleep(0);
    expect(drained).toBe(false);
    socket.socket.resume();
    await eventually(() => drained);
    reply?.write(event(written++));
    await socket.message(stoppedAt);
    expect(socket.messages.map((text) => (JSON.parse(text) as { n: number }).n)).toEqual(Array.from({ length: written }, (_, n) => n));
  });
  it('is cut off at the bound also where it only pings', async () => {
    const rig = await start({ websocket: { buffered_bytes_max: 64 * 1024 } });
    const socket = await connect(rig);
    socket.socket.pause();
    const pings = Buffer.concat(Array.from({ length: 5000 }, () => frame('x'.repeat(125), { opcode: OPCODE.ping })));
    let sent = 0;
    const flood = (): void => {
      if (rig.front.report().webSockets > 0 && sent++ < 100) socket.socket.write(pings, () => setImmediate(flood));
    };
    flood();
    await eventually(() => rig.front.report().webSockets === 0);
    expect(sent).toBeLessThan(100);
  });
  it('is cut off at the bound, and what waits for it is told', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer, websocket: { buffered_bytes_max: 64 * 1024 } });
    const socket = await connect(rig);
    socket.socket.pause();
    const waiting: string[] = [];
    for (let id = 0; id < 100; id++) socket.send(ask(id));
    await eventually(() => replies.length === 100);
    replies[99]?.onAbort((cause) => void waiting.push(cause));
    for (const reply of replies.slice(0, 99)) reply.send(200, [], `{"jsonrpc":"2.0","id":1,"result":"${'x'.repeat(200_000)}"}`);
    expect(waiting).toEqual(['client']);
    socket.socket.resume();
    expect(await socket.closed).toEqual({ code: 1013, reason: 'gateway_overloaded' });
  });
});
