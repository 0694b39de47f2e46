// Over the wire: every way in which a stream of HTTP+SSE ends.
import { describe, expect, it } from 'vitest';
import { until } from '../../support/until.js';
import { answering, ask, held, start } from './carrier-rig.js';
import { connect } from './http-sse-rig.js';

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
