// Spans on their way to a collector that is there, and never done.
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SpanExport } from '../../../../src/base/telemetry/span-export.js';

const SPAN = {
  traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', parentSpanId: undefined, parentIsRemote: false, name: 'tools/call echo', kind: 'server', startUs: 1, endUs: 2, error: undefined, attributes: {},
} as const;

beforeEach(() => { vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }); });
afterEach(() => { vi.useRealTimers(); });

it('a collector whose answer goes on and on has failed after ten seconds, and is said to', async () => {
  const sockets: Socket[] = [];
  const collector = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\nx'));
  });
  await new Promise<void>((done) => collector.listen(0, '127.0.0.1', done));
  const told: (string | undefined)[] = [];
  const spans = new SpanExport({ url: `http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/traces`, serviceName: 's', version: '1', onHealth: (because) => told.push(because) });
  spans.take([SPAN, SPAN]);
  await vi.advanceTimersByTimeAsync(1_000);
  while (sockets.length === 0) await turn();
  expect(spans.report()).toEqual({ exported: 0, failed: 0, dropped: 0, because: undefined });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(spans.report()).toMatchObject({ exported: 0, failed: 2, dropped: 0 });
  expect(told).toEqual(['no whole answer within 10000 ms']);
  for (const socket of sockets) socket.destroy();
  collector.close();
  await turn();
  expect([spans.report().failed, told.length]).toEqual([2, 1]); // counted once
});
