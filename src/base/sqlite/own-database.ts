// A database that one gateway has for itself: how it is opened, and why it can't be.
import { closeSync, openSync } from 'node:fs';
import { Database } from './database.js';

const FILE_MODE = 0o600;
const UNWRITTEN = 0;

export interface OwnDatabase {
  /** `:memory:`: not kept. */
  readonly path: string;
  /** Of its tables, from 1: a file of another one is refused. */
  readonly version: number;
  /** Its tables, if they are not there yet. */
  readonly schema: string;
  /** `FULL`: a commit is on disk when it returns. `NORMAL`: it outlives the process, and maybe not the machine. */
  readonly synchronous: 'FULL' | 'NORMAL';
  /** What is lost where the file is moved aside, as the end of a remedy. */
  readonly withoutIt: string;
  /** Its first work: a damaged page shows when it is read. */
  readonly first?: (database: Database) => void;
}

/** `store_in_use`: another process has it; `store_unusable`: it is damaged, out of reach, or of another version. */
export type StoreFaultCode = 'store_in_use' | 'store_unusable';
export type MakeStoreFault = (code: StoreFaultCode, message: string, remedy: string) => Error;

class AnotherVersion extends Error {
  readonly version: number;
  constructor(version: number) {
    super();
    this.version = version;
  }
}

/** Throws what `fault` makes. Foreign keys are on. A second process would take the first one's living work for what a crash has left: it is kept out. */
export function openOwnDatabase({ path, version, schema, synchronous, withoutIt, first }: OwnDatabase, fault: MakeStoreFault): Database {
  let database: Database | undefined;
  try {
    if (path !== ':memory:') closeSync(openSync(path, 'a', FILE_MODE)); // SQLite gives its log the mode of the database
    database = new Database(path, { timeout: 0 });
    database.pragma('locking_mode = EXCLUSIVE');
    database.pragma('journal_mode = WAL');
    database.pragma(`synchronous = ${synchronous}`);
    database.pragma('foreign_keys = ON');
    const kept = Number(database.pragma('user_version', { simple: true }));
    if (kept !== UNWRITTEN && kept !== version) throw new AnotherVersion(kept);
    database.exec(`BEGIN IMMEDIATE; ${schema} PRAGMA user_version = ${version}; COMMIT;`);
    first?.(database);
    return database;
  } catch (error) {
    database?.close();
    if (error instanceof AnotherVersion) {
      throw fault('store_unusable', `${path} has tables of version ${error.version}, and this program knows version ${version}.`, `Start the program that wrote it; or move the file aside: ${withoutIt}`);
    }
    const code = error instanceof Database.SqliteError ? error.code : '';
    if (code.startsWith('SQLITE_BUSY')) throw fault('store_in_use', `${path} is open in another process.`, 'Only one gateway may use a state folder: agw status.');
    throw fault('store_unusable', `${path} cannot be used (${code === '' ? 'not readable or writable' : code}).`, `Check its owner and the disk; or move the file aside: ${withoutIt}`);
  }
}
