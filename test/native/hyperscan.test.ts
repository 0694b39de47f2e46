// The Hyperscan addon itself: wrong arguments, closed handles, damaged bytes, threads that end in the middle of a scan.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import type { HyperscanAddon } from '../../src/base/matcher/hyperscan-binding.js';

const ADDON = fileURLToPath(new URL('../../native/build/hyperscan.node', import.meta.url));
const GUARD = fileURLToPath(new URL('../../native/build/json_guard.node', import.meta.url));
const SINGLEMATCH = 8;
const flagsOf = (count: number): Uint32Array => new Uint32Array(count).fill(SINGLEMATCH);

type Loose = Record<'compile' | 'scan' | 'serialize' | 'deserialize' | 'close', (...args: unknown[]) => unknown>;

describe.skipIf(!existsSync(ADDON))('the Hyperscan addon', () => {
  const addon = (existsSync(ADDON) ? createRequire(import.meta.url)(ADDON) : {}) as HyperscanAddon;
  const loose = addon as unknown as Loose;
  const bytes = Buffer.from('xxabcxx');
  const out = new Uint32Array(8);

  it('finds each pattern once', () => {
    const database = addon.compile(['abc', 'x', 'zzz'], flagsOf(3));
    expect(addon.scan(database, bytes, out)).toBe(2);
    expect([...out.subarray(0, 2)].sort()).toEqual([0, 1]);
  });

  it('says when out is too short instead of leaving hits out', () => {
    const database = addon.compile(['abc', 'x'], flagsOf(2));
    expect(addon.scan(database, bytes, new Uint32Array(1))).toBe(-1);
    expect(addon.scan(database, bytes, new Uint32Array(0))).toBe(-1);
    expect(addon.scan(database, Buffer.from('-'), new Uint32Array(0))).toBe(0);
  });

  it('refuses wrong arguments to every verb', () => {
    const database = addon.compile(['abc'], flagsOf(1));
    const stranger = existsSync(GUARD) ? createRequire(import.meta.url)(GUARD) as object : {};
    // Not an object that inherits from a database: V8 of Node 24 crashes on Object.create of any external, before an addon is asked.
    for (const wrong of [undefined, null, 1, 'x', {}, [], stranger, bytes, () => database]) {
      expect(() => loose.scan(wrong, bytes, out)).toThrow(TypeError);
      expect(() => loose.serialize(wrong)).toThrow(TypeError);
      expect(() => loose.close(wrong)).toThrow(TypeError);
    }
    for (const wrong of [undefined, null, 'xxabcxx', bytes.buffer, new Uint16Array(4), new DataView(bytes.buffer)]) {
      expect(() => loose.scan(database, wrong, out)).toThrow(TypeError);
      expect(() => loose.deserialize(wrong)).toThrow(TypeError);
    }
    for (const wrong of [undefined, null, [], new Int32Array(4), bytes]) expect(() => loose.scan(database, bytes, wrong)).toThrow(TypeError);
    expect(() => loose.scan(database, bytes)).toThrow(TypeError);
    expect(() => loose.compile('abc', flagsOf(1))).toThrow(TypeError);
    expect(() => loose.compile([1], flagsOf(1))).toThrow(TypeError);
    expect(() => loose.compile(['abc'], [8])).toThrow(TypeError);
    expect(() => loose.compile(['a\0bc'], flagsOf(1))).toThrow(TypeError);
    expect(() => loose.compile(['abc'], flagsOf(2))).toThrow(RangeError);
    expect(() => loose.compile([], flagsOf(0))).toThrow(RangeError);
    expect(() => loose.compile({ length: 1, 0: 'a' }, flagsOf(1))).toThrow(TypeError);
  });

  it('names the pattern it refuses', () => {
    expect(() => addon.compile(['abc', 'a**'], flagsOf(2))).toThrow(expect.objectContaining({ code: 'ERR_PATTERN', index: 1 }));
  });

  it('throws on a closed database and takes a second close', () => {
    const database = addon.compile(['abc'], flagsOf(1));
    addon.close(database);
    addon.close(database);
    expect(() => addon.scan(database, bytes, out)).toThrow(expect.objectContaining({ code: 'ERR_DATABASE_CLOSED' }));
    expect(() => addon.serialize(database)).toThrow(expect.objectContaining({ code: 'ERR_DATABASE_CLOSED' }));
  });

  it('reads detached buffers as empty', () => {
    const database = addon.compile(['abc'], flagsOf(1));
    const lost = Uint8Array.from(bytes);
    const lostOut = new Uint32Array(8);
    structuredClone([lost, lostOut], { transfer: [lost.buffer, lostOut.buffer] });
    expect(addon.scan(database, lost, out)).toBe(0);
    expect(addon.scan(database, bytes, lostOut)).toBe(-1);
    expect(() => addon.deserialize(lost)).toThrow(RangeError);
  });

  it('survives a getter that detaches the flags while the patterns are read', () => {
    const flags = flagsOf(2);
    const sources = Object.defineProperty(['abc', 'x'], 1, { get: () => { structuredClone(flags, { transfer: [flags.buffer as ArrayBuffer] }); return 'x'; } });
    expect(() => addon.compile(sources, flags)).toThrow(RangeError);
  });

  it('refuses a serialized database with any damage it can be shown', () => {
    const serialized = addon.serialize(addon.compile(['abc', 'x[0-9]{3}'], flagsOf(2)));
    expect(addon.scan(addon.deserialize(serialized), bytes, out)).toBe(1);
    for (const damaged of [serialized.subarray(0, 10), serialized.subarray(1), Buffer.alloc(serialized.length), serialized.subarray(0, -1), Buffer.concat([serialized, Buffer.alloc(8)])]) {
      expect(() => addon.deserialize(damaged)).toThrow();
    }
    // Not the reserved words of the header and the padding at the end, which Hyperscan does not read.
    for (let at = 32; at < serialized.length - 72; at += Math.ceil(serialized.length / 50)) {
      const damaged = Buffer.from(serialized);
      damaged[at] = (damaged[at] ?? 0) ^ 0xff;
      expect(() => addon.deserialize(damaged)).toThrow();
    }
  });

  it('shares a database with threads that are ended in the middle of a scan', async () => {
    const serialized = addon.serialize(addon.compile(['abc', '[a-z]{3}[0-9]{3}'], flagsOf(2)));
    const shared = new SharedArrayBuffer(serialized.length);
    new Uint8Array(shared).set(serialized);
    const code = `const { workerData, parentPort } = require('node:worker_threads'); const addon = require(workerData.file);
      const database = addon.deserialize(new Uint8Array(workerData.shared)); const text = Buffer.alloc(1 << 20, 'abx'); const out = new Uint32Array(4);
      parentPort.postMessage(addon.scan(database, Buffer.from('--abc123'), out)); for (;;) addon.scan(database, text, out);`;
    for (let round = 0; round < 3; round += 1) {
      const workers = [0, 1, 2].map(() => new Worker(code, { eval: true, workerData: { file: ADDON, shared } }));
      const counts = await Promise.all(workers.map((worker) => new Promise((resolve, reject) => { worker.once('message', resolve).once('error', reject); })));
      expect(counts).toEqual([2, 2, 2]);
      await Promise.all(workers.map((worker) => worker.terminate()));
    }
  });
});
