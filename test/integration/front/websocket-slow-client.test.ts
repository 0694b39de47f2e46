// Over the wire: a client of a WebSocket that does not read.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { frame, OPCODE } from '../../support/raw-websocket.js';
import { until } from '../../support/until.js';
import { ask, held, start } from './carrier-rig.js';
import { connect } from './websocket-rig.js';

describe('a client that does not read', () => {
  it('pauses its streams, and loses nothing', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer });
    const socket = await connect(rig);
    socket.send(ask(1));
    await until(() => replies.length === 1);
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
    await until(() => drained);
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
    await until(() => rig.front.report().webSockets === 0);
    expect(sent).toBeLessThan(100);
  });
  it('is cut off at the bound, and what waits for it is told', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer, websocket: { buffered_bytes_max: 64 * 1024 } });
    const socket = await connect(rig);
    socket.socket.pause();
    const waiting: string[] = [];
    for (let id = 0; id < 100; id++) socket.send(ask(id));
    await until(() => replies.length === 100);
    replies[99]?.onAbort((cause) => void waiting.push(cause));
    for (const reply of replies.slice(0, 99)) reply.send(200, [], `{"jsonrpc":"2.0","id":1,"result":"${'x'.repeat(200_000)}"}`);
    expect(waiting).toEqual(['client']);
    socket.socket.resume();
    expect(await socket.closed).toEqual({ code: 1006, reason: '' }); // a close frame would wait behind what is not taken
  });
});
