// The table of open MCP sessions: unguessable ids, bound to their caller, bounded in number, ending when unused.
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
  readonly size: number;
}

const ID_BYTES = 24; // 192 random bits: not to be guessed (MCP 2025-11-25, basic/security_best_practices)

/** `ended` is told of every session that ends, however it does: what it holds elsewhere must end too. */
export function createMcpSessions(limits: McpSessionLimits, newHex: (bytes: number) => string, ended: (session: McpSession) => void = () => undefined): McpSessions {
  // A Map keeps insertion order; find() re-inserts, so the first entry is the longest unused.
  const byId = new Map<string, McpSession>();
  const perCaller = new Map<string, number>();

  const remove = (session: McpSession): void => {
    if (!byId.delete(session.id)) return;
    for (const close of [...session.closers]) close();
    session.closers.clear();
    ended(session);
    const left = (perCaller.get(session.caller) ?? 1) - 1;
    if (left === 0) perCaller.delete(session.caller);
    else perCaller.set(session.caller, left);
  };

  const dropExpired = (nowMs: number): void => {
    for (const session of byId.values()) {
      if (session.usedMs + limits.ttlMs > nowMs) return;
      remove(session);
    }
  };

  // Taint and risk are kept elsewhere, so that nothing is washed off here.
  const dropOldestOf = (caller: string): void => {
    for (const session of byId.values()) {
      if (session.caller !== caller) continue;
      remove(session);
      return;
    }
  };

  return {
    open(caller, protocolVersion, initializeParams, nowMs) {
      dropExpired(nowMs);
      if ((perCaller.get(caller) ?? 0) >= limits.perCallerMax) dropOldestOf(caller);
      if (byId.size >= limits.totalMax) return undefined;
      const session: McpSession = {
        id: newHex(ID_BYTES), caller, protocolVersion, initializeParams, createdMs: nowMs, usedMs: nowMs, upstreams: new Map(), closers: new Set(), asked: new Map(), running: new Set(),
      };
      byId.set(session.id, session);
      perCaller.set(caller, (perCaller.get(caller) ?? 0) + 1);
      return session;
    },
    find(id, caller, nowMs) {
      const session = byId.get(id);
      if (session === undefined || session.caller !== caller) return undefined;
      if (session.usedMs + limits.ttlMs <= nowMs) {
        remove(session);
        return undefined;
      }
      session.usedMs = nowMs;
      byId.delete(id);
      byId.set(id, session);
      return session;
    },
    close: remove,
    get size() {
      return byId.size;
    },
  };
}
