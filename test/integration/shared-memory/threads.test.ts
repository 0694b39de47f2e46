// What gateway threads count together, counted by real threads at the same time: limits, breakers, risk, taint and places are exact.
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { createCircuitBreakers } from '../../../src/engines/limits/circuit-breaker.js';
import { createRateLimiter } from '../../../src/engines/limits/token-bucket.js';
import { parseChains } from '../../../src/engines/session-risk/chains.js';
import { createSessionRisk } from '../../../src/engines/session-risk/session-risk.js';
import type { SessionChains, SessionView } from '../../../src/engines/session-risk/types.js';
import { cleanUpAfter, createSharedMemory, openSharedMemory, type SharedMemory } from '../../../src/threads/shared-memory.js';

const THREADS = 4;
const SESSION = { sessions_max: 4000, actions_kept: 20, mcp_sessions_per_caller_max: 100 };
const thresholds = { ttlMs: 3_600_000, halfLifeMs: 3_600_000, riskDenyAt: 1, actionsKept: SESSION.actions_kept, sessionsMax: SESSION.sessions_max };
const shipped = parseChains(readFileSync('config/session_chains.yaml', 'utf8'), 'config/session_chains.yaml');
const STEP = 0.0001;
const chains: SessionChains = { ...shipped, risk: { ...shipped.risk, level: { ...shipped.risk.level, low: STEP } } };
const breaker = { failuresToOpen: 5, resetTimeoutMs: 1000, successesToClose: 2, probesMax: 3 };
const memoryOf = (): SharedMemory => createSharedMemory({ session: SESSION } as unknown as Parameters<typeof createSharedMemory>[0]);
const OWN = 1;

/** Each thread's answer. */
async function together(memory: SharedMemory, work: object): Promise<unknown[]> {
  const gate = new SharedArrayBuffer(4);
  return Promise.all(Array.from({ length: THREADS }, (_, i) => new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./counting-thread.mjs', import.meta.url), { workerData: { memory, owner: i + 2, threads: THREADS, gate, work, thresholds, chains, breaker } });
    worker.once('message', resolve);
    worker.once('error', reject);
  })));
}
const total = (counts: readonly unknown[]): number => counts.reduce<number>((sum, one) => sum + Number(one), 0);

describe('threads that count at the same time', () => {
  it('let exactly a bucket\'s calls through', async () => {
    const memory = memoryOf();
    expect(total(await together(memory, { kind: 'take', key: 'caller', burst: 1000, times: 2500 }))).toBe(1000);
    expect(createRateLimiter(openSharedMemory(memory, OWN).buckets).peek('caller', 60, 1000, 0)).toMatchObject({ allowed: false, remaining: 0 });
  });

  it('let exactly a bucket\'s calls through while its rate changes under them', async () => {
    expect(total(await together(memoryOf(), { kind: 'takeChanging', key: 'caller', burst: 1000, times: 2500 }))).toBe(1000);
  });

  it('meet in one bucket for each key, whoever comes first', async () => {
    const counts = await together(memoryOf(), { kind: 'takeMany', keys: 5000, burst: 2, times: 5000 });
    expect(total(counts)).toBe(10_000);
  });

  it('open one breaker together, and send exactly as many probes as it allows', async () => {
    const memory = memoryOf();
    await together(memory, { kind: 'fail', key: 'a', times: 2 });
    const own = createCircuitBreakers(breaker, openSharedMemory(memory, OWN).breakers, THREADS);
    expect(own.state('a')).toEqual({ kind: 'open', untilMs: 1000 });
    expect(total(await together(memory, { kind: 'probe', key: 'a', times: 50, nowMs: 1000 }))).toBe(3);
    expect(own.state('a')).toEqual({ kind: 'half_open', probesInFlight: 3, successes: 0 });
  });

  it('give back the probes of a thread that ended, and those of no other', async () => {
    const memory = memoryOf();
    await together(memory, { kind: 'fail', key: 'a', times: 2 });
    const sent = await together(memory, { kind: 'probe', key: 'a', times: 50, nowMs: 1000 });
    const views = openSharedMemory(memory, OWN);
    const own = createCircuitBreakers(breaker, views.breakers, THREADS);
    for (const [index, probes] of sent.entries()) {
      cleanUpAfter(views, { index, owner: index + 2 }, () => false);
      expect([1, 2, 3, 4].filter(() => own.admit('a', 1001).admitted)).toHaveLength(Number(probes));
    }
  });

  it('add up one risk, lose no action\'s weight, and tell the same of it', async () => {
    const memory = memoryOf();
    await together(memory, { kind: 'record', caller: 'c', session: 's', action: { classification: 'public', external: false, riskLevel: 'low', destination: 'localhost' }, times: 1000 });
    const [own, ...others] = [createSessionRisk(thresholds, chains, openSharedMemory(memory, OWN).risk).load('c', 's', 999), ...(await together(memory, { kind: 'view', caller: 'c', session: 's', nowMs: 999 })) as SessionView[]];
    // Decay by the clock of the calls, which starts at 0 in each thread, is less than the thousandth part of it.
    expect(own?.riskScore).toBeGreaterThan(THREADS * 1000 * STEP * 0.999);
    expect(own?.riskScore).toBeLessThanOrEqual(THREADS * 1000 * STEP + 1e-9);
    expect(own?.previousActions).toHaveLength(SESSION.actions_kept);
    for (const other of others) expect(other).toMatchObject({ riskScore: own?.riskScore, previousActions: own?.previousActions });
  });

  it('see the taint that any of them set, and lose none in a flood of sessions', async () => {
    const memory = memoryOf();
    await together(memory, { kind: 'taint', callers: 1000, times: 4000 });
    const own = createSessionRisk(thresholds, chains, openSharedMemory(memory, OWN).risk);
    const tainted = new Set(Array.from({ length: THREADS }, (_, thread) => Array.from({ length: 1000 }, (_unused, i) => `caller-${(i * (thread + 2)) % 1000}`)).flat());
    expect([...tainted].filter((caller) => !own.load(caller, undefined, 2).tainted)).toEqual([]);
    expect(own.size).toBeLessThanOrEqual(SESSION.sessions_max);
  });

  it('hand out exactly as many places for MCP sessions as there are, in all and to one caller', async () => {
    const memory = memoryOf();
    expect(total(await together(memory, { kind: 'places', times: 300, limits: { perCallerMax: 10, totalMax: 500 } }))).toBe(500);
    const views = openSharedMemory(memory, OWN);
    expect(views.places.taken).toBe(500);
    for (const index of [0, 1, 2, 3]) cleanUpAfter(views, { index, owner: index + 2 }, () => false);
    expect([views.places.taken, views.places.table.size]).toEqual([0, 0]);
    await together(memory, { kind: 'places', caller: 'one', times: 300, limits: { perCallerMax: 10, totalMax: 500 } });
    expect(views.places.taken).toBe(10);
  });
});
