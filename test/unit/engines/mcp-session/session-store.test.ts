// Sessions in the database: kept before anybody is told, gone for good when ended, good for their time, no id and no greeting twice in it.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Database } from '../../../../src/base/sqlite/database.js';
import { sessionKey } from '../../../../src/engines/mcp-session/session-key.js';
import { openSessionStore, type SessionStore } from '../../../../src/engines/mcp-session/session-store.js';
import type { KeptSession } from '../../../../src/engines/mcp-session/types.js';

const TTL_MS = 1000;
const GOOD_MS = 1100; // a tenth more
let dir: string;
let path: string;
let stores: SessionStore[];
let turns: (() => void)[];
let faults: unknown[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sessions-'));
  path = join(dir, 'sessions.sqlite');
  [stores, turns, faults] = [[], [], []];
});
afterEach(() => {
  for (const store of stores) store.close();
  rmSync(dir, { recursive: true, force: true });
});

function open(totalMax = 100): SessionStore {
  const store = openSessionStore({ path, ttlMs: TTL_MS, totalMax, later: (run) => void turns.push(run), onFault: (fault) => void faults.push(fault) });
  stores.push(store);
  return store;
}
function reopen(totalMax?: number): SessionStore {
  stores.pop()?.close();
  return open(totalMax);
}
const turn = (): void => turns.splice(0).forEach((run) => run());
const session = (serial: number, more: Partial<KeptSession> = {}): KeptSession =>
  ({ serial, key: sessionKey(String(serial)), caller: 'a', protocolVersion: '2025-11-25', initializeParams: '{"clientInfo":{}}', createdMs: 5, usedMs: 5, taint: undefined, ...more });
async function keep(store: SessionStore, ...sessions: KeptSession[]): Promise<void> {
  const kept = sessions.map((one) => store.keep(one));
  turn();
  await Promise.all(kept);
}
const restored = (store: SessionStore, nowMs = 5): number[] => {
  const serials: number[] = [];
  store.restore(nowMs, ({ serial }) => serials.push(serial) > 0);
  return serials;
};
const greetings = (): unknown[] => {
  const database = new Database(path, { readonly: true });
  const rows = database.prepare('SELECT text, uses FROM greetings ORDER BY text').all();
  database.close();
  return rows;
};

describe('a kept session', () => {
  it('is in the database when it is said to be, and there again after a new start', async () => {
    const store = open();
    let said = false;
    const kept = store.keep(session(7)).then(() => { said = true; });
    await Promise.resolve();
    expect([said, turns.length]).toEqual([false, 1]);
    turn();
    await kept;
    expect(reopen().read(7, 5)).toEqual(session(7));
  });

  it('is read at once by who asks before the turn is over', () => {
    const store = open();
    void store.keep(session(7));
    expect(store.read(7, 5)).toEqual(session(7));
  });

  it('is gone for good when its end is said', async () => {
    const store = open();
    await keep(store, session(1), session(2));
    const ended = store.end([1]);
    turn();
    await ended;
    store.over([2]);
    turn();
    expect(restored(reopen())).toEqual([]);
  });

  it('ends though it was kept in the same turn', () => {
    const store = open();
    void store.keep(session(1));
    store.over([1]);
    turn();
    expect(store.read(1, 5)).toBeUndefined();
  });

  it.each([[GOOD_MS - 1, true], [GOOD_MS, false]])('is good for its time and a tenth of it: unused for %i ms it is read: %s', async (unusedMs, good) => {
    const store = open();
    await keep(store, session(1));
    expect(store.read(1, 5 + unusedMs) !== undefined).toBe(good);
    expect(store.expired(5 + unusedMs).map(({ serial }) => serial)).toEqual(good ? [] : [1]);
    expect(restored(reopen(), 5 + unusedMs)).toEqual(good ? [1] : []);
  });

  it('lives on by its uses, whatever order they are told in', async () => {
    const store = open();
    await keep(store, session(1));
    store.used([[1, 900]]);
    store.used([[1, 100]]);
    turn();
    expect(store.read(1, 900)?.usedMs).toBe(900);
  });

  it('has its taint with it, the last that was told', async () => {
    const store = open();
    await keep(store, session(1), session(2, { taint: { severity: 3, classification: 'sensitive', source: 'read', atMs: 4 } }));
    store.tainted([[1, { severity: 2, classification: 'confidential', source: 'look', atMs: 6 }]]);
    turn();
    const again = reopen();
    expect([again.read(1, 5)?.taint, again.read(2, 5)?.taint]).toEqual([{ severity: 2, classification: 'confidential', source: 'look', atMs: 6 }, { severity: 3, classification: 'sensitive', source: 'read', atMs: 4 }]);
  });

  it('does not live longer by a clock that was set back', async () => {
    await keep(open(), session(1, { usedMs: 1_000_000 }));
    const store = reopen();
    expect(restored(store, 5000)).toEqual([1]);
    expect([store.read(1, 5000 + GOOD_MS - 1)?.usedMs, store.read(1, 5000 + GOOD_MS)]).toEqual([5000, undefined]);
  });

  it('is found in the file by nobody who looks for its id', async () => {
    const id = `00${'ab'.repeat(23)}`;
    await keep(open(), session(1, { key: sessionKey(id) }));
    stores.pop()?.close();
    expect(readFileSync(path).includes(id)).toBe(false);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });
});

describe('greetings', () => {
  it('stand once for all sessions that sent the same, and go with the last of them', async () => {
    const store = open();
    await keep(store, session(1), session(2), session(3, { initializeParams: '{"other":1}' }));
    stores.pop()?.close();
    expect(greetings()).toEqual([{ text: '{"clientInfo":{}}', uses: 2 }, { text: '{"other":1}', uses: 1 }]);
    const again = open();
    again.over([1, 3]);
    turn();
    stores.pop()?.close();
    expect(greetings()).toEqual([{ text: '{"clientInfo":{}}', uses: 1 }]);
  });
});

describe('a start', () => {
  it('takes the longest unused first, and forgets what is not taken', async () => {
    await keep(open(), session(1, { usedMs: 30 }), session(2, { usedMs: 10 }), session(9, { usedMs: 20 }));
    const store = reopen();
    const seen: number[] = [];
    expect(store.restore(30, ({ serial }) => {
      seen.push(serial);
      return serial !== 9;
    })).toBe(9);
    expect(seen).toEqual([2, 9, 1]);
    expect(restored(reopen(), 30)).toEqual([2, 1]);
  });

  it('forgets the longest unused where there are more than may be', async () => {
    await keep(open(), session(1, { usedMs: 30 }), session(2, { usedMs: 10 }), session(3, { usedMs: 20 }));
    expect(restored(reopen(2), 30)).toEqual([3, 1]);
    expect(restored(reopen(), 30)).toEqual([3, 1]);
  });

  it('refuses a file whose tables are of another version, and leaves it as it is', () => {
    open().close();
    const other = new Database(path);
    other.pragma('user_version = 2');
    other.close();
    expect(() => open()).toThrow(expect.objectContaining({ code: 'store_unusable', message: expect.stringContaining('version 2') as string }) as Error);
    const kept = new Database(path);
    expect(kept.pragma('user_version', { simple: true })).toBe(2);
    kept.close();
  });

  it('refuses a file that is no database, and one that another has', () => {
    open();
    expect(() => open()).toThrow(expect.objectContaining({ code: 'store_in_use' }));
    stores.pop()?.close();
    writeFileSync(path, 'no database, but long enough to be looked at as one. '.repeat(30));
    expect(() => open()).toThrow(expect.objectContaining({ code: 'store_unusable' }));
  });
});

it('what waits for the end of its turn is written when the store closes', async () => {
  const store = open();
  await keep(store, session(1), session(2));
  store.used([[1, 70]]);
  store.over([2]);
  const reopened = reopen();
  expect([reopened.read(1, 70)?.usedMs, reopened.read(2, 70)]).toEqual([70, undefined]);
});

describe('what can\'t be written', () => {
  it('is said to whoever waits for it, and takes nothing else of its turn along', async () => {
    const store = open();
    const kept = [store.keep(session(1)), store.keep(session(1)), store.keep(session(2))];
    turn();
    expect((await Promise.allSettled(kept)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(store.serials()).toEqual(new Set([1, 2]));
  });

  it('is said at all where nobody waits', () => {
    const store = open();
    store.used([[1, Number.NaN]]);
    store.used([[1, 'soon' as never]]);
    stores.pop();
    store.close();
    store.over([1]);
    turn();
    expect(faults.length).toBeGreaterThan(0);
  });
});

describe('a list', () => {
  it('has the lately used first, of one caller or of all, up to a number', async () => {
    const store = open();
    await keep(store, session(1, { usedMs: 10 }), session(2, { usedMs: 20, caller: 'b' }), session(3, { usedMs: 30 }));
    const serials = (prefix: string, caller: string, max = 10): number[] => store.list(prefix, caller, max).map(({ serial }) => serial);
    expect([serials('', ''), serials('', 'a'), serials('', '', 1), serials('', 'c')]).toEqual([[3, 2, 1], [3, 1], [3], []]);
    const key = sessionKey('2');
    expect([serials(key.slice(0, 8), ''), serials(key.slice(0, 8), 'a'), store.count('', ''), store.count('', 'a'), store.count(key, '')]).toEqual([[2], [], 3, 2, 1]);
    expect(serials('%', '')).toEqual([]);
  });
});
