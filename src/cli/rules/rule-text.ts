// Detection rules as a file of config/dlp has them.
import { stringify } from 'yaml';

export interface RuleEntry {
  readonly id: string;
  readonly category: 'credentials';
  readonly description: string;
  readonly imported_from: string;
  readonly pattern: string;
  readonly keywords: readonly string[];
  readonly entropy?: { readonly min: number };
}

export function stringifyRules(rules: readonly RuleEntry[]): string {
  return stringify({ rules }, { lineWidth: 0, singleQuote: true });
}
