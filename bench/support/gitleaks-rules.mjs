// Detection rules for a bench, made from a gitleaks.toml that the user has: this repository holds no copy of that file.
import { existsSync, readFileSync } from 'node:fs';
import { readGitleaks } from '../../dist/cli/rules/gitleaks.js';
import { stringifyRules } from '../../dist/cli/rules/rule-text.js';

export const HOW_TO_GET_IT = 'This case needs gitleaks\' own rule file: config/gitleaks.toml of the gitleaks project (MIT). Save it, and name it: --gitleaks FILE';

/** Each usable rule of the file as YAML for config/dlp, and how many the file has. Throws what to do when there is no such file. */
export function gitleaksRules(path) {
  if (path === undefined || !existsSync(path)) throw new Error(`${path === undefined ? 'no gitleaks.toml was named' : `${path}: no such file`}. ${HOW_TO_GET_IT}`);
  const { rules, leftOut } = readGitleaks(readFileSync(path, 'utf8'));
  return { count: rules.length, of: rules.length + leftOut.length, yaml: stringifyRules(rules) };
}
