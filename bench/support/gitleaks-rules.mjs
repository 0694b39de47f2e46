// Detection rules for a bench, made from a gitleaks.toml that the user has: this repository holds no copy of that file.
import { existsSync, readFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { parseRules } from '../../dist/engines/dlp/rule-file.js';

export const HOW_TO_GET_IT = 'This case needs gitleaks\' own rule file: config/gitleaks.toml of the gitleaks project (MIT). Save it, and name it: --gitleaks FILE';

/** What RE2 and Hyperscan read differently, as this product's rules must write it. */
const REWRITES = [
  [/\\x60/g, '`'], [/\\x5F/gi, '_'], [/\[\[:alnum:\]\]/g, '[A-Za-z0-9]'], [/\[:alnum:\]/g, 'A-Za-z0-9'],
  [/\|\$\)/g, ')'], // the end of the text as an end of the match
  [/\\z|\$$|^\^/g, ''],
];

/** Each usable rule of the file as YAML for config/dlp, and how many the file has. Throws what to do when there is no such file. */
export function gitleaksRules(path) {
  if (path === undefined || !existsSync(path)) throw new Error(`${path === undefined ? 'no gitleaks.toml was named' : `${path}: no such file`}. ${HOW_TO_GET_IT}`);
  const blocks = readFileSync(path, 'utf8').split(/^\[\[rules\]\]$/m).slice(1).map((block) => block.split(/^\[\[/m)[0] ?? '');
  const rules = blocks.flatMap(readRule).filter(isUsable);
  return { count: rules.length, of: blocks.length, yaml: stringify({ rules }) };
}

function readRule(block) {
  const of = (key) => new RegExp(`^${key} = (.+)$`, 'm').exec(block)?.[1];
  const quoted = of('regex');
  if (quoted === undefined) return [];
  const regex = quoted.startsWith("'''") ? quoted.slice(3, quoted.indexOf("'''", 3)) : JSON.parse(quoted);
  const keywords = [...(of('keywords') ?? '').matchAll(/"([^"]+)"/g)].map((match) => match[1]);
  const entropy = of('entropy');
  const [word = 'none'] = keywords;
  return [{
    id: `gitleaks-${of('id')?.replaceAll('"', '')}`.slice(0, 64), category: 'credentials', description: of('id')?.replaceAll('"', '') ?? '', keywords,
    pattern: REWRITES.reduce((text, [from, to]) => text.replaceAll(from, to), regex),
    ...(entropy === undefined ? {} : { entropy: { min: Number(entropy) } }),
    // Samples are what the rules' own authors owe; these only name the keyword.
    hits: [`${word} 1`, `${word} 2`], misses: ['1', '2'],
  }];
}

function isUsable(rule) {
  try {
    parseRules(stringify({ rules: [rule] }), 'gitleaks.yaml');
    return true;
  } catch {
    return false;
  }
}
