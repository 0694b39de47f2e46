// The gateway thread's side by itself, against a writer that answers when the test says so: order, bound, async, closing, a writer that ends.
import { describe, expect, it } from 'vitest';
import { acknowledge, advance, collector, connect, fail, hashOf, line, nudges, open, read, received, receiver, say, seq, sleeper, turns, until, writer } from './appender-fixture.js';

describe('lines', () => {
  it('are there for a writer that looks, without a message', async () => {
    const { append, answers } = collector(open());
    append('a', 'b');
    expect(received()).toEqual([line('a'), line('b')]);
    append('c');
    expect(received()).toEqual([line('a'), line('b'), line('c')]);
    await turns();
    expect([nudges, answers]).toEqual([0, []]);
    acknowledge(3);
    await until(() => answers.length === 3);
    expect(answers).toEqual([['a', undefined, 1], ['b', undefined, 2], ['c', undefined, 3]]);
  });

  it('of one turn wake a writer that rests with one message', async () => {
    const { append } = collector(open());
    expect(sleeper.rest(() => receiver.waiting)).toBe(true);
    append('a', 'b');
    append('c');
    await until(() => nudges === 1);
    append('d'); // it is awake now, and will look before it rests again
    await turns();
    expect(nudges).toBe(1);
    expect(sleeper.rest(() => receiver.waiting)).toBe(false);
    expect(received()).toHaveLength(4);
  });

  it('that are answered in parts are answered in order, each with its own hash', async () => {
    const appender = open();
    const hashes: (string | undefined)[] = [];
    for (const id of ['a', 'b', 'c']) appender.append(line(id), (_, sealed) => void hashes.push(sealed?.hash));
    acknowledge(2);
    await until(() => hashes.length === 2);
    await turns();
    expect(hashes).toHaveLength(2);
    acknowledge(1);
    await until(() => hashes.length === 3);
    expect(hashes).toEqual([1, 2, 3].map(hashOf));
  });

  it('stay in order over many rounds, and an answer never comes before the writer\'s', async () => {
    const { append, answers } = collector(open(20_000));
    const sent: string[] = [];
    for (let round = 0; round < 50; round++) {
      const ids = Array.from({ length: 1 + (round * 7) % 300 }, (_, i) => `${round}.${i}`);
      append(...ids);
      expect(answers).toHaveLength(sent.length);
      sent.push(...ids);
      acknowledge(ids.length);
      await until(() => answers.length === sent.length);
    }
    expect(received()).toEqual(sent.map(line));
    expect(answers).toEqual(sent.map((id, i) => [id, undefined, i + 1]));
  });

  it('that no audit line can be are refused without a word to the writer', () => {
    const appender = open();
    const { append, answers } = collector(appender);
    const refused: unknown[] = [];
    for (const bad of ['', 'x', ' {"type":"request"', '{"type":"a\nb"', `{"type":"${'x'.repeat(1 << 20)}"`]) appender.append(bad, (error) => void refused.push(error));
    expect(refused.every((error) => error instanceof Error)).toBe(true);
    expect(refused).toHaveLength(5);
    append('a');
    expect(received()).toEqual([line('a')]);
    expect(answers).toEqual([]);
  });

  it('of the largest size fit, whatever their characters', () => {
    const appender = open();
    const largest = `{"type":"${'…'.repeat((1 << 20) - 10)}"`;
    for (let i = 0; i < 3; i++) {
      appender.append(largest, () => undefined);
      expect(received().at(-1) === largest).toBe(true);
      acknowledge(1);
    }
    expect(read).toHaveLength(1);
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
    acknowledge(1);
    await until(() => received().length === 2);
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
    expect(received()).toHaveLength(2);
    await turns();
    expect(appender.healthy).toBe(false); // read is not written
    acknowledge(1);
    await until(() => appender.healthy);
    append('d');
    expect(received()).toEqual([line('a'), line('b'), line('d')]);
  });

  it('counts lines that find no room in shared memory; they follow in order as room comes', async () => {
    connect(1024); // four lines of this size
    const appender = open(10);
    const { append, answers } = collector(appender);
    const ids = Array.from({ length: 12 }, (_, i) => `${i}${'x'.repeat(99)}`);
    append(...ids);
    expect(received()).toHaveLength(4);
    expect(answers.map(([id]) => id)).toEqual(ids.slice(10));
    expect(answers.every(([, error]) => error?.includes('audit.queue_lines_max') === true)).toBe(true);
    expect(appender.healthy).toBe(false);
    acknowledge(1);
    await until(() => received().length === 5);
    expect(appender.healthy).toBe(true);
    append('last'); // room or not, it must not overtake those that wait
    expect(received()).toHaveLength(5);
    for (let answered = 1; answered < 11; answered++) {
      acknowledge(1);
      await until(() => answers.length === answered + 3);
    }
    expect(received()).toEqual([...ids.slice(0, 10), 'last'].map(line));
    expect(answers.slice(2).map(([id]) => id)).toEqual([...ids.slice(0, 10), 'last']);
  });

  it('wakes the writer for lines that found room late', async () => {
    connect(1024);
    const { append } = collector(open());
    append('a'.repeat(100), 'b'.repeat(100), 'c'.repeat(100), 'd'.repeat(100), 'e');
    received();
    acknowledge(1);
    sleeper.rest(() => receiver.waiting);
    await until(() => nudges === 1);
    expect(received()).toHaveLength(5);
  });
});

describe('async durability', () => {
  it('answers at once without a seal, and never again', async () => {
    const { append, answers } = collector(open(10, 'async'));
    append('a', 'b');
    expect(answers).toEqual([['a', undefined, undefined], ['b', undefined, undefined]]);
    acknowledge(2);
    await turns();
    expect(answers).toHaveLength(2);
  });

  it('asks for no message at answers that nobody waits for, and they take no room for long', async () => {
    const appender = open(100, 'async');
    const { append, answers } = collector(appender);
    append('first');
    acknowledge(1);
    await turns();
    let asked = 0;
    for (let round = 0; round < 50; round++) {
      append(...Array.from({ length: 20 }, (_, n) => `${round}.${n}`));
      received();
      for (let n = 0; n < 20; n++, advance()) receiver.answer({ seq, hash: hashOf(seq) });
      if (receiver.publish()) asked += 1;
      await turns(1);
    }
    expect(asked).toBe(0);
    expect(answers.every(([, error]) => error === undefined)).toBe(true);
    expect(appender.healthy).toBe(true);
  });

  it('closes when its last line is durable', async () => {
    const appender = open(100, 'async');
    const { append } = collector(appender);
    append('a', 'b', 'c');
    acknowledge(1);
    await turns();
    let closed = false;
    void appender.close().then(() => { closed = true; });
    await turns();
    expect(closed).toBe(false);
    acknowledge(2);
    await until(() => closed);
  });

  it('is bounded, and stops when the writer fails', async () => {
    const appender = open(2, 'async');
    const { append, answers } = collector(appender);
    append('a', 'b', 'c');
    expect(answers.map(([, error]) => error === undefined)).toEqual([true, true, false]);
    fail(2, 'ENOSPC');
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
    fail(2, 'EIO');
    await until(() => answers.length === 2);
    expect(answers).toEqual([['a', 'EIO', undefined], ['b', 'EIO', undefined]]);
    expect([appender.healthy, appender.because]).toEqual([false, 'EIO']);
    append('c');
    expect(answers.at(-1)).toEqual(['c', 'EIO', undefined]);
    say({ kind: 'health', healthy: true, because: '' });
    await until(() => appender.healthy);
    append('d');
    expect(received().at(-1)).toBe(line('d'));
    acknowledge(1);
    await until(() => answers.at(-1)?.[0] === 'd');
    expect(answers.at(-1)).toEqual(['d', undefined, 1]);
  });

  it('is not taken for a healthy one when its answers are seen before its reason', async () => {
    const { append, answers } = collector(open());
    append('a', 'b');
    acknowledge(1); // its message is on the way when the disk fails
    fail(1, 'EIO');
    say({ kind: 'health', healthy: true, because: '' });
    await until(() => answers.length === 2);
    expect(answers).toEqual([['a', undefined, 1], ['b', 'EIO', undefined]]);
    append('c', 'd');
    for (const expected of [3, 4]) {
      acknowledge(1);
      await until(() => answers.length === expected);
    }
  });

  it('that ends fails what waits, read or not, and every later line; what it made durable is durable', async () => {
    const appender = open();
    const { append, answers } = collector(appender);
    append('durable', 'read');
    received();
    append('waiting');
    receiver.answer({ seq, hash: hashOf(seq) });
    receiver.publish(); // the message that it owes dies with it
    writer.close();
    await until(() => answers.length === 3);
    expect(answers[0]).toEqual(['durable', undefined, 1]);
    expect(answers.slice(1).every(([, error]) => error !== undefined && error !== '')).toBe(true);
    expect(appender.healthy).toBe(false);
    append('late');
    expect(answers.at(-1)?.[1]).toBe(appender.because);
  });
});

describe('closing', () => {
  it('ends once all is answered, and takes no more', async () => {
    const appender = open();
    const { append, answers } = collector(appender);
    append('a', 'b');
    let closed = 0;
    const closings = [appender.close(), appender.close()].map((closing) => closing.then(() => (closed += 1)));
    append('late');
    expect(answers.map(([id]) => id)).toEqual(['late']);
    acknowledge(1);
    await until(() => answers.length === 2);
    expect(closed).toBe(0);
    acknowledge(1);
    await Promise.all(closings);
    expect(answers.slice(1)).toEqual([['a', undefined, 1], ['b', undefined, 2]]);
    expect(received()).toEqual([line('a'), line('b')]);
    expect(appender.healthy).toBe(false);
  });

  it('ends although the writer does, and says which lines failed', async () => {
    const appender = open();
    const { append, answers } = collector(appender);
    append('a');
    const closing = appender.close();
    writer.close();
    await closing;
    expect(answers).toMatchObject([['a', expect.any(String), undefined]]);
  });
});
