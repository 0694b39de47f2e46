// Over the wire: the session of a WebSocket, which begins and ends with it.
import { describe, expect, it } from 'vitest';
import type { Reply } from '../../../src/front/types.js';
import { until } from '../../support/until.js';
import { answering, ask, connect, start } from './websocket-rig.js';
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
