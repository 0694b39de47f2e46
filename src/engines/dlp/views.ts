// Every way to read one message: as it came, then with each encoding resolved in turn, until nothing is left to resolve; a text that takes more than its limits is refused.
import { SIGN, type Survey } from '../../base/text/survey.js';
import { decodeRuns, RULE_RUNS, type RunLimits } from './encoded-runs.js';
import { foldText } from './fold.js';
import { hidesEscapes, percentDecodeText, resolveReferences, unescapeText, type Range, type Reading } from './transforms.js';

export interface View {
  readonly bytes: Uint8Array;
  /** How the text at this place was read: `raw`, `json`, `json+base64`, … */
  labelAt(at: number): string;
  /** The range of the scanned bytes it came from. */
  toRaw(from: number, to: number): Range;
}

/**
 * Honest messages need three steps; megabytes of random bytes in base64 look encoded for up to eleven. A text that is not done after these is
 * refused: else a word that is percent-encoded often enough would end the reading before the letters beside it are folded.
 */
const STEPS_MAX = 24;
export interface ReadingLimits extends RunLimits {
  /** How often runs are decoded whose text was decoded from a run; 0 = none is. */
  readonly runLevelsMax: number;
  /** Resolves `\n` and its like in any text. Else only where something says that a text has escapes: for the rules, a Windows path is a path. */
  readonly anyEscape: boolean;
}

/** Base64 in base64 is read, and once more. */
export const RULE_READINGS: ReadingLimits = Object.freeze({ ...RULE_RUNS, runLevelsMax: 3, anyEscape: false });
/**
 * Decoded bytes in all, as a multiple of the message. Decoding shrinks a text, so honest messages stay under 3; only nested encodings
 * and compatibility characters that stand for whole words (U+FDFA: eighteen letters) go beyond, and those are refused.
 */
const DECODED_FACTOR_MAX = 8;
const DECODED_BYTES_FREE = 64 * 1024;

/** The message costs more to decode than any honest one. The caller refuses. */
export class DecodeBudgetExceeded extends Error {
  constructor() {
    super('decoding this message takes more than its allowance');
    this.name = 'DecodeBudgetExceeded';
  }
}

/** Calls `visit` for each view, the plainest first. `escapes`: the text is JSON and some string in it holds a backslash. Throws DecodeBudgetExceeded. */
export function forEachView(bytes: Uint8Array, escapes: boolean, survey: Survey, visit: (view: View) => void, limits: ReadingLimits = RULE_READINGS): void {
  let view: View = { bytes, labelAt: () => 'raw', toRaw: (from, to) => [from, to] };
  visit(view);
  const isFiner = limits.runMin < RULE_RUNS.runMin || limits.readableMin < RULE_RUNS.readableMin;
  const signsOf: Survey = isFiner ? (text) => survey(text) | SIGN.encodedRun : survey;
  let signs = signsOf(bytes);
  if (signs === 0) return;
  let allowance = bytes.length * DECODED_FACTOR_MAX + DECODED_BYTES_FREE;
  let runLevels = 0;
  // Folding is its own fixed point, so that asking again right after it is in vain.
  let justFolded = false;
  for (let step = 0; step < STEPS_MAX; step++) {
    const decoded: View | undefined = decodeText(view, limits.anyEscape || (step === 0 && escapes), signs);
    const folded: View | undefined = decoded === undefined && !justFolded && (signs & SIGN.beyondAscii) !== 0 ? foldView(view) : undefined;
    const runs: View | undefined = decoded === undefined && folded === undefined && runLevels < limits.runLevelsMax && (signs & SIGN.encodedRun) !== 0 ? readRuns(view, limits) : undefined;
    const next: View | undefined = decoded ?? folded ?? runs;
    if (next === undefined) return;
    if (runs !== undefined) runLevels++;
    justFolded = folded !== undefined;
    allowance -= next.bytes.length;
    if (allowance < 0) throw new DecodeBudgetExceeded();
    visit(next);
    view = next;
    signs = signsOf(view.bytes);
  }
  throw new DecodeBudgetExceeded();
}

function decodeText(view: View, hasEscapes: boolean, signs: number): View | undefined {
  const unescaped = (signs & SIGN.backslash) !== 0 && (hasEscapes || hidesEscapes(view.bytes)) ? unescapeText(view.bytes) : undefined;
  if (unescaped !== undefined && unescaped.bytes.length < view.bytes.length) return derive(view, unescaped, 'json');
  const percent = (signs & SIGN.percent) === 0 ? undefined : percentDecodeText(view.bytes);
  if (percent !== undefined) return derive(view, percent, 'url');
  const referenced = (signs & SIGN.reference) === 0 ? undefined : resolveReferences(view.bytes);
  return referenced === undefined ? undefined : derive(view, referenced, 'html');
}

function foldView(view: View): View | undefined {
  const folded = foldText(view.bytes);
  return folded === undefined ? undefined : derive(view, folded, 'unicode');
}

function derive(parent: View, reading: Reading, label: string): View {
  return {
    bytes: reading.bytes,
    labelAt: (at) => join(parent.labelAt(reading.toInput(at, at + 1)[0]), label),
    toRaw: (from, to) => parent.toRaw(...reading.toInput(from, to)),
  };
}

function readRuns(parent: View, limits: RunLimits): View | undefined {
  const runs = decodeRuns(parent.bytes, limits);
  if (runs === undefined) return undefined;
  return {
    bytes: runs.bytes,
    labelAt: (at) => join(parent.labelAt(runs.runAt(at)[0]), runs.kindAt(at)),
    toRaw: (from) => parent.toRaw(...runs.runAt(from)),
  };
}

function join(outer: string, label: string): string {
  return outer === 'raw' ? label : `${outer}+${label}`;
}
