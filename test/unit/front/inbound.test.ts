// A body's memory goes to others only when whoever was lent it is through with it.
import { describe, expect, it } from 'vitest';
import { BodyMemory, LARGE_BODY_BYTES } from '../../../src/front/body-memory.js';
import { HeaderIntake } from '../../../src/front/inbound-headers.js';
import { InboundMessage } from '../../../src/front/inbound.js';
import { LOOPBACK } from '../../support/inbound-reply.js';

function message(bytes: number, borrowed: boolean): { readonly inbound: InboundMessage; readonly memory: BodyMemory } {
  const inbound = new InboundMessage('POST', '/', LOOPBACK, new HeaderIntake(), 0);
  const memory = new BodyMemory();
  inbound.setBody(memory.take(bytes).fill('a'), borrowed, memory);
  return { inbound, memory };
}

describe('a large body', () => {
  it.each([
    ['that was sent and let go of', 1, 1, true], ['that was sent twice and let go of twice', 2, 2, true], ['that was never sent', 0, 0, false],
    ['that somebody may still be reading', 1, 0, false], ['that one of two may still be reading', 2, 1, false],
  ])('%s', (_which, lent, returned, isFree) => {
    const { inbound, memory } = message(LARGE_BODY_BYTES, false);
    for (let time = 0; time < lent; time++) inbound.lendBody();
    for (let time = 0; time < returned; time++) inbound.bodyReturned();
    inbound.spend();
    expect([memory.keptBytes, inbound.body.length]).toEqual(isFree ? [LARGE_BODY_BYTES, 0] : [0, LARGE_BODY_BYTES]);
    inbound.spend();
    expect(memory.keptBytes).toBe(isFree ? LARGE_BODY_BYTES : 0);
  });

  it('that was borrowed is nobody\'s to give, but its copy is', () => {
    const { inbound, memory } = message(LARGE_BODY_BYTES, true);
    const borrowed = inbound.body;
    inbound.lendBody();
    inbound.bodyReturned();
    inbound.spend();
    expect(memory.keptBytes).toBe(0);
    inbound.retain();
    inbound.spend();
    expect([memory.keptBytes, inbound.body.length, borrowed.length]).toEqual([LARGE_BODY_BYTES, 0, LARGE_BODY_BYTES]);
  });

  it('is not one below 16 KiB', () => {
    const { inbound, memory } = message(LARGE_BODY_BYTES - 1, false);
    inbound.lendBody();
    inbound.bodyReturned();
    inbound.spend();
    expect([memory.keptBytes, inbound.body.length]).toEqual([0, LARGE_BODY_BYTES - 1]);
  });
});
