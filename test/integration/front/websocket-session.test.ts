// Over the wire: the session of a WebSocket, which begins and ends with it.
import { describe, expect, it } from 'vitest';
import type { Reply } from '../../../src/front/types.js';
import { until } from '../../support/until.js';
import { answering, ask, held, start } from './carrier-rig.js';
import { connect } from './websocket-rig.js';
import { type Answer } from './wire.js';

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
  it.each([[404, 'session_not_found'], [401, 'auth_invalid_identity']])('whose stream is refused with %i takes its socket along', async (status, reason) => {
    const opening = session([], []);
    const rig = await start({ answer: (inbound, reply) => (inbound.httpMethod === 'GET' ? reply.send(status, [], 'no') : opening(inbound, reply)) });
    const socket = await connect(rig);
    for (const id of [1, 2]) socket.send(ask(id));
    expect(await socket.closed).toEqual({ code: 1008, reason });
    expect(socket.messages).toHaveLength(2);
  });
  it('asks for its stream again a second after it was refused for now, and goes on meanwhile', async () => {
    let nowUs = 5_000_000;
    const opening = session([], []);
    // A clock that jumps looks like a thread that is late.
    const rig = await start({ nowUs: () => nowUs, front: { shed_after_ms: 0 }, answer: (inbound, reply) => (inbound.httpMethod === 'GET' ? reply.send(429, [], 'later') : opening(inbound, reply)) });
    const socket = await connect(rig);
    const asked = async (id: number): Promise<number> => {
      socket.send(ask(id));
      await socket.answer(id);
      return rig.seen.filter(({ inbound }) => inbound.httpMethod === 'GET').length;
    };
    expect([await asked(1), await asked(2), await asked(3)]).toEqual([0, 1, 1]);
    nowUs += 999_999;
    expect(await asked(4)).toBe(1);
    nowUs += 1;
    expect(await asked(5)).toBe(2);
    expect(socket.messages).toHaveLength(5);
  });
  it('that is opened for a socket that is gone ends at once', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer });
    const socket = await connect(rig);
    socket.send(ask(1));
    await until(() => replies.length === 1);
    socket.socket.destroy();
    await until(() => rig.front.report().webSockets === 0);
    let ended = 0;
    replies[0]?.carrier?.openSession('00abcd', '2025-06-18', () => void ended++);
    expect([ended, replies[0]?.carrier?.hasSession]).toEqual([1, false]);
  });
  it('ends with its socket', async () => {
    const [streams, ended] = [[], []] as [Reply[], string[]];
    const rig = await start({ answer: session(streams, ended) });
    const socket = await connect(rig);
    for (const id of [1, 2]) socket.send(ask(id));
    await socket.answer(2);
    socket.socket.destroy();
    await until(() => ended.length === 2);
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
