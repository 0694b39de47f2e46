// The MCP sessions of one gateway thread: unguessable ids, bound to their caller, bounded in number, ending when unused.
// They hold what only their own thread can use; their number is counted for all threads together (places.ts).
import { createPlacesMemory, SessionPlaces, type PlaceOwner } from './places.js';
import { OpenSession } from './open-session.js';
import type { McpSession } from './types.js';

export interface McpSessionLimits {
  readonly perCallerMax: number;
  readonly totalMax: number;
  readonly ttlMs: number;
}

export interface McpSessions {
  /** A caller at its limit loses its longest unused session; undefined when the whole table is full. */
  open(caller: string, protocolVersion: string, initializeParams: string, nowMs: number): McpSession | undefined;
  /** Undefined for an unknown, ended or expired id, and for another caller's: nobody learns which. */
  find(id: string, caller: string, nowMs: number): McpSession | undefined;
  close(session: McpSession): void;
  /** Another thread took this session's place for a newer one of its caller. */
  evict(serial: number): void;
  /** Ends what was unused for its time. Its places may be wanted by other threads. */
  dropExpired(nowMs: number): void;
  /** Of this thread. */
  readonly size: number;
}

export interface McpSessionSurroundings {
  /** This thread's number, 0–255: it stands in its ids, so that each thread knows whose a session is. */
  readonly thread: number;
  readonly places: SessionPlaces;
  readonly newHex: (bytes: number) => string;
  /** Told of every session that ends, however it does: what it holds elsewhere must end too. */
  readonly ended?: (session: McpSession) => void;
  /** Another thread's session lost its place to one of this thread's. */
  readonly evicted?: (place: PlaceOwner) => void;
}

const TEXTS_SHARED_MAX = 64; // programs that open sessions again and again are few; an attacker's texts may push them out, and cost a copy each
const RANDOM_BYTES = 23; // 184 bits: not to be guessed (MCP 2025-11-25, basic/security_best_practices)
const THREAD_DIGITS = 2;
const HEX = 16;
const ID_DIGITS = THREAD_DIGITS + 2 * RANDOM_BYTES;

/** The number of the thread that an id names, if a gateway could have made it; whether there is such a session, only that thread knows. */
export function threadOfSession(id: string): number | undefined {
  if (id.length !== ID_DIGITS) return undefined;
  const thread = Number.parseInt(id.slice(0, THREAD_DIGITS), HEX);
  return Number.isNaN(thread) ? undefined : thread;
}

/** For a thread that is alone. */
export function alone(limits: McpSessionLimits, newHex: (bytes: number) => string): McpSessionSurroundings {
  return { thread: 0, places: new SessionPlaces(createPlacesMemory(limits.totalMax), 1), newHex };
}

export function createMcpSessions(limits: McpSessionLimits, { thread, places, newHex, ended, evicted }: McpSessionSurroundings): McpSessions {
  // A Map keeps insertion order; find() re-inserts, so the first entry is the longest unused.
  const byId = new Map<string, OpenSession>();
  const bySerial = new Map<number, OpenSession>();
  let lastSerial = 0;
  // Sessions of one program come with the same text: they keep one copy of it.
  const texts = new Map<string, string>();
  const shared = (text: string): string => {
    const known = texts.get(text);
    if (known !== undefined) return known;
    if (texts.size >= TEXTS_SHARED_MAX) texts.clear();
    texts.set(text, text);
    return text;
  };

  const remove = ({ id }: McpSession): void => {
    const session = byId.get(id);
    if (session === undefined) return;
    byId.delete(id);
    bySerial.delete(session.serial);
    places.close(session.caller, session.id);
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

  return {
    open(caller, protocolVersion, initializeParams, nowMs) {
      dropExpired(nowMs);
      const id = thread.toString(HEX).padStart(THREAD_DIGITS, '0') + newHex(RANDOM_BYTES);
      lastSerial = (lastSerial + 1) | 0;
      // Taint and risk are kept elsewhere, so that nothing is washed off by a session that makes room.
      const place = places.open(caller, id, lastSerial, limits);
      if (place.kind === 'full') return undefined;
      if (place.evicted?.owner === places.owner) evict(place.evicted.serial);
      else if (place.evicted !== undefined) evicted?.(place.evicted);
      const session = new OpenSession({ id, serial: lastSerial, caller, protocolVersion, initializeParams: shared(initializeParams) }, nowMs);
      byId.set(id, session);
      bySerial.set(session.serial, session);
      return session;
    },
    find(id, caller, nowMs) {
      const session = byId.get(id);
      if (session === undefined || session.caller !== caller) return undefined;
      if (session.usedMs + limits.ttlMs <= nowMs || !places.touch(caller, id)) {
        remove(session);
        return undefined;
      }
      session.usedMs = nowMs;
      byId.delete(id);
      byId.set(id, session);
      return session;
    },
    close: remove,
    evict,
    dropExpired,
    get size() {
      return byId.size;
    },
  };
}
