// Detection rules out of a gitleaks.toml (gitleaks 8): what both of this gateway's engines read alike is taken over, the rest is left out with its reason.
import { parse } from 'smol-toml';
import { parseRules } from '../../engines/dlp/rule-file.js';
import { ConfigFault } from '../../base/config/fault.js';
import { stringifyRules, type RuleEntry } from './rule-text.js';

const ID_PREFIX = 'gitleaks-';
const ID_LENGTH_MAX = 64;
const SOURCE = 'gitleaks';

export interface LeftOutRule {
  readonly id: string;
  readonly reason: string;
}

export interface ReadRules {
  readonly rules: readonly RuleEntry[];
  readonly leftOut: readonly LeftOutRule[];
  /** What of the file beside its rules is not taken over. */
  readonly notes: readonly string[];
}

/** Throws what smol-toml throws, and an Error where the text is none of gitleaks. */
export function readGitleaks(text: string): ReadRules {
  const rules: RuleEntry[] = [];
  const leftOut: LeftOutRule[] = [];
  const known = new Set<string>();
  const { rules: listed, allowlist, allowlists, extend } = parse(text);
  if (!Array.isArray(listed) || listed.length === 0) throw new Error('it has no [[rules]]');
  for (const [at, raw] of listed.entries()) {
    const rule = raw as Readonly<Record<string, unknown>>;
    const id = typeof rule['id'] === 'string' ? rule['id'] : `rule ${at + 1}`;
    const entry = readRule(id, rule);
    const reason = typeof entry === 'string' ? entry : known.has(entry.id) ? 'another rule has this id' : whyUnusable(entry);
    if (typeof entry === 'string' || reason !== undefined) leftOut.push({ id, reason: reason ?? '' });
    else {
      known.add(entry.id);
      rules.push(entry);
    }
  }
  const notes = [
    ...(allowlist === undefined && allowlists === undefined ? [] : ['its list of exceptions for all rules is not taken over: what it excepts is found here']),
    ...(extend === undefined ? [] : ['what it says of rules of another file ([extend]) is not taken over']),
  ];
  return { rules, leftOut, notes };
}

/** The rule, or why it is left out. */
function readRule(id: string, rule: Readonly<Record<string, unknown>>): RuleEntry | string {
  const { regex, keywords = [], entropy, description } = rule;
  if (typeof regex !== 'string') return 'it looks at the names of files alone';
  if (rule['path'] !== undefined) return 'it holds for files of certain names, and a message has none';
  if (typeof rule['secretGroup'] === 'number' && rule['secretGroup'] > 1) return 'what it reports is not its first group';
  if (rule['allowlist'] !== undefined || rule['allowlists'] !== undefined) return 'it counts on a list of exceptions, which rules here do not have';
  if (rule['skipReport'] === true) return 'it is a part of another rule, and reports nothing itself';
  if (rule['required'] !== undefined) return 'it counts on another rule\'s finding nearby';
  const name = id.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '');
  return {
    id: `${ID_PREFIX}${name}`.slice(0, ID_LENGTH_MAX), category: 'credentials', description: typeof description === 'string' && description !== '' ? description : id, imported_from: SOURCE,
    pattern: respelled(regex),
    keywords: Array.isArray(keywords) ? keywords.filter((word): word is string => typeof word === 'string') : [],
    ...(typeof entropy === 'number' ? { entropy: { min: entropy } } : {}),
  };
}

const TOKEN = /\[\]?(?:\[:[a-z]+:\]|\\.|[^\]\\])*\]|\\x[0-9A-Fa-f]{2}|\\.|[^]/g;
const CLASS = /^(?:\[|\\[dsw]$)/;
const ENDS: ReadonlySet<string> = new Set(['$', '\\z']);

/**
 * Go's spelling in what rules here are written in: `.` as the characters that messages are written in, `+` and `*` as repetitions of a class, an end of the
 * text that is one of several ends of a match as the end of a word. Other anchors stay, and the rule is refused for them.
 */
function respelled(regex: string): string {
  const tokens: string[] = [];
  const all = [...regex.matchAll(TOKEN)].map(([token]) => token);
  for (const [at, token] of all.entries()) {
    const before = tokens.at(-1) ?? '';
    if (token === '.') tokens.push('[ -~]');
    else if ((token === '+' || token === '*') && CLASS.test(before)) tokens.push(token === '+' ? '{1,}' : '{0,}');
    else if (ENDS.has(token) && before === '|' && all[at + 1] === ')') tokens.push('\\b');
    else if (token.startsWith('[')) tokens.push(token.replace(/\\x([0-9A-Fa-f]{2})/g, literalIn).replaceAll('[:alnum:]', 'A-Za-z0-9'));
    else tokens.push(token.replace(/^\\x([0-9A-Fa-f]{2})$/, literalIn));
  }
  return tokens.join('');
}

/** A character that means itself everywhere; others stay as they are written. */
function literalIn(written: string, hex: string): string {
  const character = String.fromCharCode(parseInt(hex, 16));
  return /[A-Za-z0-9_`"'@%&,;:=<>!~#]/.test(character) ? character : written;
}

function whyUnusable(entry: RuleEntry): string | undefined {
  try {
    parseRules(stringifyRules([entry]), 'gitleaks.toml');
    return undefined;
  } catch (fault) {
    if (!(fault instanceof ConfigFault)) throw fault;
    return fault.message.replace(/^rule \S+: /, '').replace(/\.$/, '');
  }
}
