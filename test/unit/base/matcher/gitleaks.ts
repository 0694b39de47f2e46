// Reads the few keys the matcher tests need of a gitleaks.toml: a yardstick of real patterns.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Pattern } from '../../../../src/base/matcher/types.js';

const FILE = fileURLToPath(new URL('../../../../../shared/data/secrets/gitleaks.toml', import.meta.url));
const EXAMPLES = fileURLToPath(new URL('../../../../../shared/data/secrets/noseyparker-examples.ndjson', import.meta.url));

export const haveGitleaks = existsSync(FILE);

function unquote(text: string): string {
  if (text.startsWith("'''")) return text.slice(3, text.indexOf("'''", 3));
  return JSON.parse(text) as string;
}

export function readGitleaks(): Pattern[] {
  const rules = readFileSync(FILE, 'utf8').split(/^\[\[rules\]\]$/m).slice(1);
  return rules.flatMap((rule, id) => {
    const own = rule.split(/^\[\[/m)[0] ?? '';
    const regex = /^regex = (.+)$/m.exec(own)?.[1];
    const keywords = /^keywords = \[([^\]]*)\]/m.exec(own)?.[1] ?? '';
    if (regex === undefined) return [];
    return [{ id, source: unquote(regex), keywords: [...keywords.matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? '') }];
  });
}

export function readSecretExamples(): string[] {
  if (!existsSync(EXAMPLES)) return [];
  return readFileSync(EXAMPLES, 'utf8').trim().split('\n').flatMap((line) => (JSON.parse(line) as { examples: string[] }).examples);
}
