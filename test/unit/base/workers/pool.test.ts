// The worker pool: bounded, timed, and whole again after a task that never ended.
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../../../support/until.js';
import { createWorkerPool, PoolFull, PoolTimeout, type Work, type WorkerPool } from '../../../../src/base/workers/pool.js';

const filename = fileURLToPath(new URL('./task-fixture.mjs', import.meta.url));
let pool: WorkerPool | undefined;
let nowMs = 0;
const lost: unknown[] = [];
afterEach(() => pool?.close());
const open = (queueMax: number, timeoutMs = 20_000, workerData: unknown = {}): WorkerPool => {
  lost.length = 0;
  return (pool = createWorkerPool({ filename, task: 'workAll', threads: 1, queueMax, timeoutMs, togetherBytesMax: 100, nowMs: () => nowMs, workerData, threadLost: (fault) => void lost.push(fault) }));
};
function of(task: Readonly<Record<string, unknown>>, bytes = 1, finished = (): void => undefined): Work {
  return { bytes, makeTask: () => task, finished };
}
function openGate(gate: SharedArrayBuffer): void {
  Atomics.store(new Int32Array(gate), 0, 1);
  Atomics.notify(new Int32Array(gate), 0);
}

describe('worker pool', () => {
  it('runs tasks and passes on what they throw', async () => {
    const workers = open(4);
    expect(await workers.run(of({ what: 'echo', value: 5 }))).toBe(5);
    await expect(workers.run(of({ what: 'throw' }))).rejects.toThrow('task failed');
    expect(await workers.run(of({ what: 'echo', value: 6 }))).toBe(6);
  });

  it('refuses what does not fit into the queue, and takes tasks again when there is room', async () => {
    const workers = open(2);
    const gate = new SharedArrayBuffer(4);
    const running = [1, 2, 3].map((value) => workers.run(of({ what: 'wait', value, gate })));
    await expect(workers.run(of({ what: 'echo', value: 4 }))).rejects.toBeInstanceOf(PoolFull);
    expect(workers.waiting).toBe(2);
    openGate(gate);
    expect(await Promise.all(running)).toEqual([1, 2, 3]);
    expect(await workers.run(of({ what: 'echo', value: 5 }))).toBe(5);
  });

  it('lets what can wait stand in line for a place, in order, and makes its task only then', async () => {
    const workers = open(1);
    const gate = new SharedArrayBuffer(4);
    const running = [1, 2].map((value) => workers.run(of({ what: 'wait', value, gate })));
    const made: number[] = [];
    const inLine = [3, 4, 5].map((value) => workers.runWhenRoom({ ...of({}), makeTask: () => (made.push(value), { what: 'echo', value }) }));
    await Promise.resolve();
    expect([made, workers.waiting]).toEqual([[], 4]);
    openGate(gate);
    // A place that was given to the line is nobody else's.
    await Promise.race(running);
    await expect(workers.run(of({ what: 'echo', value: 6 }))).rejects.toBeInstanceOf(PoolFull);
    expect(await Promise.all(inLine)).toEqual([3, 4, 5]);
    expect([await Promise.all(running), made, workers.waiting]).toEqual([[1, 2], [3, 4, 5], 0]);
  });

  it('gives the place on where no task could be made', async () => {
    const workers = open(1);
    const fail = (): never => { throw new Error('no memory'); };
    for (let time = 0; time < 3; time++) await expect(workers.runWhenRoom({ ...of({}), makeTask: fail })).rejects.toThrow('no memory');
    expect(await workers.runWhenRoom(of({ what: 'echo', value: 8 }))).toBe(8);
    expect(workers.waiting).toBe(0);
  });

  it('ends a task that does not end, and goes on with a new thread', async () => {
    const workers = open(2, 1500);
    await expect(workers.run(of({ what: 'forever' }))).rejects.toBeInstanceOf(PoolTimeout);
    expect(await workers.run(of({ what: 'echo', value: 7 }))).toBe(7);
  });

  it('makes a task when a thread takes it, and says when the thread is through with it: not of one that was ended', async () => {
    const workers = open(10, 1500);
    const gate = new SharedArrayBuffer(4);
    const said: string[] = [];
    const saying = (name: string, task: Readonly<Record<string, unknown>>): Promise<unknown> =>
      workers.run({ bytes: 100, makeTask: () => (said.push(`${name} made`), task), finished: () => void said.push(`${name} finished`) });
    const first = saying('first', { what: 'wait', value: 0, gate });
    const thrown = saying('thrown', { what: 'throw' });
    expect(said).toEqual(['first made']);
    openGate(gate);
    await first;
    await expect(thrown).rejects.toThrow('task failed');
    await expect(saying('ended', { what: 'forever' })).rejects.toBeInstanceOf(PoolTimeout);
    expect(said).toEqual(['first made', 'first finished', 'thrown made', 'thrown finished', 'ended made']);
  });

  it('sends what waits together as far as it fits, and each is answered by itself', async () => {
    const workers = open(10);
    const gate = new SharedArrayBuffer(4);
    const first = workers.run(of({ what: 'wait', value: 0, gate }));
    const sizes = [40, 40, 40, 500, 1, 1];
    const batches = sizes.map((bytes) => workers.run(of({ what: 'batch' }, bytes)));
    const failing = workers.run(of({ what: 'throw' }));
    openGate(gate);
    await expect(failing).rejects.toThrow('task failed');
    expect([await first, await Promise.all(batches)]).toEqual([0, [2, 2, 1, 1, 3, 3]]);
  });

  it('does not begin what has waited longer than its time, and what came with it is done', async () => {
    const workers = open(10);
    const gate = new SharedArrayBuffer(4);
    const first = workers.run(of({ what: 'wait', value: 0, gate }));
    const made: string[] = [];
    const late = workers.run({ ...of({}), makeTask: () => made.push('late') });
    nowMs += 1;
    const inTime = workers.run(of({ what: 'batch' }));
    nowMs += 19_999;
    openGate(gate);
    await expect(late).rejects.toBeInstanceOf(PoolTimeout);
    expect([await first, await inTime, made]).toEqual([0, 1, []]);
  });

  it('replaces a thread that ended while it had nothing to do', async () => {
    const workers = open(2);
    expect(await workers.run(of({ what: 'fail_later' }))).toBe(undefined);
    await until(() => lost.length === 1);
    expect([String(lost[0]), await workers.run(of({ what: 'echo', value: 9 }))]).toEqual(['Error: failed later', 9]);
  });

  it('refuses tasks at once while its threads can not start, and runs them again when they can', async () => {
    const broken = new Int32Array(new SharedArrayBuffer(4)).fill(1);
    const workers = open(2, 20_000, { broken });
    for (let time = 0; time < 3; time++) await expect(workers.run(of({ what: 'echo', value: time }))).rejects.toThrow();
    expect(lost.length).toBeGreaterThan(0);
    broken[0] = 0;
    expect(await workers.run(of({ what: 'echo', value: 3 }))).toBe(3);
  }, 10_000);

  it('refuses what still waits when it is closed', async () => {
    const workers = open(10);
    const tasks = [1, 2].map(() => workers.run(of({ what: 'forever' }, 100)));
    const ended = Promise.allSettled(tasks);
    await workers.close();
    expect((await ended).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(workers.run(of({ what: 'echo', value: 1 }))).rejects.toThrow('closed');
  });
});
