// How many of another project's examples of secrets the shipped rules find, and how many of its texts without one they take for one. A floor and a ceiling, not an aim:
// many of the examples are no secrets in the sense of layer 7 (bucket names, client ids, account numbers).
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { scanJson, shippedScanner } from './shipped-rules.js';

const FILE = fileURLToPath(new URL('../../../../../shared/data/secrets/noseyparker-examples.ndjson', import.meta.url));

interface Rule {
  readonly examples: readonly string[] | null;
  readonly negative_examples: readonly string[] | null;
}

describe.skipIf(!existsSync(FILE))('examples of secrets (Nosey Parker; ../shared/data is not here)', () => {
  it('of 430 at least 288 are found, and at most 27 of the 122 without one', () => {
    const rules = readFileSync(FILE, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Rule);
    const scanner = shippedScanner();
    const found = (texts: readonly string[]): number => texts.filter((text) => scanJson(scanner, JSON.stringify({ text })).some(({ category }) => category === 'credentials')).length;
    const secrets = rules.flatMap(({ examples }) => examples ?? []);
    // What one rule there is to leave alone, another there finds: a token of the older form is a token.
    const known = new Set(secrets.map((text) => text.trim()));
    const others = rules.flatMap((rule) => rule.negative_examples ?? []).filter((text) => !known.has(text.trim()));
    expect([secrets.length, others.length]).toEqual([430, 122]);
    expect(found(secrets)).toBeGreaterThanOrEqual(288);
    expect(found(others)).toBeLessThanOrEqual(27);
  });
});
