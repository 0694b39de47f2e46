// A worker's tasks for the pool's tests: echo, throw, wait, say how many came together, never end, or end the thread later. Where `broken` says so it can't start.
import { workerData } from 'node:worker_threads';

const LATER_MS = 50;
if (workerData.broken?.[0] === 1) throw new Error('can not start');

function work({ what, value, gate }, together) {
  if (what === 'throw') throw new Error('task failed');
  if (what === 'forever') for (;;);
  if (what === 'fail_later') setTimeout(() => { throw new Error('failed later'); }, LATER_MS);
  if (what === 'wait') Atomics.wait(new Int32Array(gate), 0, 0);
  return what === 'batch' ? together : value;
}

export function workAll(tasks) {
  return tasks.map((task) => {
    try {
      return { answer: work(task, tasks.length) };
    } catch (fault) {
      return { fault };
    }
  });
}
