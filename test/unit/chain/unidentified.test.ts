// Requests of strangers share a line per source and second: none uncounted, none answered without a record, the disk bounded.
import { describe, expect, it } from 'vitest';
import { createSharedLines } from '../../../src/chain/unidentified.js';
import { WithheldAppender } from '../../support/withheld-appender.js';

function setUp(perSecond: number) {
  const appender = new WithheldAppender();
  const timers: { flush: () => void; afterMs: number }[] = [];
  const lines = createSharedLines(appender, () => perSecond, (flush, afterMs) => void timers.push({ flush, afterMs }));
  const answered: (Error | undefined)[] = [];
  const ask = (source: string, nowMs: number): void => lines.append(source, nowMs, () => `{"type":"alone","source":"${source}"`, (repeated) => `{"type":"shared","source":"${source}","repeated":${repeated}`, (error) => void answered.push(error));
  return { appender, timers, lines, answered, ask };
}

describe('shared lines', () => {
  it('count every request above the rate in one line at the end of the second', () => {
    const { appender, timers, answered, ask } = setUp(2);
    for (let i = 0; i < 1000; i++) ask('a', 10_250);
    expect([appender.types, timers.map(({ afterMs }) => afterMs)]).toEqual([['alone', 'alone'], [750]]);
    timers[0]?.flush();
    expect(appender.lines.at(-1)).toEqual({ type: 'shared', source: 'a', repeated: 998 });
    for (let i = 0; i < 3; i++) appender.settle();
    expect(answered).toEqual(new Array(1000).fill(undefined));
  });

  it('answer none of those who share before the line is durable, and all with its failure', () => {
    const { appender, timers, answered, ask } = setUp(1);
    ask('a', 0);
    ask('a', 1);
    ask('a', 2);
    timers[0]?.flush();
    appender.settle();
    expect(answered).toEqual([undefined]);
    appender.settle(new Error('disk full'));
    expect(answered).toEqual([undefined, expect.any(Error), expect.any(Error)]);
  });

  it('keep sources and seconds apart', () => {
    const { appender, ask, timers } = setUp(1);
    ask('a', 0);
    ask('b', 0);
    ask('a', 1000);
    ask('a', 1001);
    expect(appender.types).toEqual(['alone', 'alone', 'alone']);
    timers.forEach(({ flush }) => flush());
    expect(appender.lines.filter(({ type }) => type === 'shared')).toEqual([{ type: 'shared', source: 'a', repeated: 1 }]);
  });

  it('close the last second when the next begins, before its timer comes, and only once', () => {
    const { appender, ask, timers } = setUp(1);
    ask('a', 0);
    ask('a', 1);
    ask('a', 1000);
    timers.forEach(({ flush }) => flush());
    expect(appender.types).toEqual(['alone', 'shared', 'alone']);
  });

  it('are written at a flush, so that none is lost at the end', () => {
    const { appender, ask, lines } = setUp(1);
    ask('a', 0);
    ask('a', 1);
    lines.flush();
    lines.flush();
    expect(appender.types).toEqual(['alone', 'shared']);
  });
});
