// What becomes of lines that could not be written while their calls were under way.
import { describe, expect, it } from 'vitest';
import { Unrecorded, UNRECORDED_MAX } from '../../../src/chain/unrecorded.js';
import { requestFacts } from '../../../src/chain/record-facts.js';
import { WithheldAppender } from '../../support/withheld-appender.js';
import { contextOf } from './contexts.js';

function setUp() {
  const appender = new WithheldAppender();
  const later: (() => void)[] = [];
  const lost: string[] = [];
  const written: number[] = [];
  const state = { nowUs: 9_000_000 };
  const unrecorded = new Unrecorded({ appender, nowUs: () => state.nowUs, after: (_ms, run) => void later.push(run), onLost: (id) => void lost.push(id) });
  return { appender, later, lost, state, unrecorded, written, keep: (n = 1, one = facts) => unrecorded.keep(one, () => void written.push(n)) };
}

const facts = requestFacts(contextOf('{}'), { decision: 'ALLOW', refusal: undefined, aborted: false, status: 500, nowUs: 1_000_000, argumentsDigest: undefined, answerFindings: [] });

describe('a line that could not be written', () => {
  it('is written later, with the time of its writing', () => {
    const { appender, later, keep } = setUp();
    keep();
    keep();
    expect([appender.lines, later.length]).toEqual([[], 1]);
    later.shift()?.();
    expect(appender.lines).toEqual([expect.objectContaining({ decision_id: facts.decisionId, timestamp: '1970-01-01T00:00:09.000000Z' }), expect.anything()]);
    appender.settle();
    appender.settle();
    expect(later).toEqual([]);
  });

  it('is kept again while the log still fails', () => {
    const { appender, later, keep, written } = setUp();
    keep();
    later.shift()?.();
    appender.settle(new Error('disk full'));
    later.shift()?.();
    appender.settle();
    expect([appender.lines.length, later.length, written]).toEqual([2, 0, [1]]);
  });

  it('is told as lost where there is no room, or no time any more', () => {
    const { appender, lost, unrecorded, keep } = setUp();
    for (let n = 0; n < UNRECORDED_MAX; n++) keep();
    expect(lost).toEqual([]);
    keep(1, { ...facts, decisionId: 'one too many' });
    unrecorded.end();
    expect(appender.waiting).toBe(UNRECORDED_MAX);
    appender.settle(new Error('disk full'));
    expect(lost).toEqual(['one too many', facts.decisionId]);
  });
});
