// Ids: their form, and that no byte of randomness is used twice.
import { describe, expect, it } from 'vitest';
import { createIds } from '../../../../src/base/ids/ids.js';

describe('ids', () => {
  it('are UUIDs of version 4 and variant 10', () => {
    const ids = createIds();
    for (let i = 0; i < 1000; i++) expect(ids.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('never repeat across refills of the pool', () => {
    const ids = createIds();
    const seen = new Set<string>();
    for (let i = 0; i < 5000; i++) seen.add(i % 2 === 0 ? ids.uuid() : ids.hex(8));
    expect(seen.size).toBe(5000);
  });

  it('refill before the pool would be read twice', () => {
    let fills = 0;
    const ids = createIds((pool) => void pool.fill(++fills));
    const drawn = Array.from({ length: 4096 / 24 + 1 }, () => ids.hex(24));
    expect([fills, drawn[0], drawn.at(-1)]).toEqual([2, '01'.repeat(24), '02'.repeat(24)]);
  });

  it('take every UUID from bytes of its own', () => {
    let [fills, bytes] = [0, 0];
    const ids = createIds((pool) => {
      fills++;
      for (let i = 0; i < pool.length; i++) pool[i] = (bytes = (bytes + 1) % 65_536) >> ((i % 2) * 8);
    });
    const drawn = new Set(Array.from({ length: 300 }, () => ids.uuid()));
    expect([fills, drawn.size]).toEqual([2, 300]);
    expect(createIds((pool) => void pool.fill(0xff)).uuid()).toBe('ffffffff-ffff-4fff-bfff-ffffffffffff');
    expect(createIds((pool) => void pool.fill(0)).uuid()).toBe('00000000-0000-4000-8000-000000000000');
  });

  it('give as many hex digits as asked for', () => {
    expect([createIds().hex(8).length, createIds().hex(24).length]).toEqual([16, 48]);
  });
});
