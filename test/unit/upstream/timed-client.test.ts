// Time-outs beside whoever waits: of the first byte, and of silence within the answer; on a clock of the test's own.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { withTimeouts } from '../../../src/upstream/timed-client.js';
import type { UpstreamFault, UpstreamSink } from '../../../src/upstream/types.js';

beforeEach(() => { vi.useFakeTimers(); });
afterEach(() => { vi.useRealTimers(); });

function start() {
  let inner: UpstreamSink | undefined;
  const told: string[] = [];
  const heard: (string | UpstreamFault)[] = [];
  const client = withTimeouts({
    send: (_request, sink) => {
      inner = sink;
      return { abort: () => void told.push('abort'), pause: () => void told.push('pause'), resume: () => void told.push('resume') };
    },
    close: () => Promise.resolve(),
  }, () => Date.now());
  const call = client.send({ url: 'stdio:x', httpMethod: 'POST', headers: {}, body: undefined, answerTimeoutMs: 100, idleTimeoutMs: 1000 }, {
    onHead: () => void heard.push('head'), onData: () => void heard.push('data'), onEnd: () => void heard.push('end'), onFault: (fault) => void heard.push(fault.kind),
  });
  if (inner === undefined) throw new Error('nothing was sent');
  return { call, inner, told, heard, load: () => client.report() };
}

describe('a call', () => {
  it('without a first byte in time is given up', () => {
    const { told, heard, inner } = start();
    vi.advanceTimersByTime(99);
    expect(heard).toEqual([]);
    vi.advanceTimersByTime(1);
    expect([told, heard]).toEqual([['abort'], ['timeout']]);
    inner.onEnd();
    inner.onFault({ kind: 'transport', maybeSent: true, message: '' });
    expect(heard).toEqual(['timeout']);
  });

  it('may be silent within its answer for the longer time, counted from the last byte', () => {
    const { told, heard, inner } = start();
    inner.onHead(200, {});
    vi.advanceTimersByTime(900);
    inner.onData(new Uint8Array(1));
    vi.advanceTimersByTime(900);
    expect(heard).toEqual(['head', 'data']);
    vi.advanceTimersByTime(100);
    expect([told, heard.at(-1)]).toEqual([['abort'], 'timeout']);
  });

  it('whose client is slow is not silent', () => {
    const { call, heard, inner } = start();
    inner.onHead(200, {});
    call.pause();
    vi.advanceTimersByTime(10_000);
    call.resume();
    vi.advanceTimersByTime(999);
    expect(heard).toEqual(['head']);
    inner.onEnd();
    vi.advanceTimersByTime(10_000);
    expect(heard).toEqual(['head', 'end']);
  });

  it('that was given up has no time-out', () => {
    const { call, told, heard, load } = start();
    expect(load()).toEqual([{ url: 'stdio:x', requests: 1, underWay: 1, connections: 0 }]);
    call.abort();
    expect(load()).toEqual([{ url: 'stdio:x', requests: 1, underWay: 0, connections: 0 }]);
    vi.advanceTimersByTime(10_000);
    expect([told, heard]).toEqual([['abort'], []]);
  });
});
