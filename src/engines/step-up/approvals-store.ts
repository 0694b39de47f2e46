// Approval requests and their single-use grants, in SQLite: every step is one transaction that is on disk when it returns.
// pending → approved → reserved → consumed; reserved → approved only by release. What a crash leaves reserved counts as consumed, and what is reserved past its time as expired.
import { randomBytes } from 'node:crypto';
import type { Database, Statement } from '../../base/sqlite/database.js';
import { openApprovalsDatabase, requestOf, type ApprovalRow } from './approvals-schema.js';
import { previewOf, type ShownArguments } from './arguments-shown.js';
import { isDecisionSigned, type Approver } from './approver-keys.js';
import type { ApprovalBinding, ApprovalRequest, ApprovalStore, DecideResult, ReserveResult, Untold } from './types.js';

export interface ApprovalStoreOptions {
  readonly path: string;
  /** step_up.request_ttl_s and step_up.grant_ttl_s. */
  readonly requestTtlMs: number;
  readonly grantTtlMs: number;
  readonly pendingPerCallerMax: number;
  /** Read at each decision and each use, so that a removed approver's grants end with it: loadPublicKeys(dir). */
  readonly approvers: () => ReadonlyMap<string, Approver>;
  readonly nowMs: number;
  readonly random?: (bytes: number) => Buffer;
}

const ID_BYTES = 8;
const TOKEN_BYTES = 16;
/** What was decided is kept this long for people to look at; the audit log keeps it for good. */
const RETENTION_MS = 30 * 86_400_000;
/** What nobody ever decided goes sooner: a caller can make a new one whenever the last has expired. */
const UNDECIDED_RETENTION_MS = 86_400_000;
const REASON_LENGTH_MAX = 1_000;
/** Rows of one answer to agw approvals list. */
const LIST_MAX = 1_000;

const OF_BINDING = 'caller = ? AND tool = ? AND arguments_digest = ? AND state = ? AND tool_hash = ? AND upstream = ? AND mcp_session IS ?';

function forget(sql: ReturnType<typeof prepare>, nowMs: number): void {
  sql.forgetDecided.run(nowMs - RETENTION_MS);
  sql.forgetUndecided.run(nowMs - UNDECIDED_RETENTION_MS);
}

/** Throws StepUpFault if the file is damaged or another process has it. */
export function openApprovalStore(options: ApprovalStoreOptions): ApprovalStore {
  const random = options.random ?? randomBytes;
  // Nobody knows whether the calls of what is reserved went out, so they did.
  const database = openApprovalsDatabase(options.path, (opened) => {
    const first = prepare(opened);
    opened.transaction(() => {
      for (const { id } of first.consumeReserved.all() as ApprovalRow[]) first.owe.run(id, 'spent');
      forget(first, options.nowMs);
    }).immediate();
  });
  const sql = prepare(database);
  const inTransaction = <T>(work: () => T): T => database.transaction(work).immediate();

  const row = (id: string): ApprovalRow | undefined => sql.byId.get(id) as ApprovalRow | undefined;
  const find = (binding: ApprovalBinding, state: string): ApprovalRow[] => sql.byBinding.all(...boundValues(binding, state)) as ApprovalRow[];
  const expire = (nowMs: number): void => {
    // What nobody can decide any more, nobody has to look at.
    if (sql.expirePending.run(nowMs).changes > 0) sql.forgetArguments.run();
    sql.expireGrants.run(nowMs);
  };

  const reserve = (binding: ApprovalBinding): ReserveResult | undefined => {
    for (const grant of find(binding, 'approved')) {
      if (!isStillSigned(grant, options.approvers())) {
        sql.revoke.run(grant.id);
        continue;
      }
      const token = random(TOKEN_BYTES).toString('hex');
      if (sql.reserve.run(token, grant.id).changes === 1) return { kind: 'reserved', requestId: grant.id, token, approver: grant.decided_by ?? '' };
    }
    return undefined;
  };

  const open = (binding: ApprovalBinding, score: number, shown: ShownArguments, nowMs: number): ReserveResult => {
    const { pending } = sql.countPending.get(binding.caller) as { pending: number };
    if (pending >= options.pendingPerCallerMax) return { kind: 'denied', requestId: '', approver: '', reason: 'pending_limit_reached' };
    forget(sql, nowMs);
    const id = `apr-${random(ID_BYTES).toString('hex')}`;
    const expiresMs = nowMs + options.requestTtlMs;
    const { caller, tool, toolHash, upstream, argumentsDigest, mcpSession } = binding;
    sql.insert.run(id, caller, tool, toolHash, upstream, argumentsDigest, mcpSession ?? null, nowMs, expiresMs, score, previewOf(shown));
    sql.insertArguments.run(id, shown.text, shown.length);
    return { kind: 'pending', requestId: id, expiresMs };
  };

  const reserveOrRequest = (binding: ApprovalBinding, score: number, shown: ShownArguments, nowMs: number): ReserveResult => {
    expire(nowMs);
    const reserved = reserve(binding);
    if (reserved !== undefined) return reserved;
    const [pending] = find(binding, 'pending');
    if (pending !== undefined) return { kind: 'pending', requestId: pending.id, expiresMs: pending.expires_ms };
    // A denial stands as long as the request would have: asking again at once is no way around it.
    const denied = find(binding, 'denied').find((one) => one.expires_ms > nowMs);
    if (denied !== undefined) return { kind: 'denied', requestId: denied.id, approver: denied.decided_by ?? '', reason: denied.reason ?? undefined };
    return open(binding, score, shown, nowMs);
  };

  const decide = (id: string, decision: 'approve' | 'deny', name: string, signature: string, reason: string | undefined, nowMs: number): DecideResult => {
    expire(nowMs);
    const found = row(id);
    if (found === undefined) return { kind: 'unknown_request' };
    if (found.state === 'expired' && found.decided_by === null) return { kind: 'expired' };
    if (found.state !== 'pending') return { kind: 'already_decided' };
    const approver = options.approvers().get(name);
    if (approver === undefined) return { kind: 'unknown_approver' };
    if (!isDecisionSigned(approver, requestOf(found), decision, signature)) return { kind: 'bad_signature' };
    if (isSelf(approver, found.caller)) return { kind: 'self_approval' };
    const grantExpiresMs = decision === 'approve' ? nowMs + options.grantTtlMs : null;
    sql.decide.run(decision === 'approve' ? 'approved' : 'denied', name, nowMs, reason?.slice(0, REASON_LENGTH_MAX) ?? null, signature, grantExpiresMs, id);
    sql.owe.run(id, 'decided');
    const after = row(id);
    return after === undefined ? { kind: 'unknown_request' } : { kind: 'ok', request: requestOf(after) };
  };

  return {
    reserveOrRequest: (...call) => inTransaction(() => reserveOrRequest(...call)),
    consume: (id, token, nowMs) => inTransaction(() => {
      if (sql.consume.run(id, token, nowMs).changes === 1) {
        sql.owe.run(id, 'spent'); // until its call's line is on disk
        return true;
      }
      sql.expireGrants.run(nowMs); // it never went out, and must not be taken for one that did
      return false;
    }),
    release: (id, token) => void sql.release.run(id, token),
    list: (state, nowMs) => inTransaction(() => {
      expire(nowMs);
      const rows = (state === undefined ? sql.listAll.all() : sql.listState.all(state)) as ApprovalRow[];
      return rows.map(requestOf);
    }),
    count: (state) => ((state === undefined ? sql.countAll.get() : sql.countState.get(state)) as { total: number }).total,
    get: (id, nowMs) => inTransaction((): ApprovalRequest | undefined => {
      expire(nowMs);
      const found = sql.withArguments.get(id) as ApprovalRow | undefined;
      return found === undefined ? undefined : requestOf(found);
    }),
    decide: (...call) => inTransaction(() => decide(...call)),
    untold: () => (sql.untold.all() as (ApprovalRow & Pick<Untold, 'what'>)[]).map((one) => ({ what: one.what, request: requestOf(one) })),
    told: (id, what) => void sql.told.run(id, what),
    close: () => void database.close(),
  };
}

function boundValues(binding: ApprovalBinding, state: string): (string | null)[] {
  return [binding.caller, binding.tool, binding.argumentsDigest, state, binding.toolHash, binding.upstream, binding.mcpSession ?? null];
}

/** The signature is checked again at use: a row that was written past the gateway is no grant, nor is that of an approver removed since. */
function isStillSigned(grant: ApprovalRow, approvers: ReadonlyMap<string, Approver>): boolean {
  const approver = approvers.get(grant.decided_by ?? '');
  return approver !== undefined && !isSelf(approver, grant.caller) && isDecisionSigned(approver, requestOf(grant), 'approve', grant.signature ?? '');
}

/** By the approver's own SPIFFE ID, or by a name that is the caller's id or its agent's name. */
function isSelf(approver: Approver, caller: string): boolean {
  const path = caller.split('/').slice(3);
  const agent = path[0] === 'agents' && path.length >= 4 ? path.at(-2) : path.at(-1);
  return approver.spiffeId === caller || approver.name === caller || approver.name === agent?.toLowerCase();
}

/** The texts are left out: a thousand of them are more than an answer holds. */
const LISTED = 'SELECT approvals.*, kept.length AS arguments_length FROM approvals LEFT JOIN approval_arguments AS kept USING (id)';

type Statements = Readonly<Record<keyof typeof SQL, Statement>>;

const SQL = {
  withArguments: 'SELECT approvals.*, kept.text AS arguments_text, kept.length AS arguments_length FROM approvals LEFT JOIN approval_arguments AS kept USING (id) WHERE id = ?',
  byId: 'SELECT * FROM approvals WHERE id = ?',
  byBinding: `SELECT * FROM approvals WHERE ${OF_BINDING} ORDER BY created_ms DESC`,
  countPending: "SELECT count(*) AS pending FROM approvals WHERE caller = ? AND state = 'pending'",
  insert: `INSERT INTO approvals (id, caller, tool, tool_hash, upstream, arguments_digest, mcp_session, created_ms, expires_ms, score, state, arguments_preview)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', ?)`,
  insertArguments: 'INSERT INTO approval_arguments (id, text, length) VALUES (?, ?, ?)',
  reserve: "UPDATE approvals SET state = 'reserved', reservation = ? WHERE id = ? AND state = 'approved'",
  consume: "UPDATE approvals SET state = 'consumed', reservation = NULL WHERE id = ? AND state = 'reserved' AND reservation = ? AND grant_expires_ms > ?",
  release: "UPDATE approvals SET state = 'approved', reservation = NULL WHERE id = ? AND state = 'reserved' AND reservation = ?",
  revoke: "UPDATE approvals SET state = 'expired' WHERE id = ? AND state = 'approved'",
  decide: "UPDATE approvals SET state = ?, decided_by = ?, decided_ms = ?, reason = ?, signature = ?, grant_expires_ms = ? WHERE id = ? AND state = 'pending'",
  expirePending: "UPDATE approvals SET state = 'expired' WHERE state = 'pending' AND expires_ms <= ?",
  expireGrants: "UPDATE approvals SET state = 'expired', reservation = NULL WHERE state IN ('approved', 'reserved') AND grant_expires_ms <= ?",
  consumeReserved: "UPDATE approvals SET state = 'consumed', reservation = NULL WHERE state = 'reserved' RETURNING id",
  owe: 'INSERT OR IGNORE INTO approval_untold (id, what) VALUES (?, ?)',
  untold: 'SELECT approvals.*, untold.what FROM approval_untold AS untold JOIN approvals USING (id) ORDER BY decided_ms, what, id',
  told: 'DELETE FROM approval_untold WHERE id = ? AND what = ?',
  forgetArguments: "DELETE FROM approval_arguments WHERE id IN (SELECT id FROM approvals WHERE state = 'expired' AND decided_by IS NULL)",
  forgetDecided: "DELETE FROM approvals WHERE state IN ('consumed', 'denied', 'expired') AND created_ms < ?",
  forgetUndecided: "DELETE FROM approvals WHERE state = 'expired' AND decided_by IS NULL AND created_ms < ?",
  listAll: `${LISTED} ORDER BY created_ms DESC, id LIMIT ${LIST_MAX}`,
  countAll: 'SELECT count(*) AS total FROM approvals',
  countState: 'SELECT count(*) AS total FROM approvals WHERE state = ?',
  listState: `${LISTED} WHERE state = ? ORDER BY created_ms DESC, id LIMIT ${LIST_MAX}`,
} as const;

function prepare(database: Database): Statements {
  return Object.fromEntries(Object.entries(SQL).map(([name, text]) => [name, database.prepare(text)])) as Record<keyof typeof SQL, Statement>;
}
