// The approvals database: its tables, how it is opened, and how a row reads as a request.
import type { Database } from '../../base/sqlite/database.js';
import { openOwnDatabase } from '../../base/sqlite/own-database.js';
import { StepUpFault } from './fault.js';
import type { ApprovalRequest } from './types.js';

const VERSION = 1;

const TABLE = `
CREATE TABLE IF NOT EXISTS approvals (
  id TEXT PRIMARY KEY,
  caller TEXT NOT NULL,
  tool TEXT NOT NULL,
  tool_hash TEXT NOT NULL,
  upstream TEXT NOT NULL,
  arguments_digest TEXT NOT NULL,
  mcp_session TEXT,
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  score INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'reserved', 'consumed', 'expired')),
  decided_by TEXT,
  decided_ms INTEGER,
  reason TEXT,
  signature TEXT,
  grant_expires_ms INTEGER,
  reservation TEXT,
  arguments_preview TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS approvals_by_binding ON approvals (caller, tool, arguments_digest, state);
CREATE INDEX IF NOT EXISTS approvals_by_state ON approvals (state, created_ms);
CREATE TABLE IF NOT EXISTS approval_arguments (
  id TEXT PRIMARY KEY REFERENCES approvals (id) ON DELETE CASCADE,
  text TEXT NOT NULL,
  length INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS approval_untold (
  id TEXT NOT NULL REFERENCES approvals (id) ON DELETE CASCADE,
  what TEXT NOT NULL CHECK (what IN ('decided', 'spent')),
  PRIMARY KEY (id, what)
) STRICT, WITHOUT ROWID;
`;

export interface ApprovalRow {
  readonly id: string;
  readonly caller: string;
  readonly tool: string;
  readonly tool_hash: string;
  readonly upstream: string;
  readonly arguments_digest: string;
  readonly mcp_session: string | null;
  readonly created_ms: number;
  readonly expires_ms: number;
  readonly score: number;
  readonly state: ApprovalRequest['state'];
  readonly decided_by: string | null;
  readonly decided_ms: number | null;
  readonly reason: string | null;
  readonly signature: string | null;
  readonly grant_expires_ms: number | null;
  readonly reservation: string | null;
  readonly arguments_preview: string;
  /** Of the other table, where a statement asks for them. */
  readonly arguments_text?: string | null;
  readonly arguments_length?: number | null;
}

/** Throws StepUpFault: `store_in_use` if another process has it, `store_unusable` if it is damaged. */
export function openApprovalsDatabase(path: string, first: (database: Database) => void): Database {
  return openOwnDatabase(
    { path, version: VERSION, schema: TABLE, synchronous: 'FULL', withoutIt: 'open approvals are lost then, and must be asked for again.', first },
    (code, message, remedy) => new StepUpFault(code, message, remedy),
  );
}

export function requestOf(row: ApprovalRow): ApprovalRequest {
  return {
    id: row.id,
    caller: row.caller,
    tool: row.tool,
    toolHash: row.tool_hash,
    upstream: row.upstream,
    argumentsDigest: row.arguments_digest,
    mcpSession: row.mcp_session ?? undefined,
    createdMs: row.created_ms,
    expiresMs: row.expires_ms,
    score: row.score,
    state: row.state,
    decidedBy: row.decided_by ?? undefined,
    decidedMs: row.decided_ms ?? undefined,
    reason: row.reason ?? undefined,
    argumentsPreview: row.arguments_preview,
    argumentsLength: row.arguments_length ?? undefined,
    argumentsText: row.arguments_text ?? undefined,
    grantExpiresMs: row.grant_expires_ms ?? undefined,
  };
}
