// The worker pool: bounded, timed, and whole again after a task that never ended.
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { createWorkerPool, PoolFull, PoolTimeout, type WorkerPool } from '../../../../src/base/workers/pool.js';

const filename = fileURLToPath(new URL('./task-fixture.mjs', import.meta.url));
let pool: WorkerPool | undefined;
afterEach(() => pool?.close());
const open = (queueMax: number, timeoutMs = 20_000): WorkerPool => (pool = createWorkerPool({ filename, task: 'work', threads: 1, queueMax, timeoutMs }));

describe('worker pool', () => {
  it('runs tasks and passes on what they throw', async () => {
    const workers = open(4);
    expect(await workers.run({ what: 'echo', value: 5 })).toBe(5);
    await expect(workers.run({ what: 'throw' })).rejects.toThrow('task failed');
    expect(await workers.run({ what: 'echo', value: 6 })).toBe(6);
  });

  it('refuses what does not fit into the queue, and takes tasks again when there is room', async () => {
    const workers = open(2);
    const gate = new SharedArrayBuffer(4);
    const running = [1, 2, 3].map((value) => workers.run({ what: 'wait', value, gate }));
    await expect(workers.run({ what: 'echo', value: 4 })).rejects.toBeInstanceOf(PoolFull);
    expect(workers.waiting).toBe(2);
    Atomics.store(new Int32Array(gate), 0, 1);
    Atomics.notify(new Int32Array(gate), 0);
    expect(await Promise.all(running)).toEqual([1, 2, 3]);
    expect(await workers.run({ what: 'echo', value: 5 })).toBe(5);
  });

  it('ends a task that does not end, and goes on with a new thread', async () => {
    const workers = open(2, 1500);
    await expect(workers.run({ what: 'forever' })).rejects.toBeInstanceOf(PoolTimeout);
    expect(await workers.run({ what: 'echo', value: 7 })).toBe(7);
  });
});
