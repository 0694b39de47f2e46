// Scans of large messages in the worker pool. The rules travel in shared memory: each task points at them, and a worker reads them once per digest.
import type { MessageSlots } from '../../base/workers/message-slots.js';
import { messageWork } from '../../base/workers/message-work.js';
import type { Work, WorkerPool } from '../../base/workers/pool.js';
import type { ScanPool } from './scanner.js';
import type { Range } from './transforms.js';
import type { DlpActions, DlpRule, LocatedFinding, PooledScan } from './types.js';

/** What a worker needs to build the same scanner. */
export interface ScanRuleset {
  readonly rules: readonly DlpRule[];
  readonly actions: DlpActions;
  readonly findingsMax: number;
  /** `auto` is decided before: the pool must find what the inline scan finds. */
  readonly engine: 'hyperscan' | 're2';
}

export interface ScanTask {
  readonly kind: 'scan';
  /** Equal digests = equal rules, engine and limits. */
  readonly key: string;
  /** ScanRuleset as JSON in UTF-8. */
  readonly ruleset: SharedArrayBuffer;
  /** The compiled database as the matcher's serialize() gave it; undefined = the worker compiles. */
  readonly database: SharedArrayBuffer | undefined;
  readonly bytes: Uint8Array;
  readonly escapes: boolean;
  /** Where the arguments are whose digest is wanted. */
  readonly argumentsAt: Range | undefined;
}

export function createScanPool(pool: WorkerPool, slots: MessageSlots, digest: string, ruleset: ScanRuleset, database: SharedArrayBuffer | undefined): ScanPool {
  // Samples are for the lint only.
  const bare = { ...ruleset, rules: ruleset.rules.map((rule) => ({ ...rule, hits: [], misses: [] })) };
  const shared = {
    kind: 'scan' as const,
    key: `${ruleset.engine}:${ruleset.findingsMax}:${digest}`,
    ruleset: share(Buffer.from(JSON.stringify(bare), 'utf8')),
    database,
  };
  const workOf = (bytes: Uint8Array, escapes: boolean, argumentsAt: Range | undefined): Work =>
    messageWork(slots, bytes, (copy): ScanTask => ({ ...shared, bytes: copy, escapes, argumentsAt }));
  return {
    async scanRequest(bytes, escapes, argumentsAt) {
      return parseAnswer(await pool.run(workOf(bytes, escapes, argumentsAt)));
    },
    async scan(bytes, escapes) {
      return parseAnswer(await pool.runWhenRoom(workOf(bytes, escapes, undefined))).findings;
    },
  };
}

export function parseRuleset(shared: SharedArrayBuffer): ScanRuleset {
  return JSON.parse(Buffer.from(new Uint8Array(shared)).toString('utf8')) as ScanRuleset;
}

function parseAnswer(answer: unknown): PooledScan {
  const { findings, argumentsDigest } = (answer ?? {}) as Partial<Record<keyof PooledScan, unknown>>;
  if (!Array.isArray(findings) || !(argumentsDigest === undefined || typeof argumentsDigest === 'string')) throw new TypeError('the scan worker answered with something else than findings');
  return { findings: findings as LocatedFinding[], argumentsDigest };
}

function share(bytes: Uint8Array): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  return shared;
}
