// When a gateway thread asks a writer that lets lines gather for a commit.
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { openAppender } from '../../../src/audit/appender.js';
import { Ringer } from '../../../src/audit/bell.js';
import { acknowledge, collector, connection, line, nudges, open, received, receiver, sleeper, turns, until } from './appender-fixture.js';

describe('a writer that gathers lines', () => {
  const gathers = (): boolean => new Ringer(connection.bell).gathers;

  it('is asked for the commit once some turns in a row bring no line', async () => {
    const appender = open();
    sleeper.beginGathering();
    appender.append(line('a'), () => undefined);
    await turn();
    appender.append(line('b'), () => undefined);
    await turn();
    expect(gathers()).toBe(true);
    await until(() => !gathers());
    expect(received()).toHaveLength(2);
    expect(nudges).toBe(0);
  });

  it('is asked at once when enough waits, though more may come', async () => {
    const appender = open();
    sleeper.beginGathering();
    for (let i = 0; i < 60; i++) appender.append(`${line(String(i))},"text":"${'x'.repeat(1000)}"`, () => undefined);
    await turn();
    expect(gathers()).toBe(false);
  });

  it('is not asked by a thread that does not wait for its lines, until half of what may wait is there or it ends', async () => {
    const appender = open(100, 'async');
    const { append } = collector(appender);
    sleeper.beginGathering();
    append(...Array.from({ length: 49 }, (_, n) => `${n}`));
    await turns();
    expect(gathers()).toBe(true);
    append('the fiftieth');
    await turns();
    expect(gathers()).toBe(false);
    acknowledge(50);
    await turns();
    append('the last');
    sleeper.beginGathering();
    await turns();
    expect(gathers()).toBe(true);
    const closed = appender.close();
    await until(() => !gathers());
    acknowledge(1);
    await closed;
  });

  it('is asked within the turn that brings half of what may wait without an answer: the turn may bring all of it', () => {
    const { append } = collector(open(100, 'async'));
    sleeper.beginGathering();
    append(...Array.from({ length: 49 }, (_, n) => `${n}`));
    expect(gathers()).toBe(true);
    append('the fiftieth');
    expect(gathers()).toBe(false);
    expect(sleeper.asked()).toBe(true);
  });

  it('is woken within that turn, and asked, too, where it slept', () => {
    const { append } = collector(open(100, 'async'));
    sleeper.rest(() => receiver.waiting);
    append(...Array.from({ length: 49 }, (_, n) => `${n}`));
    const asleep = (): boolean => new Ringer(connection.bell).asleep;
    expect(asleep()).toBe(true);
    append('the fiftieth');
    expect(asleep()).toBe(false);
    expect(sleeper.asked()).toBe(true);
  });

  it.each([['where it slept', () => void sleeper.rest(() => receiver.waiting)], ['while it gathers', () => sleeper.beginGathering()]])('is asked for the line of a thread that hurries, %s', async (_, writerDoes) => {
    const appender = openAppender(connection, { queueLinesMax: 100, durability: 'group', hurries: true });
    writerDoes();
    appender.append(line('a'), () => undefined);
    expect(sleeper.asked()).toBe(false); // what else this turn brings shares the commit
    await turns(2);
    expect([new Ringer(connection.bell).asleep, gathers()]).toEqual([false, false]);
    expect(sleeper.asked()).toBe(true);
  });

  it('is asked while it is at work, too: it may gather when this thread sleeps', async () => {
    open().append(line('a'), () => undefined);
    await turns();
    expect(sleeper.asked()).toBe(true);
  });

  it('is asked for lines that came while it was at work', async () => {
    const appender = open();
    appender.append(line('a'), () => undefined);
    appender.append(line('b'), () => undefined);
    await turn();
    acknowledge(1);
    sleeper.beginGathering();
    await until(() => !gathers());
    expect(gathers()).toBe(false);
  });
});
