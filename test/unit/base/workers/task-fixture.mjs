// A worker task for the pool's tests: echoes, throws, or never ends.
export function work({ what, value, gate }) {
  if (what === 'throw') throw new Error('task failed');
  if (what === 'forever') for (;;);
  if (what === 'wait') Atomics.wait(new Int32Array(gate), 0, 0);
  return value;
}
