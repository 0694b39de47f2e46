// The database of kept sessions: its tables, and how it is opened. Greetings (params of initialize) stand once each, counted.
import type { Database } from '../../base/sqlite/database.js';
import { openOwnDatabase, type StoreFaultCode } from '../../base/sqlite/own-database.js';
import type { Classification } from '../registry/types.js';
import type { KeptSession, KeptTaint } from './types.js';

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

export class SessionStoreFault extends Error {
  readonly code: StoreFaultCode;
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
  return openOwnDatabase(
    // What a power cut takes with it, clients open again: waiting for the disk a thousand times a second helps nobody.
    { path, version: VERSION, schema: TABLES, synchronous: 'NORMAL', withoutIt: 'clients then open their sessions again.' },
    (code, message, remedy) => new SessionStoreFault(code, message, remedy),
  );
}

export function sessionOf(row: SessionRow): KeptSession {
  return { serial: row.serial, key: row.key, caller: row.caller, protocolVersion: row.protocol_version, initializeParams: row.text, createdMs: row.created_ms, usedMs: row.used_ms, taint: taintOf(row) };
}

function taintOf({ taint_severity: severity, taint_class: classification, taint_source: source, taint_ms: atMs }: SessionRow): KeptTaint | undefined {
  return severity === null || classification === null || source === null || atMs === null ? undefined : { severity, classification, source, atMs };
}
