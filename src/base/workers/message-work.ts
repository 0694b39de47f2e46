// A task of a worker pool about one message, whose bytes its thread reads in shared memory.
import type { MessageSlots } from './message-slots.js';
import type { Work } from './pool.js';

/** `slots`: those of the pool, whose threads have no more messages under way than they. `taskOf`: what the thread gets, with the copy in it. */
export function messageWork(slots: MessageSlots, bytes: Uint8Array, taskOf: (copy: Uint8Array) => unknown): Work {
  const { length } = bytes;
  let copy: Uint8Array<SharedArrayBuffer> | undefined;
  return {
    bytes: length,
    makeTask() {
      if (bytes.length !== length) throw new Error('the message was given up before it was read');
      copy = slots.copy(bytes);
      return taskOf(copy);
    },
    finished: () => {
      if (copy !== undefined) slots.giveBack(copy);
    },
  };
}
