// Detection rules out of a gitleaks.toml (gitleaks 8): what both of this gateway's engines read alike is taken over, the rest is left out with its reason.
import { parse } from 'smol-toml';
import { parseRules } from '../../engines/dlp/rule-file.js';
import { ConfigFault } from '../../base/config/fault.js';
import { stringifyRules, type RuleEntry } from './rule-text.js';

const ID_PREFIX = 'gitleaks-';
const ID_LENGTH_MAX = 64;
const SOURCE = 'gitleaks';

/** Spellings of Go's engine that mean the same in what a rule may be written in; an end of the text is dropped where it is one of several ends of a match. */
const REWRITES: readonly (readonly [RegExp, string])[] = [
  [/\\x60/g, '`'], [/\\x5F/gi, '_'], [/\[\[:alnum:\]\]/g, '[A-Za-z0-9]'], [/\[:alnum:\]/g, 'A-Za-z0-9'], [/\|\$\)/g, ')'], [/\\z|\$$|^\^/g, ''],
];

export interface LeftOutRule {
  readonly id: string;
  readonly reason: string;
}

export interface ReadRules {
  readonly rules: readonly RuleEntry[];
  readonly leftOut: readonly LeftOutRule[];
}

/** Throws what smol-toml throws, and an Error where the text is none of gitleaks. */
export function readGitleaks(text: string): ReadRules {
  const rules: RuleEntry[] = [];
  const leftOut: LeftOutRule[] = [];
  const known = new Set<string>();
  const { rules: listed } = parse(text);
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
  return { rules, leftOut };
}

/** The rule, or why it is left out. */
function readRule(id: string, rule: Readonly<Record<string, unknown>>): RuleEntry | string {
  const { regex, keywords = [], entropy, description } = rule;
  if (typeof regex !== 'string') return 'it looks at the names of files alone';
  if (rule['path'] !== undefined) return 'it holds for files of certain names, and a message has none';
  if (typeof rule['secretGroup'] === 'number' && rule['secretGroup'] > 1) return 'what it reports is not its first group';
  if (rule['allowlist'] !== undefined || rule['allowlists'] !== undefined) return 'it counts on a list of exceptions, which rules here do not have';
  if (rule['required'] !== undefined) return 'it counts on another rule\'s finding nearby';
  const name = id.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '');
  return {
    id: `${ID_PREFIX}${name}`.slice(0, ID_LENGTH_MAX), category: 'credentials', description: typeof description === 'string' && description !== '' ? description : id, imported_from: SOURCE,
    pattern: bounded(REWRITES.reduce((source, [from, to]) => source.replace(from, to), regex)),
    keywords: Array.isArray(keywords) ? keywords.filter((word): word is string => typeof word === 'string') : [],
    ...(typeof entropy === 'number' ? { entropy: { min: entropy } } : {}),
  };
}

const TOKEN = /\[\]?(?:\\.|[^\]\\])*\]|\\.|[^]/g;
const CLASS = /^(?:\[|\\[dsw]$)/;

/** `.` as the characters that messages are written in, `+` and `*` as repetitions of a class. */
function bounded(source: string): string {
  const tokens: string[] = [];
  for (const [token] of source.matchAll(TOKEN)) {
    const before = tokens.at(-1) ?? '';
    if (token === '.') tokens.push('[ -~]');
    else if ((token === '+' || token === '*') && CLASS.test(before)) tokens.push(token === '+' ? '{1,}' : '{0,}');
    else tokens.push(token);
  }
  return tokens.join('');
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
