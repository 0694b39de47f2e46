// How fast the client is read: no faster than what it says goes out, and than it takes what it is told. Each line has an answer, which may be far larger.
import type { Output } from './output.js';

export interface InflowParts {
  readonly stdin: { pause(): unknown; resume(): unknown };
  /** What is not with the gateway yet. */
  readonly isFull: () => boolean;
  readonly output: Pick<Output, 'isFull' | 'whenRead'>;
}

/** Called after whatever may have changed it: lines that came, or room where there was none. */
export function lookAtInflow(parts: InflowParts): void {
  const { stdin, isFull, output } = parts;
  if (output.isFull) output.whenRead(() => lookAtInflow(parts));
  if (output.isFull || isFull()) stdin.pause();
  else stdin.resume();
}
