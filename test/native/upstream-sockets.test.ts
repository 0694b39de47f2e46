// The addon that reads and writes the sockets to tool servers: what only it can get wrong. What a connection does is tested in test/unit/upstream.
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

interface Addon {
  open(readBuffer: unknown, events: unknown, listener: unknown): object;
  adopt(sockets: unknown, fd: unknown): number;
  send(sockets: unknown, bytes: unknown, sends: unknown, count: unknown): void;
  watch(sockets: unknown, slot: unknown, reads: unknown, writes: unknown): number;
  release(sockets: unknown, slot: unknown): void;
  close(sockets: unknown): void;
}
const addon = createRequire(import.meta.url)(path('../../native/build/upstream_sockets.node')) as Addon;
const opened = (): object => addon.open(Buffer.alloc(64 * 1024), new Int32Array(6), () => undefined);

describe('upstream_sockets.node', () => {
  it('survives threads that end while their connections are in use', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [path('threads-end.mjs'), '12']);
    expect(stdout).toBe('12 threads ended\n');
  });

  it('refuses what it is not made for, and goes on', () => {
    for (const given of [[Buffer.alloc(64 * 1024 - 1), new Int32Array(6), () => undefined], [Buffer.alloc(64 * 1024), new Int32Array(2), () => undefined], [Buffer.alloc(64 * 1024), new Int32Array(6), {}], []]) {
      expect(() => addon.open(given[0], given[1], given[2])).toThrow(TypeError);
    }
    const sockets = opened();
    expect(() => addon.adopt({}, 1)).toThrow(TypeError);
    expect(() => addon.adopt(sockets, -1)).toThrow(TypeError);
    expect(addon.adopt(sockets, 999_999)).toBeLessThan(0);
    expect(() => addon.send(sockets, Buffer.alloc(4), new Int32Array(4), 2)).toThrow(RangeError);
    expect(() => addon.send(sockets, Buffer.alloc(4), Int32Array.of(0, 0, 5, 0), 1)).toThrow(RangeError);
    expect(() => addon.send(sockets, Buffer.alloc(4), Int32Array.of(0, 3, 2, 0), 1)).toThrow(RangeError);
    addon.close(sockets);
  });

  it('answers for a slot that nobody holds, and after the end, with an error number', () => {
    const sockets = opened();
    const sends = Int32Array.of(7, 0, 4, 0);
    addon.send(sockets, Buffer.alloc(4), sends, 1);
    expect(sends[3]).toBeLessThan(0);
    expect(addon.watch(sockets, 7, true, false)).toBeLessThan(0);
    addon.release(sockets, 7);
    addon.close(sockets);
    addon.close(sockets);
    expect(addon.adopt(sockets, 0)).toBeLessThan(0);
  });
});
