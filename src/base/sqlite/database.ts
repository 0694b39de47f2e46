// SQLite through better-sqlite3, in the release that this Node can run.
import { createRequire } from 'node:module';
import type BetterSqlite3 from 'better-sqlite3';

/**
 * Release 13 speaks Node-API and runs from Node 22 on; on Node 20 it crashes when it is loaded. Release 12 runs on Node 20, and from Node 24.19 on it
 * aborts the process when a statement is collected while no JavaScript runs (its base class, node::ObjectWrap, asks for an environment then).
 */
const NODE_API_FROM = 22;

const isModern = Number(process.versions.node.split('.', 1)[0]) >= NODE_API_FROM;

export const Database = createRequire(import.meta.url)(isModern ? 'better-sqlite3-node22' : 'better-sqlite3') as typeof BetterSqlite3;
export type Database = BetterSqlite3.Database;
export type Statement = BetterSqlite3.Statement;
