// Over the wire: what comes back on a stream of HTTP+SSE, and the session that it has.
import { describe, expect, it } from 'vitest';
import type { Reply } from '../../../src/front/types.js';
import { until } from '../../support/until.js';
import { answering, ask, held, start } from './carrier-rig.js';
import { connect } from './http-sse-rig.js';

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
