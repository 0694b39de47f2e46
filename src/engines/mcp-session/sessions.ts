// The MCP sessions of one gateway thread: unguessable ids, bound to their caller, bounded in number, ending when unused.
// They hold what only their own thread can use; their number is counted for all threads together (places.ts). What outlives the thread is kept elsewhere
// (session-store.ts), and taken up by whichever thread is asked first (revival.ts).
import { createHomesMemory, SessionHomes } from './homes.js';
import { writtenEveryMs } from './kept-time.js';
import { OpenSession } from './open-session.js';
import { createPlacesMemory, NOBODY, SessionPlaces, type PlaceOwner } from './places.js';
import { createRevival, type Revived } from './revival.js';
import { mintSessionId, sessionKey } from './session-key.js';
import type { McpSession, SessionKeeper } from './types.js';

export interface McpSessionLimits {
  readonly perCallerMax: number;
  readonly totalMax: number;
  readonly ttlMs: number;
}

export interface McpSessions {
  /** A caller at its limit loses its longest unused session; undefined when the whole table is full. Nobody may learn its id before it is kept. */
  open(caller: string, protocolVersion: string, initializeParams: string, nowMs: number): McpSession | undefined;
  /** Resolves when the session outlives its thread and process. */
  keep(session: McpSession): Promise<void>;
  /** Undefined for an unknown, ended or expired id, for another caller's, and for one that is not open on this thread: nobody learns which. */
  find(id: string, caller: string, nowMs: number): McpSession | undefined;
  /** Takes up what sleeps; rejects when it can't be read. */
  revive(id: string, caller: string, nowMs: number): Revived | Promise<Revived>;
  /** Ends it for good: when it resolves, no restart brings it back. Rejects, and it goes on, when that can't be written. */
  end(session: McpSession): Promise<void>;
  /** What the session's handshake agreed on; whoever asks has yet to prove that it is his. Undefined: this thread knows none of that id. */
  versionOf(id: string): string | undefined;
  close(session: McpSession): void;
  /** Its place was taken away elsewhere. */
  evict(serial: number): void;
  /** Ends what was unused for its time. Its places may be wanted by other threads. */
  dropExpired(nowMs: number): void;
  /** Whether this thread has it, whosever it is. */
  has(id: string): boolean;
  /** Of those named, the ones that this thread has. */
  describe(serials: readonly number[]): readonly SessionReport[];
  /** Of this thread. */
  readonly size: number;
}

export interface SessionReport {
  readonly serial: number;
  readonly usedMs: number;
  readonly upstreams: number;
  readonly streams: number;
}

export interface McpSessionSurroundings {
  /** This thread's number, 0–255: its ids begin with it. */
  readonly thread: number;
  readonly places: SessionPlaces;
  readonly homes: SessionHomes;
  readonly keeper: SessionKeeper;
  readonly newHex: (bytes: number) => string;
  /** Told of every session that ends, however it does: what it holds elsewhere must end too. */
  readonly ended?: (session: McpSession) => void;
  /** Another thread's session lost its place to one of this thread's. */
  readonly evicted?: (place: PlaceOwner) => void;
}

const TEXTS_SHARED_MAX = 64; // programs that open sessions again and again are few; an attacker's texts may push them out, and cost a copy each

/** Keeps nothing. */
const NO_KEEPER: SessionKeeper = Object.freeze({
  keep: () => Promise.resolve(), read: () => Promise.resolve(undefined), end: () => Promise.resolve(), used: () => undefined, tainted: () => undefined, over: () => undefined,
});

/** For a thread that is alone, and whose sessions end with it. */
export function alone(limits: McpSessionLimits, newHex: (bytes: number) => string): McpSessionSurroundings {
  return { thread: 0, places: new SessionPlaces(createPlacesMemory(limits), 1), homes: new SessionHomes(createHomesMemory(limits.totalMax), 1), keeper: NO_KEEPER, newHex };
}

export function createMcpSessions(limits: McpSessionLimits, { thread, places, homes, keeper, newHex, ended, evicted }: McpSessionSurroundings): McpSessions {
  // A Map keeps insertion order; find() re-inserts, so the first entry is the longest unused.
  const byId = new Map<string, OpenSession>();
  const bySerial = new Map<number, OpenSession>();
  const writeEveryMs = writtenEveryMs(limits.ttlMs);
  // Sessions of one program come with the same text: they keep one copy of it.
  const texts = new Map<string, string>();
  const shared = (text: string): string => {
    const known = texts.get(text);
    if (known !== undefined) return known;
    if (texts.size >= TEXTS_SHARED_MAX) texts.clear();
    texts.set(text, text);
    return text;
  };

  const add = (session: OpenSession): void => {
    byId.set(session.id, session);
    bySerial.set(session.serial, session);
    homes.settle(session.id);
  };

  const remove = ({ id }: McpSession): void => {
    const session = byId.get(id);
    if (session === undefined) return;
    byId.delete(id);
    bySerial.delete(session.serial);
    places.close(session.caller, session.key);
    homes.leave(id);
    keeper.over(session.serial);
    session.end();
    ended?.(session);
  };

  const dropExpired = (nowMs: number): void => {
    for (const session of byId.values()) {
      if (session.usedMs + limits.ttlMs > nowMs) return;
      remove(session);
    }
  };

  const evict = (serial: number): void => {
    const session = bySerial.get(serial);
    if (session !== undefined) remove(session);
  };

  const makeRoom = (place: PlaceOwner): void => {
    if (place.owner === places.owner) evict(place.serial);
    else if (place.owner !== NOBODY) evicted?.(place);
    keeper.over(place.serial); // whoever had it may be ending, or have it half taken up
  };

  return {
    open(caller, protocolVersion, initializeParams, nowMs) {
      dropExpired(nowMs);
      const id = mintSessionId(thread, newHex);
      const key = sessionKey(id);
      const serial = places.nextSerial();
      // Taint and risk are kept elsewhere, so that nothing is washed off by a session that makes room.
      const place = places.open(caller, key, serial, limits);
      if (place.kind === 'full') return undefined;
      if (place.evicted !== undefined) makeRoom(place.evicted);
      const session = new OpenSession(id, { serial, key, caller, protocolVersion, initializeParams: shared(initializeParams), createdMs: nowMs, taint: undefined }, nowMs, keeper);
      add(session);
      return session;
    },
    keep(session) {
      const open = byId.get(session.id);
      return open === undefined ? Promise.reject(new Error('the session has ended')) : keeper.keep(open.kept());
    },
    find(id, caller, nowMs) {
      const session = byId.get(id);
      if (session === undefined || session.caller !== caller) return undefined;
      if (session.usedMs + limits.ttlMs <= nowMs || !places.touch(caller, session.key)) {
        remove(session);
        return undefined;
      }
      session.usedMs = nowMs;
      if (nowMs - session.writtenMs >= writeEveryMs) {
        session.writtenMs = nowMs;
        keeper.used(session.serial, nowMs);
      }
      byId.delete(id);
      byId.set(id, session);
      return session;
    },
    revive: createRevival({ places, homes, keeper, takeUp: (session) => add(session), shared, isOpen: (id) => byId.has(id) }),
    async end(session) {
      await keeper.end(session.serial);
      remove(session);
    },
    versionOf: (id) => byId.get(id)?.protocolVersion,
    close: remove,
    evict,
    dropExpired,
    has: (id) => byId.has(id),
    describe: (serials) => serials.flatMap((serial) => {
      const session = bySerial.get(serial);
      return session === undefined ? [] : [{ serial, usedMs: session.usedMs, upstreams: session.upstreamCount, streams: session.streams }];
    }),
    get size() {
      return byId.size;
    },
  };
}
