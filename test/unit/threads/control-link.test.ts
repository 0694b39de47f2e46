// A gateway thread's questions to the control thread: matched, bounded, shared where they are the same.
import { describe, expect, it } from 'vitest';
import { createControlLink } from '../../../src/threads/control-link.js';
import type { FromGateway } from '../../../src/threads/messages.js';

function setUp() {
  const sent: FromGateway[] = [];
  const turns: (() => void)[] = [];
  const link = createControlLink({ postMessage: (message: FromGateway) => void sent.push(message) }, (run) => void turns.push(run));
  const callOf = (i: number): number => {
    const message = sent[i];
    return message?.kind === 'ask' ? message.call : -1;
  };
  return { sent, link, callOf, turns };
}

describe('the link to the control thread', () => {
  it('gives each question its own answer, in whatever order they come', async () => {
    const { link, callOf } = setUp();
    const [first, second] = [link.consume('a', 't'), link.consume('b', 't')];
    link.settle(callOf(1), false, undefined);
    link.settle(callOf(0), true, undefined);
    expect(await Promise.all([first, second])).toEqual([true, false]);
  });

  it('rejects with the control thread\'s fault', async () => {
    const { link, callOf } = setUp();
    const asked = link.consume('a', 't');
    link.settle(callOf(0), undefined, 'database is locked');
    await expect(asked).rejects.toThrow();
  });

  it('asks for one listing for all who wait, and for a new one after it', async () => {
    const { link, sent, callOf } = setUp();
    const [first, second, other] = [link.refresh('u'), link.refresh('u'), link.refresh('v')];
    expect([first === second, sent.length]).toEqual([true, 2]);
    link.settle(callOf(0), null, undefined);
    link.settle(callOf(1), null, undefined);
    await Promise.all([first, second, other]);
    void link.refresh('u').catch(() => undefined);
    expect(sent.length).toBe(3);
  });

  it('asks again after a listing that failed', async () => {
    const { link, sent, callOf } = setUp();
    const asked = link.refresh('u');
    link.settle(callOf(0), undefined, 'down');
    await expect(asked).rejects.toThrow();
    void link.refresh('u').catch(() => undefined);
    expect(sent.length).toBe(2);
  });

  it('ignores an answer to nothing', () => {
    expect(() => setUp().link.settle(99, true, undefined)).not.toThrow();
  });

  it('refuses to let questions pile up', async () => {
    const { link, sent } = setUp();
    for (let i = 0; i < 10_000; i++) void link.consume('a', 't').catch(() => undefined);
    await expect(link.consume('a', 't')).rejects.toThrow();
    expect(sent.length).toBe(10_000);
  });

  it('keeps, reads and ends sessions as the control thread answers', async () => {
    const { link, sent, callOf } = setUp();
    const session = { serial: 7, key: 'k', caller: 'c', protocolVersion: 'v', initializeParams: '{}', createdMs: 1, usedMs: 2, taint: undefined };
    const asked = [link.sessions.keep(session), link.sessions.read(7), link.sessions.end(7)];
    expect(sent).toMatchObject([{ question: { kind: 'keep_session', session } }, { question: { kind: 'read_session', serial: 7 } }, { question: { kind: 'end_session', serial: 7 } }]);
    link.settle(callOf(0), null, undefined);
    link.settle(callOf(1), session, undefined);
    link.settle(callOf(2), undefined, 'disk full');
    expect(await Promise.allSettled(asked)).toMatchObject([{ value: undefined }, { value: session }, { status: 'rejected' }]);
  });

  it('tells what became of sessions in one message a turn', () => {
    const { link, sent, turns } = setUp();
    link.sessions.used(1, 10);
    link.sessions.over(2);
    link.sessions.over(3);
    expect([sent.length, turns.length]).toEqual([0, 1]);
    turns.shift()?.();
    expect(sent).toEqual([{ kind: 'sessions_told', used: [[1, 10]], tainted: [], over: [2, 3] }]);
    link.sessions.tainted(4, { severity: 3, classification: 'sensitive', source: 'read', atMs: 5 });
    turns.shift()?.();
    expect(sent.at(-1)).toEqual({ kind: 'sessions_told', used: [], tainted: [[4, { severity: 3, classification: 'sensitive', source: 'read', atMs: 5 }]], over: [] });
  });

  it('gives a grant back, and tells of one whose call has its line, without waiting', () => {
    const { link, sent } = setUp();
    link.release('a', 't');
    link.recorded('b');
    expect(sent).toEqual([{ kind: 'release_grant', requestId: 'a', token: 't' }, { kind: 'grant_recorded', requestId: 'b' }]);
  });
});
