// Over the wire: a client of HTTP+SSE that does not read.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { until } from '../../support/until.js';
import { ask, held, start } from './carrier-rig.js';
import { connect } from './http-sse-rig.js';

afterEach(() => {
  vi.useRealTimers();
});

describe('a client that does not read', () => {
  it('pauses its streams, and loses nothing', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer });
    const stream = await connect(rig);
    await stream.post(ask(1));
    await until(() => replies.length === 1);
    const [reply] = replies;
    stream.response.pause();
    reply?.begin(200, [['content-type', 'text/event-stream']]);
    let written = 0;
    let drained = false;
    reply?.onDrain(() => { drained = true; });
    const event = (n: number): string => `data: {"n":${n},"x":"${'x'.repeat(60_000)}"}\n\n`;
    while (reply?.write(event(written++)) === true) await new Promise((resolve) => setImmediate(resolve));
    // What is more than the client takes is kept, though it was asked to stop.
    for (let more = 0; more < 20; more++) reply?.write(event(written++));
    await sleep(0);
    expect(drained).toBe(false);
    stream.response.resume();
    await until(() => drained);
    await stream.message(written - 1);
    expect(stream.messages.map((text) => (JSON.parse(text) as { n: number }).n)).toEqual(Array.from({ length: written }, (_, n) => n));
  });
  it('is cut off at the bound, and what waits for it is told', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer, websocket: { buffered_bytes_max: 64 * 1024 } });
    const stream = await connect(rig);
    for (let id = 0; id < 100; id++) await stream.post(ask(id));
    stream.response.pause();
    await until(() => replies.length === 100);
    const waiting: string[] = [];
    replies[99]?.onAbort((cause) => void waiting.push(cause));
    for (const reply of replies.slice(0, 99)) reply.send(200, [], `{"jsonrpc":"2.0","id":1,"result":"${'x'.repeat(200_000)}"}`);
    expect([waiting, rig.front.report().sseStreams]).toEqual([['client'], 0]);
    stream.response.resume();
    expect(await stream.closed).toMatchObject({ whole: false });
  });
  it('of anything that waits is cut off in time, and one that has nothing to read is kept', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { replies, answer } = held();
    const rig = await start({ answer, websocket: { idle_timeout_s: 20 } });
    const [stuck, silent] = [await connect(rig), await connect(rig)];
    await stuck.post(ask(1));
    await until(() => replies.length === 1);
    stuck.response.pause();
    replies[0]?.send(200, [], `{"jsonrpc":"2.0","id":1,"result":"${'x'.repeat(12_000_000)}"}`);
    vi.advanceTimersByTime(16_000);
    expect(rig.front.report().sseStreams).toBe(2);
    vi.advanceTimersByTime(4_000);
    expect(rig.front.report().sseStreams).toBe(1);
    vi.advanceTimersByTime(4_000);
    stuck.response.resume();
    expect(await stuck.closed).toMatchObject({ whole: false });
    await until(() => silent.text().split(': keep-alive').length === 4);
    expect(silent.messages).toEqual([]);
  });
});
