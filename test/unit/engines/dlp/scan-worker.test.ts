// The worker's side: one scanner per ruleset, swapped by its key, old ones closed.
import { describe, expect, it } from 'vitest';
import type { Work, WorkerPool } from '../../../../src/base/workers/pool.js';
import { createScanPool, type ScanTask } from '../../../../src/engines/dlp/scan-pool.js';
import { MessageSlots } from '../../../../src/base/workers/message-slots.js';
import { createScanTask } from '../../../../src/engines/dlp/scan-worker.js';
import { poolWithRoom } from './pool-with-room.js';
import { blockFlagFlag, shippedRules, shippedScanner } from './shipped-rules.js';
import { plainMatcher } from './re2-matcher.js';

/** A pool that clones as threads do and works here. */
function localPool(task: (task: ScanTask) => unknown): WorkerPool {
  return poolWithRoom((value) => Promise.resolve(structuredClone(task(structuredClone(value) as ScanTask))));
}

const digestArguments = (bytes: Uint8Array, from: number, to: number): string => `digest of [${from},${to < bytes.length ? to : 'end'}]`;
const body = Buffer.from(JSON.stringify({ text: `key AKIA${'AB'.repeat(8)}`, mail: 'ada@example.org' }));

describe('scan worker', () => {
  it('finds what the inline scan finds', async () => {
    const pool = createScanPool(localPool(createScanTask((patterns) => plainMatcher(patterns), digestArguments)), new MessageSlots(), 'd1', { rules: shippedRules, actions: blockFlagFlag, findingsMax: 100, engine: 're2' }, undefined);
    expect(await pool.scan(body, false)).toEqual(shippedScanner().scan(body, false));
    expect(await pool.scanRequest(body, false, undefined)).toEqual({ findings: shippedScanner().scan(body, false), argumentsDigest: undefined });
    expect((await pool.scanRequest(body, false, [2, 40])).argumentsDigest).toBe('digest of [2,40]');
  });

  it('builds once per ruleset, gets the database, and closes what is no longer asked for', async () => {
    let built = 0;
    let closed = 0;
    const database = new SharedArrayBuffer(3);
    const databases: (SharedArrayBuffer | undefined)[] = [];
    const workers = localPool(createScanTask((patterns, _engine, given) => {
      built++;
      databases.push(given);
      return { ...plainMatcher(patterns), close: () => void closed++ };
    }, digestArguments));
    const poolOf = (digest: string) => createScanPool(workers, new MessageSlots(), digest, { rules: shippedRules.slice(0, 1), actions: blockFlagFlag, findingsMax: 100, engine: 're2' }, database);
    const first = poolOf('d1');
    for (let i = 0; i < 5; i++) expect(await first.scan(body, false)).toHaveLength(1);
    expect([built, closed]).toEqual([1, 0]);
    expect(databases[0]?.byteLength).toBe(3);
    for (let i = 2; i < 8; i++) await poolOf(`d${i}`).scan(body, false);
    expect([built, closed]).toEqual([7, 3]);
  });

  it('copies a message when a thread takes it, and not one that was given up meanwhile', async () => {
    const started: (() => void)[] = [];
    const later = (work: Work): Promise<unknown> => new Promise((resolve, reject) => started.push(() => {
      try {
        resolve({ findings: [], argumentsDigest: Buffer.from((work.makeTask() as ScanTask).bytes).toString('latin1', 0, 3) });
      } catch (fault) {
        reject(fault as Error);
      }
    }));
    const slots = new MessageSlots();
    const pool = createScanPool({ ...poolWithRoom(() => Promise.resolve()), run: later }, slots, 'd', { rules: [], actions: blockFlagFlag, findingsMax: 1, engine: 're2' }, undefined);
    const bytes = new Uint8Array(new ArrayBuffer(3)).fill(0x61);
    const [first, second] = [pool.scanRequest(bytes, false, undefined), pool.scanRequest(bytes, false, undefined)];
    bytes.fill(0x62);
    started[0]?.();
    expect((await first).argumentsDigest).toBe('bbb');
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    started[1]?.();
    await expect(second).rejects.toThrow('given up');
  });

  it.each(['scan', 'scanRequest'] as const)('copies into memory that it used before, but never into what a failed task may still read: %s', async (way) => {
    const seen: ArrayBufferLike[] = [];
    let fails = false;
    const workers = poolWithRoom((task) => {
      seen.push((task as ScanTask).bytes.buffer);
      return fails ? Promise.reject(new Error('ended')) : Promise.resolve({ findings: [] });
    });
    const pool = createScanPool(workers, new MessageSlots(), 'd', { rules: [], actions: blockFlagFlag, findingsMax: 1, engine: 're2' }, undefined);
    const scan = (): Promise<unknown> => pool[way](body, false, undefined);
    await scan();
    await scan();
    fails = true;
    await expect(scan()).rejects.toThrow('ended');
    fails = false;
    await scan();
    expect([seen[1] === seen[0], seen[2] === seen[0], seen[3] === seen[0]]).toEqual([true, true, false]);
  });
});
