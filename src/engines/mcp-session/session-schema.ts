// The database of kept sessions: its tables, and how it is opened. Greetings (params of initialize) stand once each, counted.
import { closeSync, openSync } from 'node:fs';
import { Database } from '../../base/sqlite/database.js';
import type { Classification } from '../registry/types.js';
import type { KeptSession, KeptTaint } from './types.js';

const FILE_MODE = 0o600;
const VERSION = 1;

const TABLES = `
CREATE TABLE IF NOT EXISTS greetings (
  id INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE,
  text TEXT NOT NULL,
  uses INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS sessions (
  serial INTEGER PRIMARY KEY,
  key TEXT NOT NULL,
  caller TEXT NOT NULL,
  protocol_version TEXT NOT NULL,
  greeting INTEGER NOT NULL REFERENCES greetings (id),
  created_ms INTEGER NOT NULL,
  used_ms INTEGER NOT NULL,
  taint_severity INTEGER,
  taint_class TEXT,
  taint_source TEXT,
  taint_ms INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS sessions_by_use ON sessions (used_ms);
CREATE TRIGGER IF NOT EXISTS greeting_taken AFTER INSERT ON sessions BEGIN
  UPDATE greetings SET uses = uses + 1 WHERE id = NEW.greeting;
END;
CREATE TRIGGER IF NOT EXISTS greeting_left AFTER DELETE ON sessions BEGIN
  UPDATE greetings SET uses = uses - 1 WHERE id = OLD.greeting;
  DELETE FROM greetings WHERE id = OLD.greeting AND uses = 0;
END;
`;

export interface SessionRow {
  readonly serial: number;
  readonly key: string;
  readonly caller: string;
  readonly protocol_version: string;
  /** Of the other table. */
  readonly text: string;
  readonly created_ms: number;
  readonly used_ms: number;
  readonly taint_severity: number | null;
  readonly taint_class: Classification | null;
  readonly taint_source: string | null;
  readonly taint_ms: number | null;
}

/** `store_in_use`: another process has it; `store_unusable`: it is damaged. */
export class SessionStoreFault extends Error {
  readonly code: 'store_in_use' | 'store_unusable';
  readonly remedy: string;

  constructor(code: SessionStoreFault['code'], message: string, remedy: string) {
    super(message);
    this.name = 'SessionStoreFault';
    this.code = code;
    this.remedy = remedy;
  }
}

/** Throws SessionStoreFault. */
export function openSessionDatabase(path: string): Database {
  let database: Database | undefined;
  try {
    if (path !== ':memory:') closeSync(openSync(path, 'a', FILE_MODE)); // SQLite gives its log the mode of the database
    database = new Database(path, { timeout: 0 });
    database.pragma('locking_mode = EXCLUSIVE');
    database.pragma('journal_mode = WAL');
    // A commit outlives the process when it returns; what a power cut takes with it, clients open again. Waiting for the disk a thousand times a second helps nobody.
    database.pragma('synchronous = NORMAL');
    database.exec(`BEGIN IMMEDIATE; ${TABLES} PRAGMA user_version = ${VERSION}; COMMIT;`);
    return database;
  } catch (error) {
    database?.close();
    const code = error instanceof Database.SqliteError ? error.code : '';
    if (code.startsWith('SQLITE_BUSY')) throw new SessionStoreFault('store_in_use', `${path} is open in another process.`, 'Only one gateway may use a state folder: agw status.');
    throw new SessionStoreFault('store_unusable', `${path} cannot be used (${code === '' ? 'not readable or writable' : code}).`, 'Check its owner and the disk; or move the file aside: clients then open their sessions again.');
  }
}

export function sessionOf(row: SessionRow): KeptSession {
  return { serial: row.serial, key: row.key, caller: row.caller, protocolVersion: row.protocol_version, initializeParams: row.text, createdMs: row.created_ms, usedMs: row.used_ms, taint: taintOf(row) };
}

function taintOf({ taint_severity: severity, taint_class: classification, taint_source: source, taint_ms: atMs }: SessionRow): KeptTaint | undefined {
  return severity === null || classification === null || source === null || atMs === null ? undefined : { severity, classification, source, atMs };
}
