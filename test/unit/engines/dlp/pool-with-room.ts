// A worker pool that has room for every task; `run` does the work.
import type { WorkerPool } from '../../../../src/base/workers/pool.js';

export function poolWithRoom(run: (task: unknown) => Promise<unknown>): WorkerPool {
  return {
    run,
    runWhenRoom: async (makeTask) => {
      const task = makeTask();
      return { task, answer: await run(task) };
    },
    waiting: 0,
    close: () => Promise.resolve(),
  };
}
