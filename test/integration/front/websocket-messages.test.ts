// Over the wire: what the frames of a WebSocket become, and which of them end it.
import { describe, expect, it } from 'vitest';
import { frame, OPCODE } from '../../support/raw-websocket.js';
import { until } from '../../support/until.js';
import { ask, held, messagesOf, resultOf, start } from './carrier-rig.js';
import { connect } from './websocket-rig.js';

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
    await until(() => replies.length === 50);
    for (let id = 49; id >= 0; id--) replies[id]?.send(200, [], resultOf(id));
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
    await until(() => rig.seen.length === 1);
    expect(rig.seen[0]).toMatchObject({ aborted: false, inbound: { bodyTooLarge: true, httpMethod: 'POST' } });
    await until(() => rig.front.report().requests === 0);
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
    await until(() => rig.seen.length === 1);
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
