// Memory that changes hands stays what it was, to its reader and to V8's account.
import { describe, expect, it } from 'vitest';
import { moveBuffer } from '../../../../src/base/native/external-memory.js';
import { loadAddon } from '../../../../src/base/native/load-addon.js';

const MIB = 1024 * 1024;
const addon = loadAddon<{ adjust(bytes: number): number }>('external_memory', 1);

describe('a buffer that is moved', () => {
  it('keeps its bytes, and leaves every view of before empty', () => {
    const before = new Uint8Array([1, 2, 3, 4]);
    const part = before.subarray(1, 3);
    const moved = moveBuffer(before.buffer);
    expect([...new Uint8Array(moved)]).toEqual([1, 2, 3, 4]);
    expect([before.length, part.length, before.buffer.byteLength]).toEqual([0, 0, 0]);
  });

  it.skipIf(addon === undefined)('costs the account nothing, however often', () => {
    const account = (): number => addon?.adjust(0) ?? NaN;
    let buffer = new ArrayBuffer(16 * MIB);
    const before = account();
    for (let time = 0; time < 50; time++) buffer = moveBuffer(buffer);
    expect(Math.abs(account() - before)).toBeLessThan(8 * MIB);
    expect(buffer.byteLength).toBe(16 * MIB);
  });

  it.skipIf(addon === undefined)('is accounted for in both directions', () => {
    const before = addon?.adjust(0) ?? NaN;
    expect((addon?.adjust(5 * MIB) ?? NaN) - before).toBe(5 * MIB);
    expect(addon?.adjust(-5 * MIB)).toBe(before);
  });
});
