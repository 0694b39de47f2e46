// Sessions of older protocol versions: unguessable, bound to their caller, bounded, ending.
import { describe, expect, it } from 'vitest';
import { createIds } from '../../../../src/base/ids/ids.js';
import { isSessionId } from '../../../../src/engines/mcp-session/session-key.js';
import { alone, createMcpSessions } from '../../../../src/engines/mcp-session/sessions.js';

const LIMITS = { perCallerMax: 2, totalMax: 4, ttlMs: 1000 };
const table = (changes: Partial<typeof LIMITS> = {}) => {
  const ids = createIds();
  const sessions = createMcpSessions({ ...LIMITS, ...changes }, alone({ ...LIMITS, ...changes }, (bytes) => ids.hex(bytes)));
  const open = (caller: string, nowMs = 0) => {
    const session = sessions.open(caller, '2025-11-25', '{}', nowMs);
    if (session === undefined) throw new Error('the table is full');
    return session;
  };
  return { sessions, open };
};

describe('an MCP session', () => {
  it('has 184 random bits for its name, after the number of its thread', () => {
    const { open } = table();
    const [first, second] = [open('a'), open('b')];
    expect([first.id, second.id]).toEqual([expect.stringMatching(/^00[0-9a-f]{46}$/), expect.stringMatching(/^00[0-9a-f]{46}$/)]);
    expect(first.id).not.toBe(second.id);
    expect([first.id, 'ff' + first.id.slice(2), 'zz' + first.id.slice(2), '00', '', `${first.id}\n`].map(isSessionId)).toEqual([true, true, false, false, false, false]);
  });

  it('says once when none of its calls runs', () => {
    const session = table().open('a');
    let idle = 0;
    const call = (id: string) => ({ id, cancelled: () => undefined });
    const [one, two] = [call('1'), call('2')];
    session.whenIdle(() => { idle += 1; });
    expect(idle).toBe(1);
    session.began(one);
    session.began(two);
    session.whenIdle(() => { idle += 10; });
    session.over(one);
    session.over(one);
    expect(idle).toBe(1);
    session.over(two);
    session.over(two);
    session.began(one);
    session.over(one);
    expect(idle).toBe(11);
  });

  it('is found by its own caller only', () => {
    const { sessions, open } = table();
    const session = open('a');
    expect([sessions.find(session.id, 'a', 1)?.id, sessions.find(session.id, 'b', 1), sessions.find('nothing', 'a', 1), sessions.find('', 'a', 1), sessions.find('__proto__', 'a', 1)]).toEqual([session.id, undefined, undefined, undefined, undefined]);
  });

  it('tells its version to whoever knows its name, and no more', () => {
    const { sessions, open } = table();
    const session = open('a');
    expect([sessions.versionOf(session.id), sessions.versionOf('nothing'), sessions.versionOf('__proto__')]).toEqual(['2025-11-25', undefined, undefined]);
    sessions.close(session);
    expect(sessions.versionOf(session.id)).toBeUndefined();
  });

  it('is not kept alive by a stranger who knows its name', () => {
    const { sessions, open } = table();
    const session = open('a');
    for (let now = 0; now < 1000; now += 100) sessions.find(session.id, 'b', now);
    expect(sessions.find(session.id, 'a', 1000)).toBeUndefined();
  });

  it('ends when unused for its time, to the millisecond, and lives on when used', () => {
    const { sessions, open } = table();
    const session = open('a');
    expect(sessions.find(session.id, 'a', 999)).toBe(session);
    expect(sessions.find(session.id, 'a', 1998)).toBe(session);
    expect([sessions.find(session.id, 'a', 2998), sessions.size]).toEqual([undefined, 0]);
  });

  it('makes room for its own caller by the longest unused one', () => {
    const { sessions, open } = table();
    const [first, second] = [open('a', 0), open('a', 1)];
    sessions.find(first.id, 'a', 2);
    const third = open('a', 3);
    expect([first, second, third].map(({ id }) => sessions.find(id, 'a', 4)?.id)).toEqual([first.id, undefined, third.id]);
  });

  it('takes no place from another caller: a full table refuses until something ends', () => {
    const { sessions, open } = table();
    for (const caller of ['a', 'a', 'b', 'b']) open(caller);
    expect([sessions.open('c', '2025-11-25', '{}', 999), sessions.size]).toEqual([undefined, 4]);
    expect(sessions.open('c', '2025-11-25', '{}', 1000)).toBeDefined();
  });

  it('may be one of as many as its caller is allowed, in a table of many stripes', () => {
    const { sessions, open } = table({ perCallerMax: 10_000, totalMax: 50_000 });
    for (let n = 0; n < 10_000; n++) open('a');
    expect(sessions.size).toBe(10_000);
    open('a');
    expect(sessions.size).toBe(10_000);
  });

  it('gives its place back when closed, once', () => {
    const { sessions, open } = table({ perCallerMax: 1 });
    const session = open('a');
    sessions.close(session);
    sessions.close(session);
    expect([sessions.find(session.id, 'a', 0), sessions.size]).toEqual([undefined, 0]);
    const [next] = [open('a'), open('b')];
    expect(sessions.find(next.id, 'a', 0)).toBe(next);
  });

  it.each([
    ['its caller ends it', (t: ReturnType<typeof table>, s: ReturnType<ReturnType<typeof table>['open']>) => t.sessions.close(s)],
    ['it was unused too long', (t: ReturnType<typeof table>, s: ReturnType<ReturnType<typeof table>['open']>) => void t.sessions.find(s.id, 'a', 1000)],
    ['its caller opens too many', (t: ReturnType<typeof table>) => void [t.open('a', 1), t.open('a', 2)]],
  ])('takes its open streams with it when %s, once', (_how, end) => {
    const t = table();
    const session = t.open('a');
    let closed = 0;
    session.closers.add(() => void closed++);
    end(t, session);
    t.sessions.close(session);
    expect(closed).toBe(1);
  });
});
