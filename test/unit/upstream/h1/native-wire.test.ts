// The order of a connection's bytes, where one write does not take them all.
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createNativeWiring } from '../../../../src/upstream/h1/native-wire.js';
import type { Wire, Wiring } from '../../../../src/upstream/h1/wire.js';
import { until } from '../../../support/until.js';

const MIB = 1024 * 1024;
const isBuilt = createNativeWiring() !== undefined;

describe.skipIf(!isBuilt)('native sockets', () => {
  let server: Server;
  let sockets: Socket[];
  let own: Wiring;
  let failed: (() => void) | undefined;

  beforeEach(async () => {
    sockets = [];
    failed = undefined;
    const made = createNativeWiring();
    if (made === undefined) throw new Error('the addon was there a moment ago');
    own = made;
    server = createServer((socket) => sockets.push(socket.pause().on('error', () => undefined)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    own.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  /** A standing connection, and the server's side of it, which reads nothing yet. */
  async function connection(): Promise<{ readonly wire: Wire; readonly far: Socket }> {
    const { port } = server.address() as { port: number };
    let stands = false;
    const wire = own.connect('127.0.0.1', port, { stands: () => { stands = true; }, heard: () => undefined, ended: () => undefined, failed: () => failed?.() });
    const count = sockets.length + 1;
    await until(() => stands && sockets.length === count);
    const far = sockets.at(-1);
    if (far === undefined) throw new Error('no socket');
    return { wire, far };
  }

  async function received(far: Socket, bytes: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let length = 0;
    far.on('data', (part: Buffer) => {
      parts.push(part);
      length += part.length;
    });
    far.resume();
    await until(() => length >= bytes);
    return Buffer.concat(parts);
  }

  /** As `2a 1b`: how often each letter stands there in a row. */
  function runsOf(bytes: Buffer): string {
    const runs: string[] = [];
    for (let from = 0; from < bytes.length; ) {
      let to = from + 1;
      while (bytes[to] === bytes[from]) to++;
      runs.push(`${to - from}${String.fromCharCode(bytes[from] ?? 0)}`);
      from = to;
    }
    return runs.join(' ');
  }

  it('take no bytes of a connection that has some before another\'s in the same write', async () => {
    const [a, b] = [await connection(), await connection()];
    const bytes = Buffer.from('aabb');
    expect([own.outbox.add(a.wire, 0, 1), own.outbox.add(a.wire, 1, 2), own.outbox.add(b.wire, 2, 3), own.outbox.add(a.wire, 3, 4)]).toEqual([true, true, true, false]);
    own.outbox.send(bytes);
    expect(own.outbox.add(a.wire, 3, 4)).toBe(true);
    own.outbox.send(bytes);
    expect([runsOf(await received(a.far, 3)), runsOf(await received(b.far, 1))]).toEqual(['2a 1b', '1b']);
  });

  it('write behind what is not written yet, a part at a time', async () => {
    const { wire, far } = await connection();
    for (const [letter, bytes] of [['a', 20 * MIB], ['b', 10], ['c', 3 * MIB]] as const) wire.write(Buffer.alloc(bytes, letter));
    expect(wire.behind).toBe(true);
    expect(runsOf(await received(far, 23 * MIB + 10))).toBe(`${20 * MIB}a 10b ${3 * MIB}c`);
  });

  it('keep what a write left before anybody hears of another connection that broke', async () => {
    const [broken, slow] = [await connection(), await connection()];
    const bytes = Buffer.concat([Buffer.alloc(1, 'x'), Buffer.alloc(20 * MIB, 'a')]);
    failed = () => slow.wire.write(Buffer.from('b'));
    broken.far.resetAndDestroy();
    const endMs = Date.now() + 50; // the reset is with the kernel, and must not be with this thread before it writes
    while (Date.now() < endMs);
    own.outbox.add(broken.wire, 0, 1);
    own.outbox.add(slow.wire, 1, bytes.length);
    own.outbox.send(bytes);
    expect(slow.wire.behind).toBe(true);
    expect(runsOf(await received(slow.far, 20 * MIB + 1))).toBe(`${20 * MIB}a 1b`);
  });
});
