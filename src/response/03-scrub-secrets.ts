// A secret that layer 13 put in must not come back to the agent, in any encoding a tool may echo it in.
import { loadSurvey } from '../base/text/survey.js';
import type { MessageReader, Reading } from '../base/workers/message-reader.js';
import { forEachView, RULE_READINGS } from '../engines/dlp/views.js';
import { createScrubber, type Scrubber } from '../engines/secrets/scrub.js';
import { sameTexts } from '../engines/secrets/sent-secrets.js';
import type { ReadText } from '../engines/secrets/types.js';

export interface Scrub {
  /**
   * The same array if nothing was found. Throws where the message takes more than its allowance to read. Of a large message a promise, which rejects
   * likewise, and where no thread can read it; the bytes must stay as they are until it settles.
   */
  message(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** Whether a text that is no message holds a secret. Throws likewise. */
  isNeededFor(text: Uint8Array): boolean;
}

/** A message without its secrets; a word where it has none, so that no answer that is missing something passes for that. */
export type Scrubbed = Uint8Array | typeof CLEAN;

const CLEAN = 'clean';
const KEEP: Scrub = Object.freeze({ message: (bytes: Uint8Array) => bytes, isNeededFor: () => false });

/** Larger messages than `inlineBytesMax` are read where `reader` reads them: ten megabytes take up to a second. */
export function scrubFor(secretValues: readonly string[], reader: MessageReader, inlineBytesMax: number): Scrub {
  if (secretValues.length === 0) return KEEP;
  const scrubberFor = keepScrubber();
  const scrubbing = createScrubbing(scrubberFor);
  return {
    message(bytes) {
      const scrubbed = reader.read(scrubbing, { body: bytes, retain: () => undefined }, secretValues, inlineBytesMax);
      return scrubbed instanceof Promise ? scrubbed.then((late) => (late === CLEAN ? bytes : late)) : scrubbed === CLEAN ? bytes : scrubbed;
    },
    isNeededFor: (text) => scrubberFor(secretValues).isIn(text),
  };
}

/** Asked with the secrets, which go to a thread of this process alone. */
export function createScrubbing(scrubberFor = keepScrubber()): Reading<readonly string[], Scrubbed> {
  return {
    name: 'scrubbed',
    read(body, secretValues) {
      const { bytes } = scrubberFor(secretValues).scrub(body);
      return bytes === body ? CLEAN : bytes;
    },
    isFound: (answer): answer is Scrubbed => answer === CLEAN || answer instanceof Uint8Array,
  };
}

/** For texts that are no messages of a call. Throws where one takes more than its allowance to read. */
export function createSecretFinder(): (values: readonly string[], text: Uint8Array) => boolean {
  const scrubberFor = keepScrubber();
  return (values, text) => values.length > 0 && scrubberFor(values).isIn(text);
}

/** Keeps the last: a server's answers are scrubbed of the same secrets, and a scrubber for hundreds takes milliseconds to build. */
function keepScrubber(): (secretValues: readonly string[]) => Scrubber {
  let last: { readonly values: readonly string[]; readonly scrubber: Scrubber } | undefined;
  return (values) => {
    if (last === undefined || (last.values !== values && !sameTexts(last.values, values))) last = { values, scrubber: createScrubber(values, createReadText()) };
    return last.scrubber;
  };
}

/** The decoder of layer 7, for the scrubber. */
export function createReadText(): ReadText {
  const survey = loadSurvey();
  return (text, limits, visit) => forEachView(text, true, survey, visit, { ...RULE_READINGS, anyEscape: true, ...limits });
}
