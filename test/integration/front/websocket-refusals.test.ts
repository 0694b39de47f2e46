// Over the wire: what of a WebSocket is refused before anybody reads it.
import { describe, expect, it } from 'vitest';
import type { Reply } from '../../../src/front/types.js';
import { until } from '../../support/until.js';
import { ask, held, resultOf, start } from './carrier-rig.js';
import { connect } from './websocket-rig.js';

describe('what is refused unread', () => {
  it('above the requests of one socket is answered under its id, and the others go on', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer, websocket: { requests_max: 2 } });
    const socket = await connect(rig);
    for (const id of [1, 2, 3]) socket.send(ask(id));
    await until(() => rig.seen.length === 3);
    expect(rig.seen.map(({ refused }) => refused)).toEqual(['', '', 'gateway_overloaded requests_per_socket']);
    expect(await socket.answer(3)).toMatchObject({ error: { message: 'gateway_overloaded' } });
    replies[0]?.send(200, [], resultOf(1));
    await socket.answer(1);
    socket.send(ask(4));
    await until(() => replies.length === 3);
    expect(rig.front.report().requests).toBe(2);
  });
  it('is no cancellation and no answer: those may be what the requests under way wait for', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer, websocket: { requests_max: 2 } });
    const socket = await connect(rig);
    for (const id of [1, 2]) socket.send(ask(id));
    socket.send('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}');
    socket.send(resultOf(1));
    socket.send('{"jsonrpc":"2.0","method":"notifications/x"}');
    await until(() => rig.seen.length === 5);
    expect(rig.seen.map(({ refused }) => refused)).toEqual(['', '', '', '', 'gateway_overloaded requests_per_socket']);
    expect(replies).toHaveLength(4);
  });
  it('with a body that has no room names why, and the one before gives back what it took', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer, front: { inflight_body_bytes_max: 64 * 1024, body_bytes_per_ip_max: 64 * 1024, body_bytes_max: 60 * 1024 } });
    const socket = await connect(rig);
    const large = (id: number): string => ask(id, 'ping', `,"params":{"x":"${'x'.repeat(40_000)}"}`);
    socket.send(large(1));
    await until(() => replies.length === 1);
    socket.send(large(2));
    await until(() => rig.seen.length === 2);
    expect(rig.seen[1]).toMatchObject({ refused: expect.stringMatching(/^gateway_overloaded (body_bytes_per_ip|inflight_body_bytes)$/) as string });
    expect(rig.front.report()).toMatchObject({ requests: 1, bodyBytes: large(1).length });
    replies[0]?.send(200, [], resultOf(1));
    await socket.answer(1);
    expect(rig.front.report()).toMatchObject({ requests: 0, bodyBytes: 0 });
    socket.send(large(3));
    await until(() => replies.length === 2);
    expect(rig.seen[2]?.refused).toBe('');
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
