// RE2 syntax into what Hyperscan must be given to find at least the same: it reads bytes, and PCRE's meaning of some signs.
import { tokenizePattern, type PatternToken } from './pattern-syntax.js';
import type { Pattern } from './types.js';

export interface HyperscanPattern {
  readonly source: string;
  readonly flags: number;
}

const CASELESS = 1;
const DOTALL = 2;
const MULTILINE = 4;
/** One report per pattern and scan: with all ends, 64 KiB of one repeated letter gives 65,000. */
const SINGLEMATCH = 8;

/** PCRE's \s has the vertical tab, and its \v is a whole class. */
const ESCAPES: Readonly<Record<string, string>> = { '\\s': '[\\t\\n\\f\\r ]', '\\S': '[^\\t\\n\\f\\r ]', '\\v': '\\x0b' };

const REPEAT_MAX = 32_767;
/** A code point is at most four bytes. */
const BYTES_PER_POINT_MAX = 4;

function translateClass(text: string): string {
  return text
    .replaceAll(/\\[^]/g, (escape) => {
      if (escape === '\\s') return '\\t\\n\\f\\r ';
      if (escape === '\\S') return '\\x00-\\x08\\x0b\\x0e-\\x1f\\x21-\\xff';
      return escape === '\\v' ? '\\x0b' : escape;
    });
}

/** Whether a token stands for characters beyond ASCII, which Hyperscan sees as up to four bytes each. */
function isWide(token: PatternToken | undefined): boolean {
  if (token === undefined) return false;
  if (token.kind === 'class') return token.text.startsWith('[^') || /\\[DWS]|\[:\^/.test(token.text);
  return token.kind === 'dot' || (token.kind === 'escape' && /^\\[DWS]$/.test(token.text));
}

/** `n` code points are n to 4n bytes. */
function widen(min: number, max: number): string {
  if (max === Infinity) return `{${min},}`;
  return `{${min},${Math.min(REPEAT_MAX, max * BYTES_PER_POINT_MAX)}}`;
}

function translateToken(token: PatternToken, multiline: boolean): string {
  if (token.kind === 'class') return translateClass(token.text);
  // Without the multiline flag PCRE's $ also stands before a last line feed.
  if (token.kind === 'dollar' && !multiline) return '\\z';
  return token.kind === 'escape' ? ESCAPES[token.text] ?? token.text : token.text;
}

/** For every valid UTF-8 text: where RE2 finds `pattern`, Hyperscan finds the result, and now and then it alone does; texts with FOLDING_SIGNS excepted. */
export function translateForHyperscan(pattern: Pattern): HyperscanPattern {
  const tokens = tokenizePattern(pattern.trigger ?? pattern.source);
  let source = '';
  tokens.forEach((token, index) => {
    if (token.kind === 'repeat' && isWide(tokens[index - 1])) {
      source += widen(token.min, token.max);
      return;
    }
    source += translateToken(token, pattern.multiline === true);
    if (isWide(token) && tokens[index + 1]?.kind !== 'repeat') source += widen(1, 1);
  });
  const flags = SINGLEMATCH | (pattern.caseless === true ? CASELESS : 0) | (pattern.dotAll === true ? DOTALL : 0) | (pattern.multiline === true ? MULTILINE : 0);
  return { source, flags };
}

/** The two signs beyond ASCII that fold to ASCII letters (U+212A, U+017F): in a text that has one, only RE2 sees what a caseless pattern means. */
export const FOLDING_SIGNS: HyperscanPattern = { source: '\\xe2\\x84\\xaa|\\xc5\\xbf', flags: SINGLEMATCH };
