// One of several threads that count in shared memory at the same time: waits for all to be there, then does what `work` says, in a row.
import { parentPort, workerData } from 'node:worker_threads';
import { createCircuitBreakers } from '../../../dist/engines/limits/circuit-breaker.js';
import { createRateLimiter } from '../../../dist/engines/limits/token-bucket.js';
import { createSessionRisk } from '../../../dist/engines/session-risk/session-risk.js';
import { openSharedMemory } from '../../../dist/threads/shared-memory.js';

const { memory, owner, threads, gate, work, thresholds, chains, breaker } = workerData;
const views = openSharedMemory(memory, owner);
const limiter = createRateLimiter(views.buckets);
const breakers = createCircuitBreakers(breaker, views.breakers, owner - 2);
const risk = createSessionRisk(thresholds, chains, views.risk);

const WORK = {
  take: ({ key, burst, times }) => count(times, () => limiter.take(key, 60, burst, 0).allowed),
  takeChanging: ({ key, burst, times }) => count(times, (i) => {
    limiter.peek(key, i % 2 === 0 ? 1 : 600, burst, 0);
    return limiter.take(key, i % 3 === 0 ? 1 : 600, burst, 0).allowed;
  }),
  takeMany: ({ keys, burst, times }) => count(times, (i) => limiter.take(`key-${i % keys}`, 60, burst, 0).allowed),
  probe: ({ key, times, nowMs }) => count(times, () => breakers.admit(key, nowMs).admitted),
  fail: ({ key, times }) => count(times, () => breakers.settle(key, false, 'failure', 0)),
  record: ({ caller, session, action, times }) => count(times, (i) => risk.record(caller, session, { ...action, tool: `tool-${owner}-${i % 7}`, atMs: i })),
  taint: ({ callers, times }) => count(times, (i) => risk.taint(`caller-${(i * owner) % callers}`, `session-${owner}-${i % 300}`, 'sensitive', `source-${i % 50}`, 1)),
  view: ({ caller, session, nowMs }) => {
    const { riskScore, flags, tainted, taintSource, previousActions } = risk.load(caller, session, nowMs);
    return { riskScore, flags, tainted, taintSource, previousActions };
  },
  places: ({ caller, times, limits }) => count(times, (i) => views.places.open(caller ?? `caller-${owner}-${i}`, `${owner}-${i}`, i, limits).kind === 'opened'),
};

const words = new Int32Array(gate);
Atomics.add(words, 0, 1);
Atomics.notify(words, 0);
for (let there = Atomics.load(words, 0); there < threads; there = Atomics.load(words, 0)) Atomics.wait(words, 0, there);
parentPort.postMessage(WORK[work.kind](work));

function count(times, one) {
  let passed = 0;
  for (let i = 0; i < times; i++) if (one(i) === true) passed++;
  return passed;
}
