// Requests of strangers share a line per source and second: none uncounted, none answered without a record, the disk bounded.
import { describe, expect, it } from 'vitest';
import { createSharedLines } from '../../../src/chain/unidentified.js';
import { WithheldAppender } from '../../support/withheld-appender.js';

function setUp(perSecond: number) {
  const appender = new WithheldAppender();
  const timers: { flush: () => void; afterMs: number }[] = [];
  const lines = createSharedLines(appender, () => perSecond, (flush, afterMs) => void timers.push({ flush, afterMs }));
  const answered: (Error | undefined)[] = [];
  const ask = (source: string, nowMs: number, kind = 'k'): void => lines.append(source, kind, nowMs, () => `{"type":"alone","source":"${source}"`, { decisionId: 'd', traceId: 't', text: (repeated) => `{"type":"shared","source":"${source}","repeated":${repeated}` }, (error) => void answered.push(error));
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
    for (let at = 1; at < timers.length; at++) timers[at]?.flush();
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

  it('are not begun anew by who came earlier and is refused late', () => {
    const { appender, ask, lines } = setUp(1);
    ask('a', 1000);
    for (let i = 0; i < 10; i++) {
      ask('a', 999);
      ask('a', 1001);
    }
    lines.flush();
    expect(appender.types).toEqual(['alone', 'shared']);
    expect(appender.lines.at(-1)).toMatchObject({ repeated: 20 });
  });

  it('are written at a flush, so that none is lost at the end', () => {
    const { appender, ask, lines } = setUp(1);
    ask('a', 0);
    ask('a', 1);
    lines.flush();
    lines.flush();
    expect(appender.types).toEqual(['alone', 'shared']);
  });

  it('count what is refused for another reason in another line', () => {
    const { appender, ask, lines } = setUp(1);
    ask('a', 0, 'late');
    ask('a', 1, 'late');
    ask('a', 2, 'crowded');
    ask('a', 3, 'late');
    expect([lines.open('a', 'late', 4)?.waiting.length, lines.open('a', 'crowded', 4)?.waiting.length, lines.open('a', 'other', 4), lines.open('b', 'late', 4), lines.open('a', 'late', 1000)]).toEqual([2, 1, undefined, undefined, undefined]);
    lines.flush();
    expect(appender.lines.map((line) => line['repeated'])).toEqual([undefined, 2, 1]);
  });

  it('let their requests leave in slices, in order, one line after the other', () => {
    const { appender, timers, answered, ask } = setUp(1);
    for (let i = 0; i < 26; i++) ask(i < 13 ? 'a' : 'b', 10_000);
    timers[0]?.flush();
    timers[1]?.flush();
    appender.settle();
    appender.settle();
    appender.settle(new Error('of a'));
    appender.settle();
    const seen = [answered.length];
    for (let at = 2; at < timers.length; at++) {
      timers[at]?.flush();
      seen.push(answered.length);
    }
    expect(seen).toEqual([12, 22, 26]);
    expect(answered.slice(2, 14).every((error) => error instanceof Error)).toBe(true);
    expect(answered.slice(14).every((error) => error === undefined)).toBe(true);
  });

  it('let larger slices go of a larger crowd', () => {
    const { appender, timers, answered, ask } = setUp(1);
    for (let i = 0; i < 50_001; i++) ask('a', 0);
    timers[0]?.flush();
    appender.settle();
    appender.settle();
    expect(answered).toHaveLength(51);
  });

  it('hold nobody back after the end', () => {
    const { appender, answered, ask, lines } = setUp(1);
    for (let i = 0; i < 100; i++) ask('a', 0);
    lines.flush();
    appender.settle();
    appender.settle();
    expect(answered).toHaveLength(100);
  });
});
