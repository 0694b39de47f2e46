// The line of a request, which the appender makes itself: the same text, order, bounds and refusals as any other line.
import { describe, expect, it } from 'vitest';
import { requestLine, type RequestLineFacts } from '../../../src/audit/record.js';
import { acknowledge, collector, connect, line, open, received, say, until } from './appender-fixture.js';
import { requestFacts } from './line-fixture.js';

describe('the line of a request', () => {
  const facts = (n: number): RequestLineFacts => requestFacts(`0199c1a2-7b3c-4def-8abc-${String(n).padStart(12, '0')}`);

  it('is the one that requestLine makes, in order with others, and has its seal', async () => {
    const appender = open();
    const { append, answers } = collector(appender);
    const seqs: (number | undefined)[] = [];
    append('a');
    appender.appendRequest(facts(1), (_, sealed) => void seqs.push(sealed?.seq));
    append('b');
    expect(received()).toEqual([line('a'), requestLine(facts(1)), line('b')]);
    acknowledge(3);
    await until(() => answers.length === 2);
    expect(seqs).toEqual([2]);
  });

  it('does not overtake lines that wait for room', async () => {
    connect(4096);
    const appender = open();
    const order: number[] = [];
    for (let n = 0; n < 6; n++) appender.appendRequest(facts(n), () => void order.push(n));
    for (let answered = 1; answered <= 6; answered++) {
      acknowledge(1);
      await until(() => order.length === answered);
    }
    expect(received()).toEqual(Array.from({ length: 6 }, (_, n) => requestLine(facts(n))));
    expect(order).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('is answered at once when durability is async, and bounded all the same', () => {
    const appender = open(1, 'async');
    const errors: (string | undefined)[] = [];
    for (const n of [1, 2]) appender.appendRequest(facts(n), (error) => void errors.push(error?.message));
    expect([errors[0], errors[1] !== undefined, received().length]).toEqual([undefined, true, 1]);
  });

  it('is refused while the writer fails, and when it is too long to be one', async () => {
    const appender = open();
    const errors: (string | undefined)[] = [];
    const long = { ...facts(1), principal: { level: 1, role: 'r', capabilities: Array<string>(600).fill('c'.repeat(2000)) } };
    appender.appendRequest(long, (error) => void errors.push(error?.message));
    expect([errors, received()]).toEqual([['not an audit line'], []]);
    say({ kind: 'health', healthy: false, because: 'EIO' });
    await until(() => !appender.healthy);
    appender.appendRequest(facts(2), (error) => void errors.push(error?.message));
    expect([errors[1], received()]).toEqual(['EIO', []]);
  });
});
