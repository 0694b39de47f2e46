// What is read out of messages beside their scan: of a small one here, of a large one in a thread of the pool. Ten megabytes take up to half a second, in which no other call would be served.
import type { MessageSlots } from './message-slots.js';
import { messageWork } from './message-work.js';
import type { WorkerPool } from './pool.js';

/** Something that can be read out of a message; `asked` and what is found can be cloned (structuredClone). */
export interface Reading<Asked, Found> {
  /** Its thread knows it by that. */
  readonly name: string;
  readonly read: (body: Uint8Array, asked: Asked) => Found;
  readonly isFound: (answer: unknown) => answer is Found;
}

export interface ReadMessage {
  readonly body: Uint8Array;
  /** Makes `body` outlive the handler that it came with. */
  retain(): void;
}

export interface MessageReader {
  /** Of a message of more than `inlineBytesMax` bytes a promise, which rejects where it can't be read: the caller refuses. */
  read<Asked, Found>(reading: Reading<Asked, Found>, message: ReadMessage, asked: Asked, inlineBytesMax: number): Found | Promise<Found>;
}

export interface ReadingTask {
  readonly kind: 'reading';
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly asked: unknown;
}

/** `pool`: undefined where everything is read here. */
export function createMessageReader(pool: { readonly threads: WorkerPool; readonly slots: MessageSlots } | undefined): MessageReader {
  return {
    read({ name, read, isFound }, message, asked, inlineBytesMax) {
      if (pool === undefined || message.body.length <= inlineBytesMax) return read(message.body, asked);
      message.retain();
      const work = messageWork(pool.slots, message.body, (bytes): ReadingTask => ({ kind: 'reading', name, bytes, asked }));
      // It waits for room: the scan before it has had its place in the line.
      return pool.threads.runWhenRoom(work).then((answer) => {
        if (!isFound(answer)) throw new TypeError(`the worker's reading of ${name} is something else`);
        return answer;
      });
    },
  };
}

/** The thread's side: all that it can read. */
export function createReadingTask(readings: readonly Reading<never, unknown>[]): (task: ReadingTask) => unknown {
  return ({ name, bytes, asked }) => {
    const reading = readings.find((one) => one.name === name);
    if (reading === undefined) throw new TypeError(`no thread of this pool reads ${name}`);
    return reading.read(bytes, asked as never);
  };
}
