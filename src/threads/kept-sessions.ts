// The control thread's part in MCP sessions: it keeps them over restarts, lets those sleep that no thread has, and lists and ends them for people.
import { join } from 'node:path';
import type { Clock } from '../base/clock/clock.js';
import type { GatewayConfig } from '../base/config/schema.js';
import type { KeptSessions } from '../control/parts.js';
import type { IdentityTable } from '../engines/identity/types.js';
import { NOBODY, type PlaceLimits, type SessionPlaces } from '../engines/mcp-session/places.js';
import { openSessionStore, type SessionStore } from '../engines/mcp-session/session-store.js';
import type { KeptSession } from '../engines/mcp-session/types.js';
import type { GatewayThreads } from './gateway-threads.js';
import type { Question, SessionsTold } from './messages.js';

export type SessionQuestion = Extract<Question, { readonly kind: 'keep_session' | 'read_session' | 'end_session' }>;

export interface SessionsOptions {
  readonly stateDir: string;
  readonly config: Pick<GatewayConfig, 'session'>;
  readonly places: SessionPlaces;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Undefined until they have started. */
  readonly threads: () => Pick<GatewayThreads, 'sessions' | 'endSessions'> | undefined;
  readonly event: (name: string, details: Readonly<Record<string, string | number>>) => void;
  readonly onFault: (fault: unknown) => void;
}

const MS_PER_SECOND = 1000;
const LISTED_MAX = 1000; // rows of one answer to agw inspect sessions

/** Throws SessionStoreFault. What was kept sleeps from then on. */
export function openKeptSessions({ stateDir, config: { session }, places, clock, threads, event, onFault }: SessionsOptions): SessionsOfControl {
  const limits = { perCallerMax: session.mcp_sessions_per_caller_max, totalMax: session.sessions_max };
  const store = openSessionStore({ path: join(stateDir, 'sessions.sqlite'), ttlMs: session.mcp_session_ttl_s * MS_PER_SECOND, totalMax: limits.totalMax, later: setImmediate, onFault });
  restore(store, places, limits, clock.nowMs());
  return new SessionsOfControl(store, { places, clock, threads, event, onFault });
}

/** Each sleeping session has its place, so that the bounds hold for all. Bounds may have been lowered meanwhile: then the longest unused go. */
function restore(store: SessionStore, places: SessionPlaces, limits: PlaceLimits, nowMs: number): void {
  const pushedOut: number[] = [];
  places.skipSerials(store.restore(nowMs, ({ caller, key, serial }) => {
    const place = places.open(caller, key, serial, limits, NOBODY);
    if (place.kind === 'opened' && place.evicted !== undefined) pushedOut.push(place.evicted.serial);
    return place.kind === 'opened';
  }));
  if (pushedOut.length > 0) store.over(pushedOut);
}

export class SessionsOfControl implements KeptSessions {
  readonly #store: SessionStore;
  readonly #around: Omit<SessionsOptions, 'stateDir' | 'config'>;

  constructor(store: SessionStore, around: Omit<SessionsOptions, 'stateDir' | 'config'>) {
    this.#store = store;
    this.#around = around;
  }

  async answer(question: SessionQuestion): Promise<KeptSession | undefined | null> {
    switch (question.kind) {
      case 'keep_session':
        await this.#store.keep(question.session);
        return null;
      case 'read_session':
        return this.#store.read(question.serial, this.#around.clock.nowMs());
      case 'end_session':
        await this.#store.end([question.serial]);
        return null;
    }
  }

  told({ used, tainted, over }: SessionsTold): void {
    if (used.length > 0) this.#store.used(used);
    if (tainted.length > 0) this.#store.tainted(tainted);
    if (over.length > 0) this.#store.over(over);
  }

  /** What is kept at this moment. */
  keptNow(): (serial: number) => boolean {
    const serials = this.#store.serials();
    return (serial) => serials.has(serial);
  }

  /** Ends what slept for too long. An open session's time is its thread's to watch. */
  dropExpired(): void {
    const { places, clock } = this.#around;
    const ended = this.#store.expired(clock.nowMs()).filter(({ caller, key }) => places.closeAsleep(caller, key));
    if (ended.length > 0) this.#store.over(ended.map(({ serial }) => serial));
  }

  async list(caller: string): ReturnType<KeptSessions['list']> {
    const kept = this.#store.list('', caller, LISTED_MAX);
    const threads = await this.#around.threads()?.sessions(kept.map(({ serial }) => serial)) ?? [];
    const open = new Map(threads.flatMap(({ thread, sessions }) => sessions.map((one) => [one.serial, { ...one, thread }] as const)));
    return {
      total: this.#store.count('', caller),
      sessions: kept.map((one) => {
        const here = open.get(one.serial);
        return { ...one, usedMs: Math.max(one.usedMs, here?.usedMs ?? 0), thread: here?.thread, upstreams: here?.upstreams ?? 0, streams: here?.streams ?? 0 };
      }),
    };
  }

  count(keyPrefix: string): number {
    return this.#store.count(keyPrefix, '');
  }

  async end(keyPrefix: string, caller: string, because: string): Promise<number> {
    const { places, threads, event } = this.#around;
    const ended = this.#store.list(keyPrefix, caller, this.#store.count(keyPrefix, caller));
    const serials = ended.map(({ serial }) => serial);
    if (serials.length === 0) return 0;
    // First for good, then for whoever asks, then where it is open.
    await this.#store.end(serials);
    for (const one of ended) places.close(one.caller, one.key);
    await threads()?.endSessions(serials);
    event('sessions_ended', { caller: caller === '' ? ended[0]?.caller ?? '' : caller, sessions: serials.length, because });
    return serials.length;
  }

  /** Whoever is no longer registered has no sessions left for the day they are registered again. */
  async identitiesChanged(before: IdentityTable, after: IdentityTable): Promise<void> {
    for (const { spiffeId } of before.identities) {
      if (!after.has(spiffeId)) await this.end('', spiffeId, 'identity_removed').catch(this.#around.onFault);
    }
  }

  close(): void {
    this.#store.close();
  }
}
