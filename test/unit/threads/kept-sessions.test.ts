// The control thread's sessions: bounds hold for sleepers at the start, sleepers end by the clock, and a person ends sessions everywhere.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseGatewayConfig } from '../../../src/base/config/load.js';
import { parseIdentities } from '../../../src/engines/identity/identity-table.js';
import { createPlacesMemory, NOBODY, SessionPlaces } from '../../../src/engines/mcp-session/places.js';
import { sessionKey } from '../../../src/engines/mcp-session/session-key.js';
import { openKeptSessions, type SessionsOfControl } from '../../../src/threads/kept-sessions.js';

const TTL_MS = 10_000;
const OWNER = 2;
const idOf = (name: string): string => `spiffe://poc.local/agents/mcp-client/${name}/dev`;
const [ALICE, BOB] = [idOf('alice'), idOf('bob')];
const LIMITS = { perCallerMax: 100, totalMax: 100 };
let dir: string;
let places: SessionPlaces;
let sessions: SessionsOfControl;
let nowMs: number;
let told: number[][];
let events: unknown[];
let faults: unknown[];

function open(more: Readonly<Record<string, number>> = {}): void {
  places = new SessionPlaces(createPlacesMemory(LIMITS), 1);
  const config = parseGatewayConfig(JSON.stringify({ profile: 'dev', session: { mcp_session_ttl_s: TTL_MS / 1000, ...more } }), 'gateway.yaml');
  sessions = openKeptSessions({
    stateDir: dir, config, places, clock: { nowMs: () => nowMs }, event: (name, details) => void events.push([name, details]), onFault: (fault) => void faults.push(fault),
    threads: () => ({
      sessions: (serials) => Promise.resolve([{ thread: 1, sessions: serials.filter((serial) => serial === 1).map((serial) => ({ serial, usedMs: 9000, upstreams: 2, streams: 1 })) }]),
      endSessions: (serials) => Promise.resolve(void told.push([...serials])),
    }),
  });
}
async function keep(serial: number, caller: string, usedMs = 0): Promise<string> {
  const key = sessionKey(`${serial}`);
  expect(await sessions.answer({ kind: 'keep_session', session: { serial, key, caller, protocolVersion: '2025-11-25', initializeParams: '{}', createdMs: 0, usedMs, taint: undefined } })).toBeNull();
  return key;
}
function restart(more: Readonly<Record<string, number>> = {}): void {
  sessions.close();
  open(more);
}
const kept = async (): Promise<number[]> => (await sessions.list('')).sessions.map(({ serial }) => serial).sort((a, b) => a - b);

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kept-sessions-'));
  [nowMs, told, events, faults] = [0, [], [], []];
  open();
});
afterEach(() => {
  sessions.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('at the start', () => {
  it('what is kept has its place, and serial numbers go on', async () => {
    const key = await keep(41, ALICE);
    restart();
    expect([places.taken, places.take(ALICE, key), places.nextSerial()]).toEqual([1, { kind: 'taken', serial: 41 }, 42]);
  });

  it('bounds that were lowered hold: the longest unused of a caller go, and of all', async () => {
    for (let serial = 1; serial <= 30; serial++) await keep(serial, serial <= 4 ? ALICE : idOf(`agent-${serial}`), serial);
    restart({ mcp_sessions_per_caller_max: 2 });
    expect([places.taken, (await kept()).slice(0, 3)]).toEqual([28, [3, 4, 5]]);
    restart({ sessions_max: 16 });
    expect([places.taken, (await kept())[0]]).toEqual([16, 15]);
  });
});

describe('a sleeper', () => {
  it('ends when its time is over, place and all; one that a thread has is its thread\'s to end', async () => {
    for (const [serial, caller, owner] of [[1, ALICE, NOBODY], [2, BOB, OWNER], [3, BOB, NOBODY]] as const) places.open(caller, await keep(serial, caller, serial === 3 ? 5000 : 0), serial, LIMITS, owner);
    nowMs = TTL_MS * 1.1 - 1;
    sessions.dropExpired();
    expect([places.taken, await kept()]).toEqual([3, [1, 2, 3]]);
    nowMs += 1;
    sessions.dropExpired();
    expect([places.taken, await kept()]).toEqual([2, [2, 3]]);
  });

  it('without a place is forgotten when its time is over', async () => {
    await keep(1, ALICE);
    nowMs = TTL_MS * 2;
    sessions.dropExpired();
    expect(await kept()).toEqual([]);
  });
});

describe('what threads tell', () => {
  it('is written: uses, taint, ends', async () => {
    await keep(1, ALICE);
    await keep(2, ALICE);
    const taint = { severity: 3, classification: 'sensitive', source: 'read', atMs: 1 } as const;
    sessions.told({ used: [[1, 70]], tainted: [[1, taint]], over: [2] });
    expect(await sessions.answer({ kind: 'read_session', serial: 1 })).toMatchObject({ usedMs: 70, taint });
    expect(await sessions.answer({ kind: 'read_session', serial: 2 })).toBeUndefined();
    expect(await sessions.answer({ kind: 'end_session', serial: 1 })).toBeNull();
    expect([1, 2].map(sessions.keptNow())).toEqual([false, false]);
  });
});

describe('a list', () => {
  it('says where a session is open, and the later of both last uses', async () => {
    await keep(1, ALICE, 100);
    await keep(2, ALICE, 200);
    expect(await sessions.list(ALICE)).toMatchObject({ total: 2, sessions: [{ serial: 2, usedMs: 200, thread: undefined, upstreams: 0, streams: 0 }, { serial: 1, usedMs: 9000, thread: 1, upstreams: 2, streams: 1 }] });
    expect(await sessions.list(BOB)).toEqual({ total: 0, sessions: [] });
  });
});

describe('an end by a person', () => {
  it('is for good, takes the places, tells the threads, and is an event', async () => {
    for (const [serial, caller] of [[1, ALICE], [2, ALICE], [3, BOB]] as const) places.open(caller, await keep(serial, caller), serial, LIMITS, serial === 2 ? NOBODY : OWNER);
    expect(await sessions.end('', ALICE, 'revoked')).toBe(2);
    expect([places.taken, told.map((serials) => [...serials].sort((a, b) => a - b)), events]).toEqual([1, [[1, 2]], [['sessions_ended', { caller: ALICE, sessions: 2, because: 'revoked' }]]]);
    expect([await sessions.end(sessionKey('3').slice(0, 16), '', 'revoked'), await sessions.end('', ALICE, 'revoked'), await kept()]).toEqual([1, 0, []]);
    expect(events).toHaveLength(2);
  });

  it('comes with the end of a registration', async () => {
    const table = (...ids: string[]) => parseIdentities(JSON.stringify({ identities: ids.map((spiffe_id) => ({ spiffe_id })) }), 'identities.yaml', 'poc.local');
    await keep(1, ALICE);
    await keep(2, BOB);
    await sessions.identitiesChanged(table(ALICE, BOB), table(BOB));
    expect([await kept(), faults]).toEqual([[2], []]);
    // A reload must not fail by it.
    sessions.close();
    await sessions.identitiesChanged(table(BOB), table());
    expect(faults).toHaveLength(1);
  });
});
