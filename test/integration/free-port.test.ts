// A free port stays free until its server listens: no outgoing connection is given it, and nobody else who asks.
import { randomInt } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { freePort, serverPorts } from '../support/free-port.js';

describe('a free port', () => {
  it.each([
    ['as Linux has it', '32768\t60999\n', [10_000, 32_768]],
    ['moved by an administrator', '20000\t65000\n', [10_000, 20_000]],
    ['nearly all ports', '1024\t65535\n', [10_000, 65_536]],
    ['unknown', undefined, [10_000, 32_768]],
  ])('is before those of outgoing connections: %s', (_what, range, ports) => {
    expect(serverPorts(range)).toEqual(ports);
  });

  it('is none that somebody listens on, and none that was handed out', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    const beginningWith = (...draws: number[]) => (from: number, below: number): number => draws.shift() ?? randomInt(from, below);
    const first = await freePort(beginningWith(port));
    const second = await freePort(beginningWith(port, first));
    await new Promise((resolve) => taken.close(resolve));
    expect(new Set([port, first, second]).size).toBe(3);
  });
});
