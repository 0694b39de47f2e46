// A secret that layer 13 put in must not come back to the agent, in any encoding a tool may echo it in.
import { loadSurvey } from '../base/text/survey.js';
import { foldText } from '../engines/dlp/transforms.js';
import { forEachView } from '../engines/dlp/views.js';
import { createScrubber } from '../engines/secrets/scrub.js';
import { cutRanges, type ByteRange } from './cut-ranges.js';

export type Scrub = (bytes: Uint8Array) => Uint8Array;

const KEEP: Scrub = (bytes) => bytes;
const REPLACEMENT = '[secret]';
const BACKSLASH = 0x5c;
/** Shorter ones would be met by chance in what decoding makes of other text. */
const NEEDLE_BYTES_MIN = 4;

/** Throws DecodeBudgetExceeded for what costs more to decode than any honest answer: nobody knows what it holds. */
export function scrubFor(secretValues: readonly string[]): Scrub {
  if (secretValues.length === 0) return KEEP;
  const scrubber = createScrubber(secretValues);
  const needles = needlesOf(secretValues);
  const survey = loadSurvey();
  return (bytes) => {
    const { bytes: scrubbed } = scrubber.scrub(bytes);
    const ranges: ByteRange[] = [];
    // Encodings within encodings, and letters that only look like the secret's: read as the rules read them.
    forEachView(scrubbed, scrubbed.includes(BACKSLASH), survey, ({ bytes: decoded, toRaw }) => {
      const view = Buffer.from(decoded.buffer, decoded.byteOffset, decoded.byteLength);
      for (const needle of needles) {
        for (let at = view.indexOf(needle); at !== -1; at = view.indexOf(needle, at + needle.length)) {
          const [from, to] = toRaw(at, at + needle.length);
          ranges.push({ from, to, word: REPLACEMENT });
        }
      }
    });
    return ranges.length === 0 ? scrubbed : cutRanges(scrubbed, ranges);
  };
}

/** Each value as it is, and as folding would leave it. */
function needlesOf(values: readonly string[]): Buffer[] {
  return values.map((value) => Buffer.from(value)).flatMap((value) => [value, Buffer.from(foldText(value)?.bytes ?? value)]).filter((needle, at, all) => needle.length >= NEEDLE_BYTES_MIN && all.findIndex((other) => other.equals(needle)) === at);
}
