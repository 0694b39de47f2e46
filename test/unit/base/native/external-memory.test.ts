// Memory that changes hands stays what it was, to its reader and to the engine's account.
import { describe, expect, it } from 'vitest';
import { moveBuffer } from '../../../../src/base/native/external-memory.js';

const MIB = 1024 * 1024;

describe('a buffer that is moved', () => {
  it('keeps its bytes, and leaves every view of before empty', () => {
    const before = new Uint8Array([1, 2, 3, 4]);
    const part = before.subarray(1, 3);
    const moved = moveBuffer(before.buffer);
    expect([...new Uint8Array(moved)]).toEqual([1, 2, 3, 4]);
    expect([before.length, part.length, before.buffer.byteLength]).toEqual([0, 0, 0]);
  });

  it('costs the account of external memory nothing, however often', () => {
    let buffer = new ArrayBuffer(16 * MIB);
    const before = process.memoryUsage().external;
    for (let time = 0; time < 50; time++) buffer = moveBuffer(buffer);
    expect(Math.abs(process.memoryUsage().external - before)).toBeLessThan(8 * MIB);
    expect(buffer.byteLength).toBe(16 * MIB);
  });
});
