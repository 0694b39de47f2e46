// The worker's side of the scan pool: scanners built once per ruleset and kept while they are asked for.
import type { ArgumentsDigest } from '../../base/crypto/arguments-digest.js';
import type { Matcher, Pattern } from '../../base/matcher/types.js';
import { parseRuleset, type ScanRuleset, type ScanTask } from './scan-pool.js';
import { createDlpScanner, toPatterns } from './scanner.js';
import type { DlpScanner, PooledScan } from './types.js';

/** Requests and answers have a ruleset each; during a reload the old ones have tasks in flight. */
const SCANNERS_MAX = 4;

export type MatcherMaker = (patterns: readonly Pattern[], engine: ScanRuleset['engine'], database: SharedArrayBuffer | undefined) => Matcher;

export function createScanTask(makeMatcher: MatcherMaker, digestArguments: ArgumentsDigest): (task: ScanTask) => PooledScan {
  const scanners = new Map<string, DlpScanner>();

  function scannerFor(task: ScanTask): DlpScanner {
    const known = scanners.get(task.key);
    if (known !== undefined) {
      // Put last: the first is the one unused for longest.
      scanners.delete(task.key);
      scanners.set(task.key, known);
      return known;
    }
    const { rules, actions, findingsMax, engine } = parseRuleset(task.ruleset);
    const matcher = makeMatcher(toPatterns(rules), engine, task.database);
    const scanner = createDlpScanner({ rules, actions, findingsMax, matcher, pool: undefined, inlineBytesMax: 0 });
    scanners.set(task.key, scanner);
    for (const [key, oldest] of scanners) {
      if (scanners.size <= SCANNERS_MAX) break;
      scanners.delete(key);
      oldest.close();
    }
    return scanner;
  }

  return (task) => {
    const findings = scannerFor(task).scan(task.bytes, task.escapes);
    if (!Array.isArray(findings)) throw new TypeError('a worker scans inline');
    return { findings, argumentsDigest: task.argumentsAt === undefined ? undefined : digestArguments(task.bytes, ...task.argumentsAt) };
  };
}
