// Sessions over the end of their thread and process: two threads here share memory and a store, as in the gateway.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createIds } from '../../../../src/base/ids/ids.js';
import { createHomesMemory, SessionHomes } from '../../../../src/engines/mcp-session/homes.js';
import { createPlacesMemory, NOBODY, SessionPlaces, type PlaceOwner } from '../../../../src/engines/mcp-session/places.js';
import { sessionKey } from '../../../../src/engines/mcp-session/session-key.js';
import { createMcpSessions, type McpSessions } from '../../../../src/engines/mcp-session/sessions.js';
import { openSessionStore, type SessionStore } from '../../../../src/engines/mcp-session/session-store.js';
import type { McpSession, SessionKeeper } from '../../../../src/engines/mcp-session/types.js';

const LIMITS = { perCallerMax: 3, totalMax: 100, ttlMs: 1000 };
const PARAMS = '{"capabilities":{"sampling":{}}}';
const [FIRST, SECOND] = [2, 3];
const ids = createIds();

let dir: string;
let store: SessionStore;
let memory: { places: ReturnType<typeof createPlacesMemory>; homes: ReturnType<typeof createHomesMemory> };
let nowMs: number;
/** Answers of the store wait here. */
let held: (() => void)[] | undefined;
let failing: boolean;

function openStore(): SessionStore {
  return openSessionStore({ path: join(dir, 'sessions.sqlite'), ttlMs: LIMITS.ttlMs, totalMax: LIMITS.totalMax, later: (run) => queueMicrotask(run), onFault: (fault) => { throw fault; } });
}
const keeper: SessionKeeper = {
  keep: (session) => store.keep(session),
  async read(serial) {
    const kept = store.read(serial, nowMs);
    if (held !== undefined) await new Promise<void>((resolve) => void held?.push(resolve));
    if (failing) throw new Error('the control thread does not keep up');
    return kept;
  },
  end: (serial) => (failing ? Promise.reject(new Error('disk full')) : store.end([serial])),
  used: (serial, usedMs) => store.used([[serial, usedMs]]),
  tainted: (serial, taint) => store.tainted([[serial, taint]]),
  over: (serial) => store.over([serial]),
};

function thread(owner: number, evicted: PlaceOwner[] = []): McpSessions & { places: SessionPlaces; homes: SessionHomes } {
  const [places, homes] = [new SessionPlaces(memory.places, owner), new SessionHomes(memory.homes, owner)];
  const sessions = createMcpSessions(LIMITS, { thread: owner - FIRST, places, homes, keeper, newHex: (bytes) => ids.hex(bytes), evicted: (place) => void evicted.push(place) });
  return Object.assign(sessions, { places, homes });
}
function freshMemory(): void {
  memory = { places: createPlacesMemory(LIMITS), homes: createHomesMemory(LIMITS.totalMax) };
}
/** A new process over the same file: what was kept sleeps. */
function restart(): void {
  store.close();
  store = openStore();
  freshMemory();
  const places = new SessionPlaces(memory.places, 1);
  places.skipSerials(store.restore(nowMs, ({ caller, key, serial }) => places.open(caller, key, serial, LIMITS, NOBODY).kind === 'opened'));
}
function died(owner: number): void {
  const serials = store.serials();
  new SessionPlaces(memory.places, 1).letGoAllOf(owner, (serial) => serials.has(serial));
  new SessionHomes(memory.homes, 1).leaveAllOf(owner);
}
async function opened(sessions: McpSessions, caller = 'a'): Promise<McpSession> {
  const session = sessions.open(caller, '2025-11-25', PARAMS, nowMs);
  if (session === undefined) throw new Error('the table is full');
  await sessions.keep(session);
  return session;
}
const revive = async (sessions: McpSessions, id: string, caller = 'a'): Promise<unknown> => {
  const revived = await sessions.revive(id, caller, nowMs);
  return revived.kind === 'elsewhere' ? revived.owner : revived.kind;
};

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'revival-'));
  [nowMs, held, failing] = [0, undefined, false];
  store = openStore();
  freshMemory();
});
afterEach(() => {
  store.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('after a restart', () => {
  it('a session goes on on any thread, with all that was kept of it, and on that one only', async () => {
    const { id, serial } = await opened(thread(FIRST));
    nowMs = 500;
    restart();
    const [first, second] = [thread(FIRST), thread(SECOND)];
    expect([first.find(id, 'a', nowMs), second.find(id, 'a', nowMs)]).toEqual([undefined, undefined]);
    expect([await revive(second, id), await revive(first, id)]).toEqual(['open', SECOND]);
    expect(second.find(id, 'a', nowMs)).toMatchObject({ id, serial, caller: 'a', protocolVersion: '2025-11-25', initializeParams: PARAMS, createdMs: 0, usedMs: 500 });
    expect([first.homes.ownerOf(id), second.has(id), first.has(id)]).toEqual([SECOND, true, false]);
  });

  it('two threads that are asked at the same moment agree on one', async () => {
    const { id } = await opened(thread(FIRST));
    restart();
    const [first, second] = [thread(FIRST), thread(SECOND)];
    held = [];
    const asked = [revive(first, id), revive(second, id), revive(first, id)];
    // Who asks meanwhile is sent where it will be.
    expect(second.homes.ownerOf(id)).toBe(FIRST);
    held.splice(0).forEach((go) => go());
    expect(await Promise.all(asked)).toEqual(['open', FIRST, 'open']);
    expect([first.size, second.size, first.places.taken]).toEqual([1, 0, 1]);
  });

  it('is another caller\'s no more than before, be it asleep, being taken up or open', async () => {
    const { id } = await opened(thread(FIRST));
    restart();
    const first = thread(FIRST);
    expect(await revive(first, id, 'b')).toBe('unknown');
    held = [];
    const mine = revive(first, id);
    expect(await revive(first, id, 'b')).toBe('unknown');
    held.splice(0).forEach((go) => go());
    expect([await mine, await revive(first, id, 'b'), first.find(id, 'b', nowMs), first.places.taken]).toEqual(['open', 'unknown', undefined, 1]);
  });

  it('an id that nobody was given asks nobody', async () => {
    const first = thread(FIRST);
    held = [];
    for (const id of [`00${'ab'.repeat(23)}`, '', 'zz', '__proto__']) expect(await revive(first, id)).toBe('unknown');
    expect([held, first.homes.table.size]).toEqual([[], 0]);
  });

  it.each([['another session', 'a', 'other'], ['another caller', 'b', 'one']] as const)('a place whose number is by now that of %s opens neither', async (_what, caller, name) => {
    const named = { one: `00${'12'.repeat(23)}`, other: `00${'34'.repeat(23)}` };
    const first = thread(FIRST);
    await store.keep({ serial: 9, key: sessionKey(named[name]), caller, protocolVersion: '2025-11-25', initializeParams: PARAMS, createdMs: 0, usedMs: 0, taint: undefined });
    first.places.open('a', sessionKey(named.one), 9, LIMITS, NOBODY);
    expect([await revive(first, named.one), first.size, first.places.taken, first.homes.ownerOf(named.one)]).toEqual(['unknown', 0, 0, NOBODY]);
  });

  it('a place of this thread without a session is nobody\'s to go to, and what no gateway gave has none', async () => {
    const first = thread(FIRST);
    const id = `00${'12'.repeat(23)}`;
    first.places.open('a', sessionKey(id), 9, LIMITS);
    first.places.open('a', sessionKey('zz'), 10, LIMITS, NOBODY);
    expect([await revive(first, id), await revive(first, 'zz'), await revive(thread(SECOND), id)]).toEqual(['unknown', 'unknown', FIRST]);
    expect(first.places.take('a', sessionKey('zz'))).toEqual({ kind: 'taken', serial: 10 });
  });

  it('one that was taken up and ended is unknown, and one in use has its use written', async () => {
    const before = thread(FIRST);
    const [one, other] = [await opened(before), await opened(before)];
    restart();
    nowMs = 400;
    const first = thread(FIRST);
    expect([await revive(first, one.id), await revive(first, other.id)]).toEqual(['open', 'open']);
    expect(store.read(one.serial, nowMs)?.usedMs).toBe(400);
    const session = first.find(one.id, 'a', nowMs);
    if (session !== undefined) await first.end(session);
    expect([await revive(first, one.id), first.find(one.id, 'a', nowMs)]).toEqual(['unknown', undefined]);
  });

  it('what was ended stays dead, and what could not be ended goes on', async () => {
    const before = thread(FIRST);
    const [ended, other] = [await opened(before), await opened(before)];
    await before.end(ended);
    failing = true;
    await expect(before.end(other)).rejects.toThrow();
    failing = false;
    expect([before.find(ended.id, 'a', 0), before.find(other.id, 'a', 0)]).toEqual([undefined, other]);
    restart();
    const first = thread(FIRST);
    expect([await revive(first, ended.id), await revive(first, other.id)]).toEqual(['unknown', 'open']);
  });

  it.each([[1099, 'open'], [1100, 'unknown']])('a session unused for %i ms is %s', async (unusedMs, revived) => {
    const { id } = await opened(thread(FIRST));
    restart();
    nowMs = unusedMs;
    const first = thread(FIRST);
    const left = revived === 'open' ? 1 : 0;
    expect([await revive(first, id), first.places.taken, store.serials().size]).toEqual([revived, left, left]);
  });

  it('one that ended unused before it is not there', async () => {
    const before = thread(FIRST);
    const { id } = await opened(before);
    before.dropExpired(LIMITS.ttlMs);
    restart();
    expect([await revive(thread(FIRST), id), store.serials().size]).toEqual(['unknown', 0]);
  });

  it('one in use all the time is as good as its last use', async () => {
    const before = thread(FIRST);
    const { id } = await opened(before);
    for (nowMs = 0; nowMs < 5000; nowMs += 30) before.find(id, 'a', nowMs);
    const lastMs = nowMs;
    restart();
    nowMs = lastMs + 999;
    expect(await revive(thread(FIRST), id)).toBe('open');
  });

  it('a caller has no more sessions than before: the longest unused of all gives way, asleep or not', async () => {
    const before = thread(FIRST);
    const old: string[] = [];
    for (nowMs = 1; nowMs <= 3; nowMs++) old.push((await opened(before)).id);
    restart();
    const first = thread(FIRST);
    expect(first.places.taken).toBe(3);
    expect(await revive(first, old[0] ?? '')).toBe('open');
    await opened(first);
    await opened(first);
    expect([first.places.taken, await revive(first, old[1] ?? ''), await revive(first, old[2] ?? '')]).toEqual([3, 'unknown', 'unknown']);
    expect(store.count('', 'a')).toBe(3);
  });

  it('serial numbers go on where they were', async () => {
    const before = thread(FIRST);
    const last = [await opened(before), await opened(before)][1]?.serial ?? 0;
    restart();
    expect((await opened(thread(FIRST))).serial).toBeGreaterThan(last);
  });
});

describe('after the end of its thread', () => {
  it('a session goes on elsewhere; one that nobody was told of leaves no place behind', async () => {
    const first = thread(FIRST);
    const { id } = await opened(first);
    first.open('a', '2025-11-25', PARAMS, nowMs);
    died(FIRST);
    const second = thread(SECOND);
    expect([second.places.taken, second.homes.ownerOf(id), await revive(second, id)]).toEqual([1, NOBODY, 'open']);
    expect(second.places.taken).toBe(1);
  });
});

describe('while it is taken up', () => {
  it('a store that does not answer leaves it asleep', async () => {
    const { id } = await opened(thread(FIRST));
    restart();
    const first = thread(FIRST);
    failing = true;
    await expect(revive(first, id)).rejects.toThrow();
    failing = false;
    expect([first.homes.ownerOf(id), await revive(thread(SECOND), id)]).toEqual([NOBODY, 'open']);
  });

  it('its place may go to a newer one of its caller, on this thread or another: then it is gone', async () => {
    const evicted: PlaceOwner[] = [];
    const { id, serial } = await opened(thread(FIRST));
    restart();
    const [first, second] = [thread(FIRST), thread(SECOND, evicted)];
    held = [];
    const asked = revive(first, id);
    for (let n = 0; n < LIMITS.perCallerMax; n++) second.open('a', '2025-11-25', PARAMS, nowMs);
    held.splice(0).forEach((go) => go());
    expect([await asked, evicted, first.size, first.homes.ownerOf(id), store.read(serial, nowMs)]).toEqual(['unknown', [{ owner: FIRST, serial }], 0, NOBODY, undefined]);
  });

  it('a person may end it: then it is gone', async () => {
    const { id, serial } = await opened(thread(FIRST));
    restart();
    const first = thread(FIRST);
    held = [];
    const asked = revive(first, id);
    await store.end([serial]);
    first.places.close('a', sessionKey(id));
    held.splice(0).forEach((go) => go());
    expect([await asked, first.places.taken]).toEqual(['unknown', 0]);
  });
});

describe('the taint of a session', () => {
  it('goes on with it, the most severe there was, as late as the latest', async () => {
    const before = thread(FIRST);
    const session = await opened(before);
    expect(session.inherited).toBeUndefined();
    session.noteTaint({ severity: 2, classification: 'confidential', source: 'look', atMs: 10 });
    session.noteTaint({ severity: 3, classification: 'sensitive', source: 'read', atMs: 20 });
    session.noteTaint({ severity: 2, classification: 'confidential', source: 'look', atMs: 2000 });
    await new Promise(setImmediate);
    restart();
    const first = thread(FIRST);
    await revive(first, session.id);
    expect(first.find(session.id, 'a', nowMs)?.inherited).toEqual({ severity: 3, classification: 'sensitive', source: 'read', atMs: 2000 });
  });

  it('is written once a second at most while it stays the same', async () => {
    const written: number[] = [];
    const around = { thread: 0, places: new SessionPlaces(memory.places, FIRST), homes: new SessionHomes(memory.homes, FIRST), newHex: (bytes: number) => ids.hex(bytes) };
    const session = await opened(createMcpSessions(LIMITS, { ...around, keeper: { ...keeper, tainted: (_serial, { atMs }) => void written.push(atMs) } }));
    for (const atMs of [0, 1, 999, 1000, 1500, 2000]) session.noteTaint({ severity: 3, classification: 'sensitive', source: 'read', atMs });
    expect(written).toEqual([0, 1000, 2000]);
  });
});

describe('what is written of its uses', () => {
  it('is a twentieth of its life apart, not every use', async () => {
    const told: number[] = [];
    const first = createMcpSessions(LIMITS, { thread: 0, places: new SessionPlaces(memory.places, FIRST), homes: new SessionHomes(memory.homes, FIRST), keeper: { ...keeper, used: (_serial, usedMs) => void told.push(usedMs) }, newHex: (bytes) => ids.hex(bytes) });
    const { id } = await opened(first);
    for (const at of [10, 49, 50, 51, 99, 100, 130, 150]) first.find(id, 'a', at);
    expect(told).toEqual([50, 100, 150]);
  });
});
