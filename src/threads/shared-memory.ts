// The memory that all gateway threads count in: rate limits, breakers, risk and taint, MCP sessions and where they are, whose tasks are, secrets that tool servers know. Made once by the control thread.
import type { GatewayConfig } from '../base/config/schema.js';
import { SharedText } from '../base/shared/shared-text.js';
import { createTableMemory, SharedTable, type TableMemory } from '../base/shared/table.js';
import { createSecondMemory, SecondCount } from '../chain/second-count.js';
import { breakerTable, forgetProbes } from '../engines/limits/circuit-breaker.js';
import { bucketTable } from '../engines/limits/token-bucket.js';
import { createHomesMemory, SessionHomes } from '../engines/mcp-session/homes.js';
import { createPlacesMemory, SessionPlaces, type PlacesMemory } from '../engines/mcp-session/places.js';
import { createSentSecretsMemory } from '../engines/secrets/sent-secrets.js';
import { createSessionMemory, SessionTable, type SessionMemory } from '../engines/session-risk/entries.js';
import { taskTable } from '../terminals/task-owners.js';

/** Plain data, for `workerData`. */
export interface SharedMemory {
  readonly buckets: TableMemory;
  readonly breakers: TableMemory;
  readonly risk: SessionMemory;
  readonly places: PlacesMemory;
  readonly homes: TableMemory;
  readonly tasks: TableMemory;
  readonly sentSecrets: SharedArrayBuffer;
  readonly traces: SharedArrayBuffer;
}

/** One thread's view of it. */
export interface SharedViews {
  readonly buckets: SharedTable;
  readonly breakers: SharedTable;
  readonly risk: SessionTable;
  readonly places: SessionPlaces;
  readonly homes: SessionHomes;
  readonly tasks: SharedTable;
  readonly sentSecrets: SharedText;
  /** Recorded in this second. */
  readonly traces: SecondCount;
}

const RATE_KEYS_MAX = 200_000; // callers and caller-tool pairs with a bucket that is not full

export function createSharedMemory({ session }: Pick<GatewayConfig, 'session'>): SharedMemory {
  return {
    buckets: createTableMemory(bucketTable(RATE_KEYS_MAX)), breakers: createTableMemory(breakerTable()),
    risk: createSessionMemory({ sessionsMax: session.sessions_max, actionsKept: session.actions_kept }), places: createPlacesMemory({ totalMax: session.sessions_max, perCallerMax: session.mcp_sessions_per_caller_max }), homes: createHomesMemory(session.sessions_max),
    tasks: createTableMemory(taskTable()), sentSecrets: createSentSecretsMemory(), traces: createSecondMemory(),
  };
}

/** `owner` names the thread among all that ever run in this process, those that were replaced included. */
export function openSharedMemory(memory: SharedMemory, owner: number): SharedViews {
  return {
    buckets: new SharedTable(memory.buckets, owner), breakers: new SharedTable(memory.breakers, owner),
    risk: new SessionTable(memory.risk, owner), places: new SessionPlaces(memory.places, owner), homes: new SessionHomes(memory.homes, owner), tasks: new SharedTable(memory.tasks, owner), sentSecrets: new SharedText(memory.sentSecrets, owner), traces: new SecondCount(memory.traces),
  };
}

/** `owner` names it among all that ever run in this process, `index` among those that run now. */
export interface ThreadName {
  readonly index: number;
  readonly owner: number;
}

/** What a thread that ended leaves behind: locks that it held, probes that it sent out, its sessions. Of these sleep those that are kept. */
export function cleanUpAfter(views: SharedViews, { index, owner }: ThreadName, isKept: (serial: number) => boolean): void {
  for (const table of [views.buckets, views.breakers, views.risk.table, views.places.table, views.homes.table, views.tasks]) table.openLocksOf(owner);
  views.sentSecrets.openLockOf(owner);
  forgetProbes(views.breakers, index);
  views.places.letGoAllOf(owner, isKept);
  views.homes.leaveAllOf(owner);
}
