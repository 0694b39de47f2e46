// How a WebSocket ends: the library would keep for a client that does not read what no bound counts any more.
import { expect, it } from 'vitest';
import { CLOSE, webSocketWire } from '../../../src/front/channel-wire.js';
import type { WebSocket } from '../../../src/front/uws-types.js';

function endedWith(buffered: number, code: number): unknown {
  const heard: unknown[] = [];
  const socket = { getBufferedAmount: () => buffered, end: (...told: unknown[]) => { heard.push(told); }, close: () => { heard.push('cut'); } };
  webSocketWire(socket as unknown as WebSocket<unknown>).end(code, 'why');
  expect(heard).toHaveLength(1);
  return heard[0];
}

const ITS_OWN_DOING = [CLOSE.unsupportedData, CLOSE.policyViolation, CLOSE.tooBig, CLOSE.internalError, CLOSE.tryAgainLater];

it.each(ITS_OWN_DOING)('one that has much to take yet is cut, whatever it did: %i', (code) => {
  expect(endedWith(64 * 1024 + 1, code)).toBe('cut');
});

it.each(ITS_OWN_DOING)('one that takes what it is sent is told: %i', (code) => {
  expect(endedWith(64 * 1024, code)).toEqual([code, 'why']);
});

it('one that the gateway itself sends away may take all', () => {
  expect(endedWith(10_000_000, CLOSE.goingAway)).toEqual([CLOSE.goingAway, 'why']);
});
