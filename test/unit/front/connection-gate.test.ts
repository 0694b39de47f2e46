// How many connections may be open, and whose they are.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConnectionGate } from '../../../src/front/connection-gate.js';

const from = (lastByte: number) => ({ getRemoteAddress: () => Uint8Array.of(192, 0, 2, lastByte).buffer });

describe('the gate', () => {
  it('closes what is above the bound, and counts it', () => {
    const gate = new ConnectionGate(2);
    let closed = 0;
    // As uWebSockets.js does: the end of a connection is told while it is being closed.
    const response = { ...from(1), close: () => { closed++; gate.pass(response, -1); return undefined as never; } };
    for (let i = 0; i < 5; i++) gate.pass(response, 1);
    expect([gate.open, gate.refused, closed]).toEqual([2, 3, 3]);
    gate.pass(response, -1);
    gate.pass(response, 1);
    expect([gate.open, gate.refused]).toEqual([2, 3]);
  });

  it('knows of every request whose it is, whoever comes and goes', () => {
    const peers = fc.array(fc.record({ lastByte: fc.integer({ min: 1, max: 3 }), opens: fc.boolean() }), { maxLength: 60 });
    fc.assert(fc.property(peers, (steps) => {
      const gate = new ConnectionGate(4);
      const open: number[] = [];
      for (const { lastByte, opens } of steps) {
        const response = { ...from(lastByte), close: () => { open.pop(); gate.pass(response, -1); return undefined as never; } };
        if (opens) {
          open.push(lastByte);
          gate.pass(response, 1);
        } else if (open.shift() !== undefined) gate.pass(response, -1);
        expect(gate.open).toBe(open.length);
        for (const peer of open) expect(gate.addressOf(from(peer)).ip).toBe(`192.0.2.${peer}`);
      }
    }));
  });

  it('asks the kernel only while connections come from several addresses', () => {
    const gate = new ConnectionGate(9);
    let asked = 0;
    const response = (lastByte: number) => ({ getRemoteAddress: () => { asked++; return from(lastByte).getRemoteAddress(); }, close: () => undefined as never });
    const asks = (lastByte: number): number => {
      const before = asked;
      gate.addressOf(response(lastByte));
      return asked - before;
    };
    gate.pass(response(1), 1);
    gate.pass(response(1), 1);
    expect(asks(1)).toBe(0);
    gate.pass(response(2), 1);
    expect([asks(1), asks(2)]).toEqual([1, 1]);
    for (let i = 0; i < 3; i++) gate.pass(response(0), -1);
    gate.pass(response(2), 1);
    expect(asks(2)).toBe(0);
  });
});
