// Approvals: the life of a request, everything a grant is bound to, and every way to use one that must not work.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from '../../../../src/base/sqlite/database.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openApprovalStore, type ApprovalStoreOptions } from '../../../../src/engines/step-up/approvals-store.js';
import { keepArguments } from '../../../../src/engines/step-up/arguments-shown.js';
import { createApprover, loadPublicKeys, removeApprover, signDecision } from '../../../../src/engines/step-up/approver-keys.js';
import type { StepUpFault } from '../../../../src/engines/step-up/fault.js';
import type { ApprovalBinding, ApprovalRequest, ApprovalStore, ReserveResult } from '../../../../src/engines/step-up/types.js';

const CALLER = 'spiffe://poc.local/agents/mcp-client/my-agent/dev';
const BINDING: ApprovalBinding = { caller: CALLER, tool: 'bash', toolHash: 'h1', upstream: 'http://127.0.0.1:9191/mcp', argumentsDigest: 'd1', mcpSession: 's1' };
const NOW = 1_000_000_000;
const REQUEST_TTL = 60_000;
const GRANT_TTL = 10_000;

describe('openApprovalStore', () => {
  let dir = '';
  let store: ApprovalStore;
  const options = (): ApprovalStoreOptions => ({ path: join(dir, 'approvals.sqlite'), requestTtlMs: REQUEST_TTL, grantTtlMs: GRANT_TTL, pendingPerCallerMax: 3, approvers: () => loadPublicKeys(join(dir, 'approvers')), nowMs: NOW });
  const reopen = (): void => {
    store.close();
    store = openApprovalStore(options());
  };
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'approvals-'));
    createApprover(join(dir, 'approvers'), 'alice', undefined);
    store = openApprovalStore(options());
  });
  afterEach(() => {
    store.close();
    rmSync(dir, { recursive: true });
  });

  const ask = (binding: ApprovalBinding = BINDING, nowMs = NOW): ReserveResult => store.reserveOrRequest(binding, 8, keepArguments('{"command":"ls"}'), nowMs);
  const decide = (id: string, decision: 'approve' | 'deny' = 'approve', name = 'alice', nowMs = NOW): string => {
    const request = store.get(id, nowMs);
    if (request === undefined) return 'no request';
    return store.decide(id, decision, name, signDecision(join(dir, 'approvers'), name, undefined, request, decision), 'because', nowMs).kind;
  };
  const idOf = (result: ReserveResult): string => result.requestId;
  const approved = (binding: ApprovalBinding = BINDING): string => {
    const id = idOf(ask(binding));
    expect(decide(id)).toBe('ok');
    return id;
  };
  const stateOf = (id: string, nowMs = NOW): ApprovalRequest['state'] | undefined => store.get(id, nowMs)?.state;

  it('leads from request over approval and reservation to one use', () => {
    const first = ask();
    expect(first).toMatchObject({ kind: 'pending', expiresMs: NOW + REQUEST_TTL });
    expect(ask()).toEqual(first);
    expect(decide(idOf(first))).toBe('ok');
    expect(store.get(idOf(first), NOW)).toMatchObject({ state: 'approved', decidedBy: 'alice', decidedMs: NOW, reason: 'because', grantExpiresMs: NOW + GRANT_TTL });
    const reserved = ask();
    expect(reserved).toMatchObject({ kind: 'reserved', requestId: idOf(first), approver: 'alice' });
    if (reserved.kind !== 'reserved') return;
    expect(store.consume(reserved.requestId, reserved.token, NOW)).toBe(true);
    expect(store.consume(reserved.requestId, reserved.token, NOW)).toBe(false);
    expect(ask()).toMatchObject({ kind: 'pending' });
    expect(idOf(ask())).not.toBe(idOf(first));
  });

  it.each<[keyof ApprovalBinding, string | undefined]>([
    ['caller', 'spiffe://poc.local/agents/mcp-client/other/dev'], ['tool', 'Bash'], ['toolHash', 'h2'], ['upstream', 'http://127.0.0.1:9191/mcp/'], ['argumentsDigest', 'd2'], ['mcpSession', 's2'], ['mcpSession', undefined], ['mcpSession', ''],
  ])('does not let a grant match another %s (%j)', (member, value) => {
    approved();
    expect(ask({ ...BINDING, [member]: value }).kind).toBe('pending');
    expect(ask().kind).toBe('reserved');
  });

  it('matches a binding without a session to itself only', () => {
    const without = { ...BINDING, mcpSession: undefined };
    approved(without);
    expect(ask().kind).toBe('pending');
    expect(ask(without).kind).toBe('reserved');
  });

  it('reserves once: the second identical call must ask anew', () => {
    approved();
    expect([ask().kind, ask().kind]).toEqual(['reserved', 'pending']);
  });

  it('gives a released grant back, to its reservation only', () => {
    const id = approved();
    const reserved = ask();
    if (reserved.kind !== 'reserved') throw new Error(reserved.kind);
    store.release(id, 'not-the-token');
    expect(stateOf(id)).toBe('reserved');
    store.release(id, reserved.token);
    expect(stateOf(id)).toBe('approved');
    expect(store.consume(id, reserved.token, NOW)).toBe(false);
    const again = ask();
    expect(again.kind === 'reserved' && again.token !== reserved.token).toBe(true);
    store.release(id, reserved.token);
    expect(stateOf(id)).toBe('reserved');
  });

  it('does not release or revive what was consumed', () => {
    const id = approved();
    const reserved = ask();
    if (reserved.kind !== 'reserved') throw new Error(reserved.kind);
    expect(store.consume(id, 'not-the-token', NOW)).toBe(false);
    expect(store.consume(id, reserved.token, NOW)).toBe(true);
    store.release(id, reserved.token);
    expect(stateOf(id)).toBe('consumed');
    expect(decide(id)).toBe('already_decided');
  });

  it('ends requests and grants at their time', () => {
    const id = idOf(ask());
    expect(decide(id, 'approve', 'alice', NOW + REQUEST_TTL)).toBe('expired');
    expect(stateOf(id, NOW + REQUEST_TTL)).toBe('expired');
    const grant = idOf(ask(BINDING, NOW + REQUEST_TTL));
    expect(decide(grant, 'approve', 'alice', NOW + REQUEST_TTL)).toBe('ok');
    expect(ask(BINDING, NOW + REQUEST_TTL + GRANT_TTL).kind).toBe('pending');
    expect(stateOf(grant, NOW + REQUEST_TTL + GRANT_TTL)).toBe('expired');
  });

  it('does not consume a grant that ended while the call was under way', () => {
    const id = approved();
    const reserved = ask(BINDING, NOW + GRANT_TTL - 1);
    if (reserved.kind !== 'reserved') throw new Error(reserved.kind);
    expect(store.consume(id, reserved.token, NOW + GRANT_TTL)).toBe(false);
    reopen();
    expect(stateOf(id)).toBe('expired'); // 'consumed' would say that the call ran
  });

  it('ends a reservation that nobody comes back for with its grant', () => {
    const id = approved();
    expect(ask().kind).toBe('reserved');
    expect([stateOf(id, NOW + GRANT_TTL - 1), stateOf(id, NOW + GRANT_TTL)]).toEqual(['reserved', 'expired']);
  });

  it('lets a denial stand as long as the request would have', () => {
    const id = idOf(ask());
    expect(decide(id, 'deny')).toBe('ok');
    expect(ask()).toEqual({ kind: 'denied', requestId: id, approver: 'alice', reason: 'because' });
    expect(decide(id, 'approve')).toBe('already_decided');
    expect(ask(BINDING, NOW + REQUEST_TTL).kind).toBe('pending');
  });

  it('accepts decisions only with the signature of a known approver over this decision', () => {
    const id = idOf(ask());
    const request = store.get(id, NOW);
    if (request === undefined) throw new Error('no request');
    const approvers = join(dir, 'approvers');
    const good = signDecision(approvers, 'alice', undefined, request, 'approve');
    createApprover(approvers, 'bob', undefined);
    expect(store.decide('apr-none', 'approve', 'alice', good, undefined, NOW).kind).toBe('unknown_request');
    expect(store.decide(id, 'approve', 'carol', good, undefined, NOW).kind).toBe('unknown_approver');
    expect(store.decide(id, 'approve', '__proto__', good, undefined, NOW).kind).toBe('unknown_approver');
    expect(store.decide(id, 'approve', 'bob', good, undefined, NOW).kind).toBe('bad_signature');
    expect(store.decide(id, 'deny', 'alice', good, undefined, NOW).kind).toBe('bad_signature');
    expect(store.decide(id, 'approve', 'alice', '', undefined, NOW).kind).toBe('bad_signature');
    expect(stateOf(id)).toBe('pending');
    expect(store.decide(id, 'approve', 'alice', good, undefined, NOW).kind).toBe('ok');
  });

  it('does not take a signature from one request for the next identical one', () => {
    const id = idOf(ask());
    const request = store.get(id, NOW);
    if (request === undefined) throw new Error('no request');
    const signature = signDecision(join(dir, 'approvers'), 'alice', undefined, request, 'approve');
    store.get(id, NOW + REQUEST_TTL);
    const next = idOf(ask(BINDING, NOW + REQUEST_TTL));
    expect(store.decide(next, 'approve', 'alice', signature, undefined, NOW + REQUEST_TTL).kind).toBe('bad_signature');
  });

  it('lets nobody approve a call of their own', () => {
    const approvers = join(dir, 'approvers');
    createApprover(approvers, 'my-agent', undefined);
    createApprover(approvers, 'mallory', undefined, CALLER);
    createApprover(approvers, 'dev', undefined);
    const id = idOf(ask());
    expect(decide(id, 'approve', 'my-agent')).toBe('self_approval');
    expect(decide(id, 'approve', 'mallory')).toBe('self_approval');
    expect(stateOf(id)).toBe('pending');
    expect(decide(id, 'approve', 'dev')).toBe('ok');
  });

  it('ends the unused grants of an approver who is removed', () => {
    const id = approved();
    removeApprover(join(dir, 'approvers'), 'alice');
    expect(ask().kind).toBe('pending');
    expect(stateOf(id)).toBe('expired');
  });

  it('bounds the open requests of one caller, and of that caller only', () => {
    for (let n = 0; n < 3; n += 1) expect(ask({ ...BINDING, argumentsDigest: `n${n}` }).kind).toBe('pending');
    expect(ask({ ...BINDING, argumentsDigest: 'n3' })).toEqual({ kind: 'denied', requestId: '', approver: '', reason: 'pending_limit_reached' });
    expect(ask({ ...BINDING, argumentsDigest: 'n0' }).kind).toBe('pending');
    expect(ask({ ...BINDING, caller: 'spiffe://poc.local/agents/mcp-client/other/dev' }).kind).toBe('pending');
    expect(ask({ ...BINDING, argumentsDigest: 'n3' }, NOW + REQUEST_TTL).kind).toBe('pending');
  });

  it('lists by state', () => {
    const id = approved();
    ask({ ...BINDING, tool: 'other' });
    expect(store.list(undefined, NOW)).toHaveLength(2);
    expect(store.list('approved', NOW).map((one) => one.id)).toEqual([id]);
    expect(store.list('pending', NOW + REQUEST_TTL)).toEqual([]);
    expect(store.get('apr-none', NOW)).toBeUndefined();
  });

  it('lists the newest of very many, and counts them all', () => {
    const oldest = idOf(ask());
    store.close();
    const database = new Database(join(dir, 'approvals.sqlite'));
    database.exec(`WITH RECURSIVE more (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM more WHERE n < 1000)
      INSERT INTO approvals SELECT 'apr-' || n, caller, tool || n, tool_hash, upstream, arguments_digest, mcp_session, created_ms + n, expires_ms, score, state, NULL, NULL, NULL, NULL, NULL, NULL, arguments_preview FROM approvals, more`);
    database.close();
    store = openApprovalStore(options());
    const listed = store.list('pending', NOW).map((one) => one.id);
    expect([listed.length, listed[0], listed.includes(oldest)]).toEqual([1000, 'apr-1000', false]);
    expect([store.count('pending'), store.count(undefined), store.count('denied')]).toEqual([1001, 1001, 0]);
  });

  it('survives a restart: requests and grants stay, reservations count as used', () => {
    const pending = idOf(ask({ ...BINDING, tool: 'pending' }));
    const grant = approved({ ...BINDING, tool: 'grant' });
    const reserved = approved({ ...BINDING, tool: 'reserved' });
    const token = ask({ ...BINDING, tool: 'reserved' });
    reopen();
    expect([pending, grant, reserved].map((id) => stateOf(id))).toEqual(['pending', 'approved', 'consumed']);
    if (token.kind === 'reserved') expect(store.consume(reserved, token.token, NOW)).toBe(false);
    expect(ask({ ...BINDING, tool: 'reserved' }).kind).toBe('pending');
    expect(ask({ ...BINDING, tool: 'grant' }).kind).toBe('reserved');
  });

  it('names the grants that a restart finds reserved, and every decision, until they are told', () => {
    const reopened = (): ApprovalStore => {
      store.close();
      return openApprovalStore(options());
    };
    const id = approved();
    store.told(id, 'decided');
    ask();
    const lost = approved({ ...BINDING, tool: 'later' });
    for (let opening = 0; opening < 2; opening += 1) {
      store = reopened();
      expect(store.untold()).toMatchObject([{ what: 'decided', request: { id: lost, tool: 'later', decidedBy: 'alice', state: 'approved' } }, { what: 'spent', request: { id, caller: CALLER, tool: 'bash', decidedBy: 'alice', state: 'consumed' } }]);
    }
    store.told(lost, 'decided');
    store.told(id, 'spent');
    store = reopened();
    expect(store.untold()).toEqual([]);
  });

  it('owes a line for each grant that was consumed, until its call has one', () => {
    const consumed = (tool: string): string => {
      const id = approved({ ...BINDING, tool });
      store.told(id, 'decided');
      const result = ask({ ...BINDING, tool });
      expect(result.kind === 'reserved' && store.consume(id, result.token, NOW)).toBe(true);
      return id;
    };
    const [told, lost] = [consumed('told'), consumed('lost')];
    store.told(told, 'spent');
    store.close();
    store = openApprovalStore(options());
    expect(store.untold()).toMatchObject([{ what: 'spent', request: { id: lost, state: 'consumed' } }]);
  });

  it('takes no row for a grant that nobody signed', () => {
    const id = idOf(ask());
    store.close();
    const database = new Database(join(dir, 'approvals.sqlite'));
    database.prepare("UPDATE approvals SET state = 'approved', decided_by = 'alice', grant_expires_ms = ?, signature = ? WHERE id = ?").run(NOW + GRANT_TTL, Buffer.alloc(64).toString('base64'), id);
    database.close();
    store = openApprovalStore(options());
    expect(ask().kind).toBe('pending');
    expect(stateOf(id)).toBe('expired');
  });

  it('does not let a signed grant be bent to other arguments in the file', () => {
    const id = approved();
    store.close();
    const database = new Database(join(dir, 'approvals.sqlite'));
    database.prepare("UPDATE approvals SET arguments_digest = 'd2' WHERE id = ?").run(id);
    database.close();
    store = openApprovalStore(options());
    expect(ask({ ...BINDING, argumentsDigest: 'd2' }).kind).toBe('pending');
  });

  it('is for its owner\'s eyes, and for one process', () => {
    expect(statSync(join(dir, 'approvals.sqlite')).mode & 0o777).toBe(0o600);
    expect(() => openApprovalStore(options())).toThrow(expect.objectContaining({ code: 'store_in_use' }) as StepUpFault);
  });

  it('refuses a file that is no database', () => {
    const path = join(dir, 'broken.sqlite');
    writeFileSync(path, 'x'.repeat(5000));
    expect(() => openApprovalStore({ ...options(), path })).toThrow(expect.objectContaining({ code: 'store_unusable' }) as StepUpFault);
    expect(() => openApprovalStore({ ...options(), path: join(dir, 'none', 'x.sqlite') })).toThrow(expect.objectContaining({ code: 'store_unusable' }) as StepUpFault);
  });

  it('says the file and the way out where a page of it is damaged, which shows only when it is read', () => {
    ask();
    store.close();
    const path = join(dir, 'approvals.sqlite');
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(0x55, 4096)); // the first page, with the tables' names, is whole
    expect(() => openApprovalStore(options())).toThrow(expect.objectContaining({ code: 'store_unusable', message: expect.stringContaining(path) as string, remedy: expect.stringContaining('move the file aside') as string }) as StepUpFault);
    rmSync(path);
    store = openApprovalStore(options());
  });

  it('cuts what strangers could make endless', () => {
    const id = idOf(store.reserveOrRequest(BINDING, 8, keepArguments(`"${'xy'.repeat(50_000)}"`), NOW));
    const request = store.get(id, NOW);
    expect([request?.argumentsText?.length, request?.argumentsLength]).toEqual([65_536, 100_002]);
    expect(request?.argumentsPreview).toMatch(/^"(xy){199}x?… \+99\d{3} characters$/);
  });

  it('keeps the arguments as long as somebody may have to look at them, and gives them one request at a time', () => {
    const [undecided, grant] = [idOf(ask()), approved({ ...BINDING, tool: 'decided' })];
    const textOf = (id: string, nowMs: number): unknown => store.get(id, nowMs)?.argumentsText;
    expect([textOf(undecided, NOW), textOf(grant, NOW)]).toEqual(['{"command":"ls"}', '{"command":"ls"}']);
    expect(store.list(undefined, NOW).map(({ argumentsText, argumentsLength, argumentsPreview }) => [argumentsText, argumentsLength, argumentsPreview])).toEqual([1, 2].map(() => [undefined, 16, '{"command":"ls"}']));
    expect([textOf(undecided, NOW + REQUEST_TTL), textOf(grant, NOW + REQUEST_TTL)]).toEqual([undefined, '{"command":"ls"}']);
    expect(store.get(undecided, NOW + REQUEST_TTL)?.argumentsPreview).toBe('{"command":"ls"}');
    const rows = (): unknown => {
      store.close();
      const database = new Database(join(dir, 'approvals.sqlite'));
      const found = database.prepare('SELECT id FROM approval_arguments').all();
      database.close();
      store = openApprovalStore({ ...options(), nowMs: NOW + 31 * 86_400_000 });
      return found;
    };
    expect([rows(), rows()]).toEqual([[{ id: grant }], []]);
  });

  it('has nothing to show of a request that an earlier version wrote', () => {
    const id = idOf(ask());
    store.close();
    const database = new Database(join(dir, 'approvals.sqlite'));
    database.exec('DROP TABLE approval_arguments');
    database.close();
    store = openApprovalStore(options());
    expect(store.get(id, NOW)).toMatchObject({ state: 'pending', argumentsText: undefined, argumentsLength: undefined });
  });

  it('forgets, after a day, requests that nobody decided', () => {
    const undecided = idOf(ask());
    const grant = approved({ ...BINDING, tool: 'decided' });
    const later = NOW + 2 * 86_400_000;
    ask({ ...BINDING, tool: 'next' }, later);
    expect([undecided, grant].map((id) => stateOf(id, later))).toEqual([undefined, 'expired']);
  });

  it('forgets, after a month, what is over', () => {
    const old = approved();
    const reserved = ask();
    if (reserved.kind === 'reserved') store.consume(old, reserved.token, NOW);
    store.close();
    store = openApprovalStore({ ...options(), nowMs: NOW + 31 * 86_400_000 });
    expect(store.get(old, NOW)).toBeUndefined();
  });
});
