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

  it('lets what can wait stand in line for a place, in order, and makes its task only then', async () => {
    const workers = open(1);
    const gate = new SharedArrayBuffer(4);
    const running = [1, 2].map((value) => workers.run({ what: 'wait', value, gate }));
    const made: number[] = [];
    const inLine = [3, 4, 5].map((value) => workers.runWhenRoom(() => (made.push(value), { what: 'echo', value })));
    await Promise.resolve();
    expect([made, workers.waiting]).toEqual([[], 4]);
    Atomics.store(new Int32Array(gate), 0, 1);
    Atomics.notify(new Int32Array(gate), 0);
    // A place that was given to the line is nobody else's.
    await Promise.race(running);
    await expect(workers.run({ what: 'echo', value: 6 })).rejects.toBeInstanceOf(PoolFull);
    expect(await Promise.all(inLine)).toEqual([3, 4, 5].map((value) => ({ task: { what: 'echo', value }, answer: value })));
    expect([await Promise.all(running), made, workers.waiting]).toEqual([[1, 2], [3, 4, 5], 0]);
  });

  it('gives the place on where no task could be made', async () => {
    const workers = open(1);
    const fail = (): never => { throw new Error('no memory'); };
    for (let time = 0; time < 3; time++) await expect(workers.runWhenRoom(fail)).rejects.toThrow('no memory');
    expect((await workers.runWhenRoom(() => ({ what: 'echo', value: 8 }))).answer).toBe(8);
    expect(workers.waiting).toBe(0);
  });

  it('ends a task that does not end, and goes on with a new thread', async () => {
    const workers = open(2, 1500);
    await expect(workers.run({ what: 'forever' })).rejects.toBeInstanceOf(PoolTimeout);
    expect(await workers.run({ what: 'echo', value: 7 })).toBe(7);
  });
});
