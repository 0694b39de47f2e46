// A worker's tasks for the pool's tests: echo, throw, wait, say how many came together, or never end.
function work({ what, value, gate }, together) {
  if (what === 'throw') throw new Error('task failed');
  if (what === 'forever') for (;;);
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
