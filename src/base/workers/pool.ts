// A pool of worker threads with a bounded queue and a time limit for each task (Piscina).
import type { Piscina } from 'piscina';

export interface WorkerPoolOptions {
  /** The built worker file: a path or file URL. */
  readonly filename: string;
  /** The function it exports that gets each task. */
  readonly task: string;
  readonly threads: number;
  /** Tasks that may wait; one more is refused. */
  readonly queueMax: number;
  /** From the call to the answer. A task that takes longer ends its thread, which is replaced. */
  readonly timeoutMs: number;
  readonly workerData?: unknown;
}

export interface WorkerPool {
  /** Rejects with PoolFull, PoolTimeout, or what the task threw. Typed arrays in `task` are copied when it is sent, not now: pass own copies. */
  run(task: unknown): Promise<unknown>;
  /** Waits in line instead of being refused; `makeTask` is called when there is room, and what it throws rejects. The caller bounds how many wait. */
  runWhenRoom<Task>(makeTask: () => Task): Promise<{ readonly task: Task; readonly answer: unknown }>;
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

export function createWorkerPool(options: WorkerPoolOptions): WorkerPool {
  // Its threads start with the first task: they cost memory, and a gateway that sees small messages alone never needs them.
  let piscina: Promise<Piscina> | undefined;
  const open = (): Promise<Piscina> => (piscina ??= import('piscina').then((found) => new found.Piscina({
    filename: options.filename,
    name: options.task,
    minThreads: options.threads,
    maxThreads: options.threads,
    workerData: options.workerData,
    // A worker waiting in Atomics.wait could do nothing else, not even end.
    atomics: 'async',
    maxQueue: options.queueMax + options.threads,
  })));
  // Counted here: Piscina's own queue holds a task until a thread has started, so that its size says little.
  let unfinished = 0;
  /** Each is given the place of a task that has ended. */
  const line: (() => void)[] = [];
  const isFull = (): boolean => unfinished >= options.threads + options.queueMax;

  function leave(): void {
    const next = line.shift();
    if (next === undefined) unfinished--;
    else next();
  }

  async function run(task: unknown): Promise<unknown> {
    if (isFull()) throw new PoolFull();
    unfinished++;
    try {
      return await start(task);
    } finally {
      leave();
    }
  }

  async function runWhenRoom<Task>(makeTask: () => Task): Promise<{ readonly task: Task; readonly answer: unknown }> {
    if (isFull()) await new Promise<void>((resolve) => line.push(resolve));
    else unfinished++;
    try {
      const task = makeTask();
      return { task, answer: await start(task) };
    } finally {
      leave();
    }
  }

  async function start(task: unknown): Promise<unknown> {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), options.timeoutMs);
    try {
      return (await (await open()).run(task, { signal: abort.signal })) as unknown;
    } catch (error) {
      throw abort.signal.aborted ? new PoolTimeout(options.timeoutMs) : error;
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    run,
    runWhenRoom,
    get waiting() {
      return Math.max(0, unfinished - options.threads) + line.length;
    },
    close: async () => (await piscina)?.destroy(),
  };
}
