// A scan of each kind of text that callers send, with the rules that are shipped, in this process.
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { buildMatcher } from '../../dist/base/matcher/choose.js';
import { joinRules, parseRules } from '../../dist/engines/dlp/rule-file.js';
import { createDlpScanner, toPatterns } from '../../dist/engines/dlp/scanner.js';
import { callBody, KINDS } from '../support/echo-call.mjs';

const BYTES = 16 * 1024;
const TIMES = 40;
const FILES = ['credentials', 'injection', 'pii'].map((name) => `config/dlp/${name}.yaml`);

/** By kind: `times` and what to run so often. */
export function scanTasks() {
  const rules = joinRules(FILES.map((file) => parseRules(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'), file)));
  const matcher = buildMatcher(toPatterns(rules), { engine: 'auto', cacheDir: tmpdir() });
  const scanner = createDlpScanner({ rules, actions: { credentials: 'block', injection: 'flag', pii: 'flag' }, matcher, pool: undefined, inlineBytesMax: 0, findingsMax: 100 });
  return Object.fromEntries(KINDS.map((kind) => {
    const body = Buffer.from(callBody(BYTES, kind));
    const escapes = body.includes('\\');
    return [kind, { times: TIMES, run: () => scanner.scan(body, escapes) }];
  }));
}
