// The rules the gateway ships, and a scanner over them.
import { readFileSync } from 'node:fs';
import { joinRules, parseRules } from '../../../../src/engines/dlp/rule-file.js';
import { createDlpScanner, toPatterns, type DlpScannerOptions } from '../../../../src/engines/dlp/scanner.js';
import type { DlpScanner, LocatedFinding } from '../../../../src/engines/dlp/types.js';
import { plainMatcher } from './re2-matcher.js';

const FILES = ['credentials', 'injection', 'pii'].map((name) => `config/dlp/${name}.yaml`);

export const shippedRules = joinRules(FILES.map((file) => parseRules(readFileSync(file, 'utf8'), file)));
export const blockFlagFlag = { credentials: 'block', injection: 'flag', pii: 'flag' } as const;

export function shippedScanner(more: Partial<DlpScannerOptions> = {}): DlpScanner {
  const rules = more.rules ?? shippedRules;
  return createDlpScanner({ rules, actions: blockFlagFlag, matcher: plainMatcher(toPatterns(rules)), pool: undefined, inlineBytesMax: 1 << 20, findingsMax: 100, ...more });
}

/** Scans a value as the JSON it is sent as. */
export function scanJson(scanner: DlpScanner, text: string): LocatedFinding[] {
  const answer = scanner.scan(Buffer.from(text, 'utf8'), text.includes('\\'));
  if (!Array.isArray(answer)) throw new Error('expected an inline scan');
  return answer;
}
