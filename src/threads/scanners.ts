// The scanners of one gateway thread: one matcher per rule set, kept while the rules stay the same, and one pool for large messages.
import { programOf } from '../base/installation.js';
import { buildMatcher } from '../base/matcher/choose.js';
import type { ShareableMatcher } from '../base/matcher/types.js';
import type { Clock } from '../base/clock/clock.js';
import type { GatewayConfig } from '../base/config/schema.js';
import { faultFacts, type Log } from '../base/telemetry/log.js';
import { createWorkerPool } from '../base/workers/pool.js';
import { createMessageReader, type MessageReader } from '../base/workers/message-reader.js';
import { MessageSlots } from '../base/workers/message-slots.js';
import { createScanPool } from '../engines/dlp/scan-pool.js';
import { createDlpScanner, digestRules, toPatterns } from '../engines/dlp/scanner.js';
import type { DlpActions, DlpRule, DlpScanner } from '../engines/dlp/types.js';

export interface Scanners {
  readonly scannerFor: (rules: readonly DlpRule[], actions: DlpActions, config: GatewayConfig) => DlpScanner;
  /** On the scan pool, too. */
  readonly messageReader: MessageReader;
  engine(): { readonly engine: string; readonly because: string };
  close(): Promise<void>;
}

/** What each thread of the pool is given when it starts. */
export interface ScanWorkerData {
  readonly argumentsKey: Uint8Array | undefined;
}

const SCAN_TIMEOUT_MS = 10_000; // a 10 MiB body takes tens of milliseconds; what takes this long hangs
const SCANNED_TOGETHER_BYTES = 256 * 1024; // one to five milliseconds of a thread, which the first of them waits for the last
const READINGS_SHARE = 4; // of the places in the line
const SCANNERS_KEPT = 4; // request and response rules, of this snapshot and the next

/** `argumentsKey`: of the install, for digests of arguments; undefined = they are not keyed. */
export function createScanners(first: GatewayConfig, cacheDir: string, argumentsKey: Uint8Array | undefined, clock: Clock, log: Log): Scanners {
  const workerData: ScanWorkerData = { argumentsKey };
  const pool = createWorkerPool({
    filename: programOf('scan').href, task: 'scan', threads: first.dlp.pool_threads, queueMax: first.dlp.pool_queue_max, timeoutMs: SCAN_TIMEOUT_MS, togetherBytesMax: SCANNED_TOGETHER_BYTES,
    nowMs: () => clock.monotonicMs(), workerData, threadLost: (fault) => log.error(faultFacts(fault), 'a thread of the scan pool ended'),
  });
  const slots = new MessageSlots();
  const kept = new Map<string, DlpScanner>();
  let last: { readonly key: string; readonly matcher: ShareableMatcher } | undefined;

  const matcherFor = (rules: readonly DlpRule[], config: GatewayConfig): ShareableMatcher => {
    const patterns = toPatterns(rules);
    const key = JSON.stringify([config.dlp.engine, patterns]);
    if (last?.key !== key) last = { key, matcher: buildMatcher(patterns, { engine: config.dlp.engine, cacheDir }) };
    return last.matcher;
  };

  return {
    scannerFor(rules, actions, config) {
      const digest = digestRules(rules, actions);
      const key = JSON.stringify([digest, config.dlp.engine, config.dlp.inline_bytes_max, config.dlp.findings_max]);
      const known = kept.get(key);
      if (known !== undefined) return known;
      const matcher = matcherFor(rules, config);
      const scanPool = createScanPool(pool, slots, digest, { rules, actions, engine: matcher.engine, findingsMax: config.dlp.findings_max }, matcher.serialize());
      const scanner = createDlpScanner({ rules, actions, matcher, pool: scanPool, inlineBytesMax: config.dlp.inline_bytes_max, findingsMax: config.dlp.findings_max });
      kept.set(key, scanner);
      // Requests may still be using what is dropped here: it ends with its last reference.
      for (const old of [...kept.keys()].slice(0, Math.max(0, kept.size - SCANNERS_KEPT))) kept.delete(old);
      return scanner;
    },
    messageReader: createMessageReader({ threads: pool, slots, readingsMax: Math.max(first.dlp.pool_threads, Math.floor(first.dlp.pool_queue_max / READINGS_SHARE)) }),
    engine: () => ({ engine: last?.matcher.engine ?? 'none', because: last?.matcher.because ?? 'no rules were compiled' }),
    close: () => pool.close(),
  };
}
