// A secret that layer 13 put in must not come back to the agent, in any encoding a tool may echo it in.
import { loadSurvey } from '../base/text/survey.js';
import { forEachView, RULE_READINGS } from '../engines/dlp/views.js';
import { createScrubber } from '../engines/secrets/scrub.js';
import type { ReadText } from '../engines/secrets/types.js';

export interface Scrub {
  /** The same array if nothing was found. Throws where the message takes more than its allowance to read. */
  message(bytes: Uint8Array): Uint8Array;
  /** Whether a text that is no message holds a secret. Throws likewise. */
  isNeededFor(text: Uint8Array): boolean;
}

const KEEP: Scrub = Object.freeze({ message: (bytes: Uint8Array) => bytes, isNeededFor: () => false });

export function scrubFor(secretValues: readonly string[]): Scrub {
  if (secretValues.length === 0) return KEEP;
  const scrubber = createScrubber(secretValues, createReadText());
  return { message: (bytes) => scrubber.scrub(bytes).bytes, isNeededFor: (text) => scrubber.isIn(text) };
}

/** The decoder of layer 7, for the scrubber. */
export function createReadText(): ReadText {
  const survey = loadSurvey();
  return (text, limits, visit) => forEachView(text, true, survey, visit, { ...RULE_READINGS, anyEscape: true, ...limits });
}
