// What a tool server says at once on a stream that stays open is read in turns: in order, with its end last, and with room for other calls in between.
import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Exchange } from '../../../src/chain/exchange.js';
import { LongStream, type StreamEnd } from '../../../src/terminals/long-stream.js';
import type { TerminalServices } from '../../../src/terminals/services.js';
import type { UpstreamSink, UpstreamRequest } from '../../../src/upstream/types.js';
import { until } from '../../support/until.js';

const REQUEST = { url: 'http://127.0.0.1:9/mcp', httpMethod: 'GET', body: undefined, headers: {}, answerTimeoutMs: 1000, idleTimeoutMs: 1000 } as const satisfies Partial<UpstreamRequest>;
const COUNT = 20_000;
const flood = Buffer.from(Array.from({ length: COUNT }, (_, at) => `data: ${at}\n\n`).join(''));

interface Server {
  readonly handlers: UpstreamSink;
  paused: boolean;
  aborted: boolean;
}

let servers: Server[];
let stream: LongStream;
let heard: string[];
let ends: StreamEnd[];
let faults: unknown[];

beforeEach(() => {
  [servers, heard, ends, faults] = [[], [], [], []];
  const exchange = {
    ctx: { snapshot: { config: { upstream: { answer_bytes_max: 1000 } } } }, reply: { aborted: false, onDrain: () => undefined }, write: () => true, endStream: () => undefined, cut: () => undefined,
    guard: (step: () => void) => {
      try {
        step();
      } catch (fault) {
        faults.push(fault);
      }
    },
  } as unknown as Exchange;
  const send = (_request: UpstreamRequest, handlers: UpstreamSink) => {
    const server: Server = { handlers, paused: false, aborted: false };
    servers.push(server);
    return { abort: () => { server.aborted = true; }, pause: () => { server.paused = true; }, resume: () => { server.paused = false; } };
  };
  stream = new LongStream(exchange, { every: () => () => undefined, openStreams: new Set(), client: { send } } as unknown as TerminalServices);
});

function follow(): { readonly server: Server; readonly leave: () => void } {
  const leave = stream.follow(REQUEST, (event) => {
    heard.push(String(event.data));
    return Promise.resolve();
  }, (end) => {
    ends.push(end);
    heard.push('end');
  });
  const server = servers.at(-1);
  if (server === undefined) throw new Error('nothing was asked');
  server.handlers.onHead(200, { 'content-type': 'text/event-stream' });
  return { server, leave };
}

describe('a server that says much at once', () => {
  it('is read in turns, no further meanwhile, and its end comes last', async () => {
    const { server } = follow();
    server.handlers.onData(flood);
    expect(server.paused).toBe(true);
    server.handlers.onEnd();
    let most = 0;
    while (ends.length === 0) {
      const before = heard.length;
      await turn();
      most = Math.max(most, heard.length - before);
    }
    expect(heard).toEqual([...Array.from({ length: COUNT }, (_, at) => String(at)), 'end']);
    expect(ends).toEqual([{ began: true, status: 200 }]);
    expect(most).toBeLessThan(1000);
    await turn();
    expect([server.paused, faults]).toEqual([true, []]); // of a call that is over nobody reads on
  });

  it('is read on once all was heard', async () => {
    const { server } = follow();
    server.handlers.onData(flood);
    await until(() => heard.length === COUNT);
    await turn();
    expect(server.paused).toBe(false);
    server.handlers.onData(Buffer.from('data: later\n\n'));
    await until(() => heard.at(-1) === 'later');
  });

  it('does not keep the others waiting when it is left', async () => {
    const [one, other] = [follow(), follow()];
    one.server.handlers.onData(flood);
    expect(other.server.paused).toBe(true);
    await turn();
    one.leave();
    other.server.handlers.onData(Buffer.from('data: other\n\n'));
    await until(() => heard.at(-1) === 'other');
    await turn();
    expect([one.server.aborted, other.server.paused, heard.length < COUNT]).toEqual([true, false, true]);
    expect(ends).toEqual([]);
  });

  it('is left at an event that is too large, once', async () => {
    const { server } = follow();
    server.handlers.onData(Buffer.concat([flood, Buffer.from(`data: ${'x'.repeat(2000)}\n\ndata: never\n\n`)]));
    await until(() => ends.length > 0);
    for (let i = 0; i < 10; i++) await turn();
    expect([server.aborted, heard.length, heard.at(-1), ends.length]).toEqual([true, COUNT + 1, 'end', 1]);
  });

  it('says no more to a stream that is over', async () => {
    const { server } = follow();
    server.handlers.onData(flood);
    await turn();
    stream.end();
    const before = heard.length;
    for (let i = 0; i < 10; i++) await turn();
    expect([heard.length, server.aborted, ends, faults]).toEqual([before, true, [], []]);
  });
});
