// A client that does not read: what waits for it is bounded, and nothing of it is lost.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { GatewayLink } from '../../../../src/cli/bridge/gateway-link.js';
import { Output } from '../../../../src/cli/bridge/output.js';
import { until } from '../../../support/until.js';

const MIB = 1024 * 1024;
const EVENTS = 64;

it('is brought no more than the bound and one event, until it reads', async () => {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (let n = 0; n < EVENTS; n += 1) response.write(`data: "${'x'.repeat(MIB)}"\n\n`);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  let [waiting, most, lines] = [0, 0, 0];
  let drained: (() => void) | undefined;
  const sink = {
    get writableLength() { return waiting; },
    write: (bytes: Buffer) => {
      lines += 1;
      waiting += bytes.length;
      most = Math.max(most, waiting);
      return false;
    },
    once: (_event: 'drain', listener: () => void) => { drained = listener; },
  };
  const output = new Output(sink);
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const link = new GatewayLink({ find: () => Promise.resolve({ url, evidence: { path: '/', headers: {}, tls: undefined } }), gatewayId: undefined, reader: output });
  let over = false;
  const done = link.exchange({ method: 'GET', headers: {}, body: undefined, signal: new AbortController().signal, timeoutMs: 0, onMessage: (bytes) => output.write(bytes) }).finally(() => { over = true; });
  for (;;) {
    await until(() => drained !== undefined || over);
    if (over) break;
    const read = drained;
    [drained, waiting] = [undefined, 0];
    read?.();
  }
  await done;
  expect(lines).toBe(EVENTS);
  expect(most).toBeGreaterThan(8 * MIB);
  expect(most).toBeLessThan(11 * MIB);
  link.close();
  server.close();
});
