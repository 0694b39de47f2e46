// Raw clients of HTTP+SSE that end with their test, for the tests of this folder.
import { afterEach } from 'vitest';
import { openRawSse, type RawSse, type RawSseOptions } from '../../support/raw-sse.js';
import type { Rig } from './wire.js';

const streams: RawSse[] = [];
afterEach(() => {
  for (const stream of streams.splice(0)) stream.destroy();
});

export async function connect(rig: Rig, options: RawSseOptions = {}): Promise<RawSse> {
  const stream = await openRawSse(rig.port, options);
  streams.push(stream);
  return stream;
}

export const BEARER = { authorization: 'Bearer x' };
