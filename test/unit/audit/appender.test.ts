// The gateway thread's side by itself, against a writer that answers when the test says so: order, bound, async, closing, a writer that ends.
import type { MessagePort } from 'node:worker_threads';
import { MessageChannel } from 'node:worker_threads';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAppender } from '../../../src/audit/appender.js';
import type { FromWriter, ToWriter } from '../../../src/audit/protocol.js';
import type { AuditAppender } from '../../../src/audit/types.js';

const line = (id: string): string => `{"type":"request","id":"${id}"`;
const hashOf = (seq: number): string => String(seq).padStart(64, '0');

let writer: MessagePort;
let port: MessagePort;
let received: string[][];
let seq: number;
beforeEach(() => {
  ({ port1: port, port2: writer } = new MessageChannel());
  received = [];
  seq = 1;
  writer.on('message', (message: ToWriter) => received.push([...message.lines]));
});
afterEach(() => writer.close());

const open = (queueLinesMax = 100, durability: 'group' | 'async' = 'group'): AuditAppender => openAppender(port, { queueLinesMax, durability });
const say = (message: FromWriter): void => writer.postMessage(message);
/** Acknowledges so many lines of so many messages. */
function acknowledge(count: number, messages = 1): void {
  say({ kind: 'durable', count, messages, firstSeq: seq, hashes: Array.from({ length: count }, (_, i) => hashOf(seq + i)).join('') });
  seq += count;
}
async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 10_000 && !condition(); i++) await turn();
  expect(condition()).toBe(true);
}

type Answer = readonly [id: string, error: string | undefined, seq: number | undefined];
function collector(appender: AuditAppender): { readonly answers: Answer[]; append(...ids: string[]): void } {
  const answers: Answer[] = [];
  return {
    answers,
    append(...ids) {
      for (const id of ids) appender.append(line(id), (error, sealed) => void answers.push([id, error?.message, sealed?.seq]));
    },
  };
}

describe('lines', () => {
  it('of one turn go in one message; what comes during a commit goes in the next one, whole', async () => {
    const { append, answers } = collector(open());
    append('a', 'b');
    await until(() => received.length === 1);
    append('c');
    await turn();
    append('d');
    for (let i = 0; i < 20; i++) await turn();
    expect(received).toEqual([[line('a'), line('b')]]);
    expect(answers).toEqual([]);
    acknowledge(2);
    await until(() => received.length === 2);
    expect(received[1]).toEqual([line('c'), line('d')]);
    acknowledge(2);
    await until(() => answers.length === 4);
    expect(answers).toEqual([['a', undefined, 1], ['b', undefined, 2], ['c', undefined, 3], ['d', undefined, 4]]);
  });

  it('of a message that is answered in parts are answered in order, each with its own hash', async () => {
    const appender = open();
    const hashes: (string | undefined)[] = [];
    for (const id of ['a', 'b', 'c']) appender.append(line(id), (_, sealed) => void hashes.push(sealed?.hash));
    await until(() => received.length === 1);
    acknowledge(2, 0);
    await until(() => hashes.length === 2);
    appender.append(line('d'), () => undefined);
    for (let i = 0; i < 20; i++) await turn();
    expect(received).toHaveLength(1); // the first message is not answered whole yet
    acknowledge(1, 1);
    await until(() => received.length === 2);
    expect(hashes).toEqual([1, 2, 3].map(hashOf));
  });

  it('stay in order over many rounds, and an answer never comes before the writer\'s', async () => {
    const { append, answers } = collector(open(20_000));
    const sent: string[] = [];
    for (let round = 0; round < 50; round++) {
      const ids = Array.from({ length: 1 + (round * 7) % 300 }, (_, i) => `${round}.${i}`);
      sent.push(...ids);
      append(...ids);
      await until(() => received.flat().length === sent.length);
      const before = answers.length;
      expect(before).toBe(sent.length - ids.length);
      acknowledge(ids.length);
      await until(() => answers.length === sent.length);
    }
    expect(answers).toEqual(sent.map((id, i) => [id, undefined, i + 1]));
  });

  it('that no audit line can be are refused without a word to the writer', async () => {
    const { append, answers } = collector(open());
    const refused: unknown[] = [];
    const appender = open();
    for (const bad of ['', 'x', ' {"type":"request"', '{"type":"a\nb"', `{"type":"${'x'.repeat(1 << 20)}"`]) appender.append(bad, (error) => void refused.push(error));
    expect(refused.every((error) => error instanceof Error)).toBe(true);
    expect(refused).toHaveLength(5);
    append('a');
    await until(() => received.length === 1);
    expect(received).toEqual([[line('a')]]);
    expect(answers).toEqual([]);
  });

  it('are not held up by a listener that throws', async () => {
    const thrown: unknown[] = [];
    const catcher = (fault: unknown): void => void thrown.push(fault);
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', catcher);
    try {
      const appender = open();
      const { append, answers } = collector(appender);
      appender.append(line('bad'), () => {
        throw new Error('of the listener');
      });
      append('good');
      await until(() => received.length === 1);
      acknowledge(2);
      await until(() => answers.length === 1 && thrown.length === 1);
      expect(answers).toEqual([['good', undefined, 2]]);
      expect((thrown[0] as Error).message).toBe('of the listener');
    } finally {
      process.off('uncaughtException', catcher);
      for (const other of others) process.on('uncaughtException', other);
    }
  });

  it('may be appended by an answer', async () => {
    const appender = open();
    const order: number[] = [];
    appender.append(line('a'), (_, sealed) => {
      order.push(sealed?.seq ?? 0);
      appender.append(line('b'), (_error, next) => void order.push(next?.seq ?? 0));
    });
    await until(() => received.length === 1);
    acknowledge(1);
    await until(() => received.length === 2);
    acknowledge(1);
    await until(() => order.length === 2);
    expect(order).toEqual([1, 2]);
  });
});

describe('the bound', () => {
  it('refuses the line above it at once, counts what is under way, and opens again as answers come', async () => {
    const appender = open(2);
    const { append, answers } = collector(appender);
    append('a', 'b');
    expect(appender.healthy).toBe(false);
    append('c');
    expect(answers.map(([id]) => id)).toEqual(['c']);
    expect(answers[0]?.[1]).toContain('audit.queue_lines_max');
    await until(() => received.length === 1);
    expect(appender.healthy).toBe(false); // sent is not written
    acknowledge(1, 0);
    await until(() => appender.healthy);
    append('d');
    acknowledge(1, 1);
    await until(() => received.length === 2);
    expect(received).toEqual([[line('a'), line('b')], [line('d')]]);
  });
});

describe('async durability', () => {
  it('answers at once without a seal, and never again', async () => {
    const { append, answers } = collector(open(10, 'async'));
    append('a', 'b');
    expect(answers).toEqual([['a', undefined, undefined], ['b', undefined, undefined]]);
    await until(() => received.length === 1);
    acknowledge(2);
    for (let i = 0; i < 20; i++) await turn();
    expect(answers).toHaveLength(2);
  });

  it('is bounded, and stops when the writer fails', async () => {
    const appender = open(2, 'async');
    const { append, answers } = collector(appender);
    append('a', 'b', 'c');
    expect(answers.map(([, error]) => error === undefined)).toEqual([true, true, false]);
    await until(() => received.length === 1);
    say({ kind: 'health', healthy: false, because: 'ENOSPC' });
    say({ kind: 'failed', count: 2, messages: 1, because: 'ENOSPC' });
    await until(() => appender.because === 'ENOSPC');
    append('d');
    expect(answers.at(-1)).toEqual(['d', 'ENOSPC', undefined]);
  });
});

describe('a failing writer', () => {
  it('gives each waiting line its reason, refuses new ones, and is believed when it recovers', async () => {
    const appender = open();
    const { append, answers } = collector(appender);
    append('a', 'b');
    await until(() => received.length === 1);
    say({ kind: 'health', healthy: false, because: 'EIO' });
    say({ kind: 'failed', count: 2, messages: 1, because: 'EIO' });
    await until(() => answers.length === 2);
    expect(answers).toEqual([['a', 'EIO', undefined], ['b', 'EIO', undefined]]);
    expect([appender.healthy, appender.because]).toEqual([false, 'EIO']);
    append('c');
    expect(answers.at(-1)).toEqual(['c', 'EIO', undefined]);
    say({ kind: 'health', healthy: true, because: '' });
    await until(() => appender.healthy);
    append('d');
    await until(() => received.length === 2);
    expect(received[1]).toEqual([line('d')]);
  });

  it('that ends fails what waits, sent or not, and every later line', async () => {
    const appender = open();
    const { append, answers } = collector(appender);
    append('sent');
    await until(() => received.length === 1);
    append('waiting');
    await turn();
    writer.close();
    await until(() => answers.length === 2);
    expect(answers.every(([, error]) => error !== undefined && error !== '')).toBe(true);
    expect(appender.healthy).toBe(false);
    append('late');
    expect(answers.at(-1)?.[1]).toBe(appender.because);
  });
});

describe('closing', () => {
  it('sends what waits, ends once all is answered, and takes no more', async () => {
    const appender = open();
    const { append, answers } = collector(appender);
    append('a');
    await until(() => received.length === 1);
    append('b');
    let closed = 0;
    const closings = [appender.close(), appender.close()].map((closing) => closing.then(() => (closed += 1)));
    append('late');
    expect(answers.map(([id]) => id)).toEqual(['late']);
    acknowledge(1);
    await until(() => received.length === 2);
    expect(closed).toBe(0);
    acknowledge(1);
    await Promise.all(closings);
    expect(answers.slice(1)).toEqual([['a', undefined, 1], ['b', undefined, 2]]);
    expect(received.flat()).toEqual([line('a'), line('b')]);
    expect(appender.healthy).toBe(false);
  });

  it('ends although the writer does, and says which lines failed', async () => {
    const appender = open();
    const { append, answers } = collector(appender);
    append('a');
    await until(() => received.length === 1);
    const closing = appender.close();
    writer.close();
    await closing;
    expect(answers).toMatchObject([['a', expect.any(String), undefined]]);
  });
});
