// What is read out of messages beside their scan: of a small one here, of a large one in a thread of the pool. Ten megabytes take up to half a second, in which no other call would be served.
import type { MessageSlots } from './message-slots.js';
import { messageWork } from './message-work.js';
import type { Work, WorkerPool } from './pool.js';

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

export interface ReadingPool {
  readonly threads: WorkerPool;
  readonly slots: MessageSlots;
  /** That the pool is given at once; the others wait here, in line. What is plain was not scanned there, and its readings could take all places that scans have. */
  readonly readingsMax: number;
}

/** `pool`: undefined where everything is read here. */
export function createMessageReader(pool: ReadingPool | undefined): MessageReader {
  let readings = 0;
  /** Each is given the place of a reading that has ended. */
  const line: (() => void)[] = [];

  async function inTurn({ threads, readingsMax }: ReadingPool, work: Work): Promise<unknown> {
    if (readings < readingsMax) readings++;
    else await new Promise<void>((resolve) => line.push(resolve));
    try {
      return await threads.runWhenRoom(work);
    } finally {
      const next = line.shift();
      if (next === undefined) readings--;
      else next();
    }
  }

  return {
    read({ name, read, isFound }, message, asked, inlineBytesMax) {
      if (pool === undefined || message.body.length <= inlineBytesMax) return read(message.body, asked);
      message.retain();
      const work = messageWork(pool.slots, message.body, (bytes): ReadingTask => ({ kind: 'reading', name, bytes, asked }));
      return inTurn(pool, work).then((answer) => {
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
