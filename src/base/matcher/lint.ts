// Refuses patterns on which Hyperscan and RE2 can't be made to agree, or which RE2 refuses.
import { tokenizePattern, type PatternToken } from './pattern-syntax.js';
import { compileRe2 } from './re2-binding.js';

/** RE2's own bound. */
const REPEAT_MAX = 1000;
/** A longer one is a generated alternation, which belongs into keywords. */
const SOURCE_LENGTH_MAX = 4096;

const CLASS_ESCAPES_REFUSED = /\\(?:[bBpPQExuU0-9CZzAGK])/;
const SAFE_HEX = /\\x[0-7][0-9A-Fa-f]/g;
const SAME_ESCAPES = /^\\(?:[dDwWsSbBAztnrfav]|x[0-7][0-9A-Fa-f]|[^A-Za-z0-9])$/;

function lintGroup(text: string): string | undefined {
  if (text === '(' || text === '(?:' || /^\(\?P?<[A-Za-z_]/.test(text)) return undefined;
  if (/^\(\?<?[=!]/.test(text)) return 'look-around: RE2 has none';
  if (!/^\(\?[is]*(?:-[is]+)?[:)]$/.test(text)) return `${text}: of inline flags only i and s mean the same to both engines`;
  return undefined;
}

function lintEscape(text: string): string | undefined {
  if (/^\\[1-9]/.test(text)) return 'back-reference or octal escape: RE2 has no back-references';
  if (/^\\[pPX]/.test(text)) return `${text}: Unicode classes; Hyperscan sees bytes`;
  if (/^\\x/.test(text) && !SAME_ESCAPES.test(text)) return `${text}: only ASCII, written \\x00 to \\x7f`;
  return SAME_ESCAPES.test(text) ? undefined : `${text}: not the same in both engines`;
}

function lintClass(text: string): string | undefined {
  if (!text.endsWith(']') || text.length < 3) return 'a class that does not end';
  if (CLASS_ESCAPES_REFUSED.test(text.replaceAll(SAFE_HEX, ''))) return `${text}: an escape that is not the same in both engines`;
  if (/\[[.=]/.test(text.slice(1))) return `${text}: collating elements`;
  return undefined;
}

function lintToken(token: PatternToken): string | undefined {
  switch (token.kind) {
    case 'group': return lintGroup(token.text);
    case 'escape': return lintEscape(token.text);
    case 'class': return lintClass(token.text);
    case 'repeat': {
      const most = token.max === Infinity ? token.min : token.max;
      return most > REPEAT_MAX ? `${token.text}: more than ${REPEAT_MAX} repetitions` : undefined;
    }
    default: return undefined;
  }
}

function lintEngines(source: string): string | undefined {
  try {
    return compileRe2({ id: 0, source }, '').test(Buffer.alloc(0)) ? 'matches the empty text, and with it everything' : undefined;
  } catch (error) {
    return `RE2: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** The reason why `source` can't be used, undefined when it can. */
export function lintPattern(source: string): string | undefined {
  if (source.length > SOURCE_LENGTH_MAX) return `longer than ${SOURCE_LENGTH_MAX} characters`;
  if (source.includes('\0')) return 'holds NUL, at which Hyperscan would stop reading';
  if (/[^\t\n\r -~]/.test(source)) return 'only ASCII, control characters as escapes: Hyperscan sees bytes, RE2 sees code points';
  // What looks like a counted repetition but is none: literal to some versions, a repetition to others.
  if (/\{,\d+\}/.test(source)) return '{,n}: write {0,n}';
  for (const token of tokenizePattern(source)) {
    const reason = lintToken(token);
    if (reason !== undefined) return reason;
  }
  return lintEngines(source);
}

/** Whether `trigger`, which every match of `source` must hold, is missing from a text that `source` finds. Both were linted. */
export function isTriggerMissing(source: string, trigger: string, caseless: boolean, text: string): boolean {
  const bytes = Buffer.from(text, 'utf8');
  return compileRe2({ id: 0, source, caseless }, '').test(bytes) && !compileRe2({ id: 0, source: trigger, caseless }, '').test(bytes);
}
