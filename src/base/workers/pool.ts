// A pool of worker threads with a bounded queue and a time limit (Piscina). Small tasks that wait together go to a thread together.
import type { Piscina } from 'piscina';
import type { Outcome } from './each-task.js';

export interface WorkerPoolOptions {
  /** The built worker file: a path or file URL. */
  readonly filename: string;
  /** The function it exports that gets the tasks: made by `eachTask`. */
  readonly task: string;
  readonly threads: number;
  /** Tasks that may wait; one more is refused. */
  readonly queueMax: number;
  /** For each of two: waiting, and with a thread. What has waited longer is not begun; a task that takes longer ends its thread, which is replaced, and those that went with it. */
  readonly timeoutMs: number;
  /** So many bytes may go to a thread together; a larger task goes alone. A message there and back costs two threads a tenth of a millisecond. */
  readonly togetherBytesMax: number;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  readonly workerData?: unknown;
  /** A thread ended that had no task: one that has is the fault of its tasks. */
  readonly threadLost: (fault: unknown) => void;
}

export interface Work {
  readonly bytes: number;
  /** Called when a thread takes it, so that only what is under way has memory of its own. What it throws rejects. */
  makeTask(): unknown;
  /** The thread is through with the task, whether it has answered or thrown. Not called where a thread was ended: it may have been reading. */
  finished(): void;
}

export interface WorkerPool {
  /** Rejects with PoolFull, PoolTimeout, or what the task threw. */
  run(work: Work): Promise<unknown>;
  /** Waits in line instead of being refused. The caller bounds how many wait. */
  runWhenRoom(work: Work): Promise<unknown>;
  readonly waiting: number;
  close(): Promise<void>;
}

export class PoolFull extends Error {
  constructor() {
    super('too many tasks wait for the worker pool');
    this.name = 'PoolFull';
  }
}

export class PoolTimeout extends Error {
  constructor(timeoutMs: number) {
    super(`a task of the worker pool took longer than ${timeoutMs} ms`);
    this.name = 'PoolTimeout';
  }
}

const CLOSED = 'the worker pool is closed';

interface Waiting {
  readonly work: Work;
  readonly sinceMs: number;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (fault: unknown) => void;
}

export function createWorkerPool(options: WorkerPoolOptions): WorkerPool {
  const { threads, queueMax, timeoutMs, togetherBytesMax, nowMs } = options;
  // Its threads start with the first task: they cost memory, and a gateway that sees small messages alone never needs them.
  let piscina: Promise<Piscina> | undefined;
  const open = (): Promise<Piscina> => (piscina ??= import('piscina').then((found) => watched(new found.Piscina({
    filename: options.filename,
    name: options.task,
    minThreads: threads,
    maxThreads: threads,
    workerData: options.workerData,
    // A worker waiting in Atomics.wait could do nothing else, not even end.
    atomics: 'async',
    maxQueue: threads, // it holds a task until a thread has started; what waits, waits here
  }))));
  /** Unheard, this event would end the thread that asks. Piscina replaces what it loses, but not for the tasks that wait where a thread can't even start: those are answered, and the next begins anew. */
  const watched = (pool: Piscina): Piscina => pool.on('error', (fault: unknown) => {
    options.threadLost(fault);
    if (pool.queueSize === 0) return;
    piscina = undefined;
    void pool.destroy();
  });
  /** Admitted: under way, or in the queue. */
  let unfinished = 0;
  let busyThreads = 0;
  const queue: Waiting[] = [];
  let closed = false;
  /** Each is given the place of a task that has ended. */
  const line: (() => void)[] = [];
  const isFull = (): boolean => unfinished >= threads + queueMax;

  function leave(): void {
    const next = line.shift();
    if (next === undefined) unfinished--;
    else next();
  }

  async function run(work: Work): Promise<unknown> {
    if (isFull()) throw new PoolFull();
    unfinished++;
    return admitted(work);
  }

  async function runWhenRoom(work: Work): Promise<unknown> {
    if (isFull()) await new Promise<void>((resolve) => line.push(resolve));
    else unfinished++;
    return admitted(work);
  }

  async function admitted(work: Work): Promise<unknown> {
    try {
      if (closed) throw new Error(CLOSED);
      return await new Promise((resolve, reject) => {
        queue.push({ work, sinceMs: nowMs(), resolve, reject });
        dispatch();
      });
    } finally {
      leave();
    }
  }

  function dispatch(): void {
    while (busyThreads < threads && queue.length > 0) {
      const together: Waiting[] = [];
      const tasks: unknown[] = [];
      for (const waiting of takeTogether()) {
        try {
          if (nowMs() - waiting.sinceMs >= timeoutMs) throw new PoolTimeout(timeoutMs);
          tasks.push(waiting.work.makeTask());
          together.push(waiting);
        } catch (fault) {
          waiting.reject(fault);
        }
      }
      if (tasks.length > 0) void runTogether(together, tasks);
    }
  }

  /** The first that waits, and those behind it that fit. No other thread has time for them: a task that comes while one rests is taken at once. */
  function takeTogether(): readonly Waiting[] {
    let count = 0;
    let bytes = 0;
    for (const { work } of queue) {
      if (count > 0 && bytes + work.bytes > togetherBytesMax) break;
      count++;
      bytes += work.bytes;
    }
    return queue.splice(0, count);
  }

  async function runTogether(together: readonly Waiting[], tasks: readonly unknown[]): Promise<void> {
    busyThreads++;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), timeoutMs);
    try {
      const outcomes = (await (await open()).run(tasks, { signal: abort.signal })) as readonly Outcome[];
      together.forEach(({ work, resolve, reject }, place) => {
        work.finished();
        const outcome = outcomes[place];
        if (outcome === undefined) reject(new TypeError('the worker left out a task'));
        else if ('fault' in outcome) reject(outcome.fault);
        else resolve(outcome.answer);
      });
    } catch (error) {
      for (const { reject } of together) reject(abort.signal.aborted ? new PoolTimeout(timeoutMs) : error);
    } finally {
      clearTimeout(timer);
      busyThreads--;
      dispatch();
    }
  }

  return {
    run,
    runWhenRoom,
    get waiting() {
      return Math.max(0, unfinished - threads) + line.length;
    },
    close: async () => {
      closed = true;
      for (const { reject } of queue.splice(0)) reject(new Error(CLOSED));
      await (await piscina)?.destroy();
    },
  };
}
