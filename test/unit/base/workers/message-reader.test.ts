// A large message is read in the pool, and the same is found there as here.
import { expect, it } from 'vitest';
import { createMessageReader, createReadingTask, type MessageReader, type Reading, type ReadingTask, type ReadMessage } from '../../../../src/base/workers/message-reader.js';
import { MessageSlots } from '../../../../src/base/workers/message-slots.js';
import type { Work, WorkerPool } from '../../../../src/base/workers/pool.js';
import { poolWithRoom } from '../../engines/dlp/pool-with-room.js';

const body = Buffer.from('some text, é');
const TAIL: Reading<{ readonly from: number }, string> = {
  name: 'tail', read: (bytes, { from }) => Buffer.from(bytes.subarray(from)).toString('utf8'), isFound: (answer): answer is string => typeof answer === 'string',
};
const LENGTH: Reading<undefined, number> = { name: 'length', read: (bytes) => bytes.length, isFound: (answer): answer is number => typeof answer === 'number' };

const task = createReadingTask([LENGTH, TAIL]);
const threads = poolWithRoom((asked) => Promise.resolve(structuredClone(task(structuredClone(asked) as ReadingTask))));
const readerOn = (pool: WorkerPool): MessageReader => createMessageReader({ threads: pool, slots: new MessageSlots(), readingsMax: 2 });

/** Its bytes are another's once it was retained, as those of a handler that has returned. */
function borrowed(): ReadMessage & { retained: number } {
  const lent = Buffer.from(body);
  return {
    body: lent,
    retained: 0,
    retain() {
      this.retained += 1;
      Object.assign(this, { body: Buffer.from(lent) });
      lent.fill(0);
    },
  };
}

it('reads a small message at once, and awaits a large one', async () => {
  const message = borrowed();
  const reader = readerOn(threads);
  expect([reader.read(TAIL, message, { from: 5 }, body.length), reader.read(LENGTH, message, undefined, body.length), message.retained]).toEqual(['text, é', 13, 0]);
  const awaited = reader.read(TAIL, message, { from: 5 }, body.length - 1);
  expect([awaited instanceof Promise, message.retained]).toEqual([true, 1]);
  expect([await awaited, await reader.read(LENGTH, message, undefined, 0)]).toEqual(['text, é', 13]);
});

it('reads all at once where there is no pool', () => {
  expect(createMessageReader(undefined).read(TAIL, borrowed(), { from: 5 }, 0)).toBe('text, é');
});

it('rejects what a thread fails at, answers otherwise, or does not know', async () => {
  const answering = (answer: Promise<unknown>): unknown => readerOn(poolWithRoom(() => answer)).read(TAIL, borrowed(), { from: 0 }, 0);
  await expect(answering(Promise.resolve(7))).rejects.toThrow('something else');
  await expect(answering(Promise.reject(new Error('it took too long')))).rejects.toThrow('it took too long');
  expect(() => createReadingTask([LENGTH])({ kind: 'reading', name: 'tail', bytes: body, asked: undefined })).toThrow('no thread of this pool reads tail');
});

it('waits in line where the pool is full, and rejects a message that was given up meanwhile', () => {
  const line: Work[] = [];
  const full: WorkerPool = { ...threads, run: () => Promise.reject(new Error('full')), runWhenRoom: (work) => new Promise(() => line.push(work)) };
  const lent = { body: new Uint8Array(new ArrayBuffer(body.length)), retain: () => undefined };
  void readerOn(full).read(LENGTH, lent, undefined, 0);
  structuredClone(lent.body.buffer, { transfer: [lent.body.buffer] });
  expect(() => line[0]?.makeTask()).toThrow('given up');
});

it('gives the pool so many at once, and the next one whenever one of them has ended, however', async () => {
  const ends: ((answer: Promise<number>) => void)[] = [];
  const reader = readerOn(poolWithRoom(() => new Promise((resolve) => ends.push(resolve))));
  const read = async (): Promise<number> => reader.read(LENGTH, borrowed(), undefined, 0);
  const [first, second, third, fourth] = [read(), read(), read(), read()];
  await new Promise(setImmediate);
  expect(ends.length).toBe(2);
  ends[0]?.(Promise.reject(new Error('it took too long')));
  await expect(first).rejects.toThrow('it took too long');
  expect(ends.length).toBe(3);
  ends[1]?.(Promise.resolve(1));
  expect([await second, ends.length]).toEqual([1, 4]);
  ends[2]?.(Promise.resolve(2));
  ends[3]?.(Promise.resolve(3));
  expect([await third, await fourth]).toEqual([2, 3]);
  void read();
  void read();
  void read();
  await new Promise(setImmediate);
  expect(ends.length).toBe(6);
});
