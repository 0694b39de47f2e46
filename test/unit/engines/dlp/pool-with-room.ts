// A worker pool that has room for every task; `run` does the work.
import type { Work, WorkerPool } from '../../../../src/base/workers/pool.js';

export function poolWithRoom(run: (task: unknown) => Promise<unknown>): WorkerPool {
  async function work({ makeTask, finished }: Work): Promise<unknown> {
    const answer = await run(makeTask());
    finished();
    return answer;
  }
  return { run: work, runWhenRoom: work, waiting: 0, close: () => Promise.resolve() };
}
