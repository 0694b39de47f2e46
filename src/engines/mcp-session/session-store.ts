// Sessions that outlive their thread and their process, in SQLite, for the control thread. What comes within one turn of its loop is one transaction,
// so that a thousand sessions a second don't hold it up.
import { createHash } from 'node:crypto';
import type { Database, Statement } from '../../base/sqlite/database.js';
import { goodUntilMs } from './kept-time.js';
import { openSessionDatabase, sessionOf, type SessionRow } from './session-schema.js';
import type { KeptSession, KeptTaint } from './types.js';

export interface SessionStoreOptions {
  readonly path: string;
  readonly ttlMs: number;
  readonly totalMax: number;
  /** Runs it at the end of this turn of the event loop. */
  readonly later: (run: () => void) => void;
  /** Told of what could not be written and nobody waits for. */
  readonly onFault: (fault: unknown) => void;
}

export type SessionName = Pick<KeptSession, 'serial' | 'key' | 'caller'>;
export type ListedSession = Omit<KeptSession, 'initializeParams' | 'taint'>;

export interface SessionStore {
  /** Calls `take` with all that are good, the longest unused first; those it does not take are forgotten. Returns the greatest serial number. */
  restore(nowMs: number, take: (session: SessionName) => boolean): number;
  /** In the database when it resolves. */
  keep(session: KeptSession): Promise<void>;
  /** Gone from it when it resolves. */
  end(serials: readonly number[]): Promise<void>;
  used(uses: readonly (readonly [serial: number, usedMs: number])[]): void;
  tainted(taints: readonly (readonly [serial: number, taint: KeptTaint])[]): void;
  over(serials: readonly number[]): void;
  read(serial: number, nowMs: number): KeptSession | undefined;
  serials(): ReadonlySet<number>;
  /** Some of those whose time has ended by what was written. */
  expired(nowMs: number): readonly SessionName[];
  /** The lately used first. `keyPrefix` and `caller` narrow it; '' = any. */
  list(keyPrefix: string, caller: string, max: number): readonly ListedSession[];
  count(keyPrefix: string, caller: string): number;
  close(): void;
}

interface Change {
  readonly apply: () => void;
  readonly done: () => void;
  readonly failed: (fault: unknown) => void;
}

const EXPIRED_AT_ONCE_MAX = 1000; // a look that finds more leaves the rest to the next one

/** Throws SessionStoreFault. */
export function openSessionStore({ path, ttlMs, totalMax, later, onFault }: SessionStoreOptions): SessionStore {
  const database = openSessionDatabase(path);
  const sql = prepare(database);
  const transaction = (work: () => void): void => database.transaction(work).immediate();
  let waiting: Change[] = [];

  /** All of them, or, where one can't be done, each for itself. */
  const commit = (): void => {
    const changes = waiting;
    waiting = [];
    if (changes.length === 0) return;
    try {
      transaction(() => changes.forEach(({ apply }) => apply()));
    } catch {
      changes.forEach(commitOne);
      return;
    }
    for (const { done } of changes) done();
  };

  const commitOne = ({ apply, done, failed }: Change): void => {
    try {
      transaction(apply);
    } catch (fault) {
      failed(fault);
      return;
    }
    done();
  };

  const change = (apply: () => void, done: () => void = () => undefined, failed: (fault: unknown) => void = onFault): void => {
    waiting.push({ apply, done, failed });
    if (waiting.length === 1) later(commit);
  };

  const changed = (apply: () => void): Promise<void> => new Promise((resolve, reject) => change(apply, resolve, (fault) => reject(fault instanceof Error ? fault : new Error('the session could not be written'))));

  const setTaint = (serial: number, { severity, classification, source, atMs }: KeptTaint): unknown => sql.taint.run(severity, classification, source, atMs, serial);
  const insert = ({ serial, key, caller, protocolVersion, initializeParams, createdMs, usedMs, taint }: KeptSession): void => {
    const digest = createHash('sha256').update(initializeParams).digest();
    sql.keepGreeting.run(digest, initializeParams);
    sql.insert.run(serial, key, caller, protocolVersion, digest, createdMs, usedMs);
    if (taint !== undefined) setTaint(serial, taint);
  };
  const forget = (serials: readonly number[]): void => serials.forEach((serial) => sql.forget.run(serial));
  const lastGoodMs = (nowMs: number): number => nowMs - goodUntilMs(0, ttlMs);

  return {
    restore(nowMs, take) {
      let last = 0;
      transaction(() => {
        sql.fromTheFuture.run(nowMs, nowMs); // a clock that was set back must not make sessions live longer
        sql.forgetExpired.run(lastGoodMs(nowMs));
        const refused: number[] = [];
        const { total } = sql.countAll.get() as { total: number };
        let beyond = total - totalMax;
        for (const name of sql.byUse.iterate() as IterableIterator<SessionName>) {
          last = Math.max(last, name.serial);
          if (beyond-- > 0 || !take(name)) refused.push(name.serial);
        }
        forget(refused);
      });
      return last;
    },
    keep: (session) => changed(() => insert(session)),
    end: (serials) => changed(() => forget(serials)),
    used: (uses) => change(() => uses.forEach(([serial, usedMs]) => sql.use.run(usedMs, serial))),
    tainted: (taints) => change(() => taints.forEach(([serial, taint]) => setTaint(serial, taint))),
    over: (serials) => change(() => forget(serials)),
    read(serial, nowMs) {
      commit();
      const row = sql.read.get(serial) as SessionRow | undefined;
      return row === undefined || row.used_ms <= lastGoodMs(nowMs) ? undefined : sessionOf(row);
    },
    serials() {
      commit();
      return new Set(sql.serials.all() as number[]);
    },
    expired: (nowMs) => sql.expired.all(lastGoodMs(nowMs)) as SessionName[],
    list(keyPrefix, caller, max) {
      commit();
      return (sql.list.all(...narrowedBy(keyPrefix, caller), max) as SessionRow[]).map((row) => sessionOf({ ...row, text: '' }));
    },
    count: (keyPrefix, caller) => {
      commit();
      const row = keyPrefix === '' && caller === '' ? sql.countAll.get() : sql.count.get(...narrowedBy(keyPrefix, caller));
      return (row as { total: number }).total;
    },
    close() {
      commit();
      database.close();
    },
  };
}

function narrowedBy(keyPrefix: string, caller: string): (string | number)[] {
  return [keyPrefix.length, keyPrefix, caller, caller];
}

const NARROWED = "FROM sessions WHERE substr(key, 1, ?) = ? AND (? = '' OR caller = ?)";

const SQL = {
  keepGreeting: 'INSERT INTO greetings (digest, text, uses) VALUES (?, ?, 0) ON CONFLICT (digest) DO NOTHING',
  insert: 'INSERT INTO sessions (serial, key, caller, protocol_version, greeting, created_ms, used_ms) VALUES (?, ?, ?, ?, (SELECT id FROM greetings WHERE digest = ?), ?, ?)',
  use: 'UPDATE sessions SET used_ms = max(used_ms, ?) WHERE serial = ?',
  taint: 'UPDATE sessions SET taint_severity = ?, taint_class = ?, taint_source = ?, taint_ms = ? WHERE serial = ?',
  forget: 'DELETE FROM sessions WHERE serial = ?',
  fromTheFuture: 'UPDATE sessions SET used_ms = ? WHERE used_ms > ?',
  forgetExpired: 'DELETE FROM sessions WHERE used_ms <= ?',
  byUse: 'SELECT serial, key, caller FROM sessions ORDER BY used_ms, serial',
  countAll: 'SELECT count(*) AS total FROM sessions',
  read: 'SELECT sessions.*, greetings.text FROM sessions JOIN greetings ON greetings.id = greeting WHERE serial = ?',
  serials: 'SELECT serial FROM sessions',
  expired: `SELECT serial, key, caller FROM sessions WHERE used_ms <= ? ORDER BY used_ms LIMIT ${EXPIRED_AT_ONCE_MAX}`,
  list: `SELECT sessions.* ${NARROWED} ORDER BY used_ms DESC, serial DESC LIMIT ?`,
  count: `SELECT count(*) AS total ${NARROWED}`,
} as const;

function prepare(database: Database): Readonly<Record<keyof typeof SQL, Statement>> {
  const statements = Object.fromEntries(Object.entries(SQL).map(([name, text]) => [name, database.prepare(text)])) as Record<keyof typeof SQL, Statement>;
  statements.serials.pluck();
  return statements;
}
