// Over the wire: every way in which a WebSocket ends.
import { describe, expect, it } from 'vitest';
import { OPCODE } from '../../support/raw-websocket.js';
import { until } from '../../support/until.js';
import { answering, ask, held, resultOf, start } from './carrier-rig.js';
import { connect } from './websocket-rig.js';

describe('the end', () => {
  it('by the client leaves no request unheard: each is told that it is gone', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer });
    const socket = await connect(rig);
    const told: string[] = [];
    for (const id of [1, 2]) socket.send(ask(id));
    await until(() => replies.length === 2);
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
    await until(() => replies.length === 1);
    const drained = rig.front.drain(60_000);
    expect(await idle.closed).toEqual({ code: 1001, reason: 'shutdown' });
    busy.send(ask(2));
    await until(() => rig.seen.length === 2);
    expect(rig.seen[1]?.refused).toBe('gateway_fault connection_closing');
    expect(await busy.answer(2)).toMatchObject({ error: { message: 'gateway_fault' } });
    replies[0]?.send(200, [], resultOf(1));
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
    await until(() => replies.length === 1);
    rig.front.lose('gateway');
    expect(await socket.closed).toMatchObject({ code: 1001 });
    expect(await socket.answer(1)).toMatchObject({ error: { message: 'gateway' } });
  });
  it('by a thread that is ending has calls answered that outlast the stream of their session', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer: (inbound, reply) => {
      if (inbound.httpMethod === 'GET') {
        reply.onAbort(() => reply.destroy());
        return reply.begin(200, [['content-type', 'text/event-stream']]);
      }
      if (reply.carrier?.hasSession !== false) return answer(inbound, reply);
      reply.carrier.openSession('00abcd', '2025-06-18', () => undefined);
      answering(inbound, reply);
    } });
    const socket = await connect(rig);
    socket.send(ask(1));
    await socket.answer(1);
    for (const id of [2, 3]) socket.send(ask(id));
    await until(() => rig.seen.length === 4);
    rig.front.lose('gateway');
    for (const [at, reply] of replies.entries()) reply.send(500, [], `{"jsonrpc":"2.0","id":${at + 2},"error":{"code":500,"message":"x"}}`);
    expect((await socket.closed).code).toBe(1001);
    for (const id of [2, 3]) expect(await socket.answer(id)).toMatchObject({ error: { code: 500 } });
  });
  it.each(['gateway', 'shutdown'] as const)('that cuts an answer which streams (%s) has the others answered first', async (cause) => {
    const { replies, answer } = held();
    const rig = await start({ answer: (inbound, reply) => {
      answer(inbound, reply);
      if (replies.length > 1) return;
      reply.onAbort(() => reply.destroy());
      reply.begin(200, [['content-type', 'text/event-stream']]);
    } });
    const socket = await connect(rig);
    for (const id of [1, 2, 3]) socket.send(ask(id));
    await until(() => replies.length === 3);
    rig.front.lose(cause);
    for (const id of [2, 3]) replies[id - 1]?.send(500, [], `{"jsonrpc":"2.0","id":${id},"error":{"code":500,"message":"x"}}`);
    expect(await socket.closed).toEqual({ code: 1011, reason: 'gateway_fault' });
    expect(socket.messages.map((text) => (JSON.parse(text) as { id: number }).id)).toEqual([2, 3]);
  });
  it('of what the gateway itself failed on is 1011', async () => {
    const rig = await start({ answer: () => { throw new Error('a fault'); } });
    const socket = await connect(rig);
    socket.send(ask(1));
    expect(await socket.closed).toEqual({ code: 1011, reason: 'gateway_fault' });
    expect([rig.faults.length, rig.front.report().requests]).toEqual([1, 0]);
  });
  it('by the client says nothing of what the gateway could not read, whatever its reason is', async () => {
    const rig = await start();
    const socket = await connect(rig);
    for (const id of [1, 2]) socket.send(ask(id));
    await socket.answer(2);
    socket.send(Buffer.concat([Buffer.from([0x03, 0xe8]), Buffer.from('Received too big message')]), { opcode: OPCODE.close });
    await socket.closed;
    await until(() => rig.front.report().webSockets === 0);
    expect(rig.seen).toHaveLength(2);
  });
  it('of an answer that ends its connection is 1011', async () => {
    const rig = await start({ answer: (_inbound, reply) => reply.send(500, [], '{"jsonrpc":"2.0","id":1,"error":{"code":500,"message":"x"}}', true) });
    const socket = await connect(rig);
    socket.send(ask(1));
    expect(await socket.closed).toEqual({ code: 1011, reason: 'gateway_fault' });
    expect(await socket.answer(1)).toMatchObject({ error: { code: 500 } });
  });
  it('that waits for what is under way lets nobody in who has not proven who it is', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer });
    const socket = await connect(rig);
    for (const id of [1, 2]) socket.send(ask(id));
    await until(() => replies.length === 2);
    replies[1]?.send(401, [], '{"jsonrpc":"2.0","id":2,"error":{"code":401,"message":"x"}}');
    await socket.answer(2);
    socket.send(ask(3));
    await until(() => rig.seen.length === 3);
    expect([rig.seen[2]?.refused, replies.length]).toEqual(['gateway_fault connection_closing', 2]);
    replies[0]?.send(200, [], resultOf(1));
    expect(await socket.closed).toEqual({ code: 1008, reason: 'auth_invalid_identity' });
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
