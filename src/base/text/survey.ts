// What kinds of encoding a text may hold, in one look: most texts hold none, and need no reading but the first.
import { loadAddon } from '../native/load-addon.js';

/** Bits of a survey's answer. A bit that is not set promises that the reading would change nothing. */
export const SIGN = { backslash: 1, percent: 2, beyondAscii: 4, encodedRun: 8, reference: 16 } as const;
const EVERYTHING = 31;

/** Raised with every change of the verb or of a sign; native/text_survey/addon.cc holds the same number. */
const CONTRACT = 7;

/** `first`: it is enough to know whether there is any sign. */
export type Survey = (bytes: Uint8Array, first?: boolean) => number;

/** Without the addon every text is read in every way: slower, with the same result. */
export function loadSurvey(file?: string): Survey {
  return loadAddon<{ readonly survey: Survey }>('text_survey', CONTRACT, file)?.survey ?? (() => EVERYTHING);
}
