// How many threads: as written, or one less than there are cores.
import { expect, it } from 'vitest';
import { gatewayThreads } from '../../../../src/base/config/thread-count.js';

it('is what is written, or leaves one core free', () => {
  const threads = (gateway: number, cores: number): number => gatewayThreads({ threads: { gateway, stall_s: 5 } }, cores);
  expect([threads(3, 2), threads(0, 1), threads(0, 2), threads(0, 8), threads(0, 256)]).toEqual([3, 1, 1, 7, 64]);
});
