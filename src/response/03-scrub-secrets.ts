// A secret that layer 13 put in must not come back to the agent, in any encoding a tool may echo it in.
import { createScrubber } from '../engines/secrets/scrub.js';

export type Scrub = (bytes: Uint8Array) => Uint8Array;

const KEEP: Scrub = (bytes) => bytes;

export function scrubFor(secretValues: readonly string[]): Scrub {
  if (secretValues.length === 0) return KEEP;
  const scrubber = createScrubber(secretValues);
  return (bytes) => scrubber.scrub(bytes).bytes;
}
