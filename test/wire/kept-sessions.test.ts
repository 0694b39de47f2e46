// MCP sessions outlive the process that opened them, also by kill −9, and the thread: the same caller goes on with the same id, nobody else, and not for ever.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Database } from '../../src/base/sqlite/database.js';
import { verifyAudit } from '../../src/audit/reader/verify.js';
import { CALLER, permitAll, startGateway, type GatewayOptions, type GatewayProcess, type HttpAnswer } from '../support/gateway-process.js';
import { jsonAnswer, resultFor, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { call, codeOf, eventually, initialize, MCP, openSession, openStream, registration, toolText } from './calls.js';

const OTHER = 'spiffe://poc.local/agents/mcp-client/other/dev';
const CONNECTIONS = 24;
const SESSIONS_MAX = 5;
const PLENTY = { per_minute: 100_000, burst: 10_000 };
const HOUR_MS = 3_600_000;
const RESTARTS_MS_MAX = 120_000; // each test starts the program up to three times, on a machine that may have other things to do
let server: ScriptedServer;
let gateway: GatewayProcess;

async function start(threads: number, more: GatewayOptions = {}): Promise<void> {
  gateway = await startGateway({
    policies: { 'all.rego': permitAll(), 'other.rego': permitAll(OTHER) }, tools: [registration('echo', server.url)], identities: { default: CALLER, identities: [CALLER, OTHER].map((spiffe_id) => ({ spiffe_id })) },
    config: { threads: { gateway: threads }, session: { mcp_sessions_per_caller_max: SESSIONS_MAX } }, ...more,
    env: { NODE_OPTIONS: `--require ${fileURLToPath(new URL('./break-thread.cjs', import.meta.url))}` },
  });
}
async function kill9(): Promise<void> {
  await gateway.kill9();
  await gateway.restart();
}
const use = (session: Record<string, string>, more: Record<string, string> = {}): Promise<HttpAnswer> => gateway.post(call('echo'), { ...session, ...more });
const said = ({ status, ...answer }: HttpAnswer): string => `${status} ${String(codeOf({ status, ...answer }) ?? '')}`.trim();
const listed = async (): Promise<Record<string, unknown>[]> => (await gateway.control('GET', '/v1/sessions')).json['sessions'] as Record<string, unknown>[];
const greetings = (): string[] => server.of('initialize').map(({ body }) => body);

beforeEach(async () => {
  server = await startScriptedServer([toolText('echo')]);
  server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
});
afterEach(async () => {
  await gateway.stop();
  await server.close();
});

describe('after kill −9', { timeout: RESTARTS_MS_MAX }, () => {
  it('a session goes on with its id, its greeting and a new session of the tool server; another caller does not', async () => {
    await start(1);
    const session = await openSession(gateway, {}, { clientInfo: { name: 'the-client', version: '3' } });
    expect(said(await use(session))).toBe('200');
    await kill9();
    server.seen.length = 0;
    expect(said(await use(session, { 'x-spiffe-id': OTHER }))).toBe('404 session_not_found');
    expect(said(await use(session))).toBe('200');
    expect(greetings().filter((body) => body.includes('the-client'))).toHaveLength(1);
    expect(said(await use(session))).toBe('200');
    expect(greetings().filter((body) => body.includes('the-client'))).toHaveLength(1);
    expect((await listed()).filter(({ state }) => state === 'open')).toMatchObject([{ caller: CALLER, upstreams: 1, thread: 0, protocol_version: '2025-11-25' }]);
    const lines = gateway.lines('request').filter((line) => line['tool'] === 'echo' || line['code'] === 'session_not_found');
    expect(lines.map((line) => line['decision'])).toEqual(['ALLOW', 'DENY', 'ALLOW', 'ALLOW']);
    expect(await verifyAudit(join(gateway.dir, '.precinct', 'audit'))).toMatchObject({ kind: 'intact' });
  });

  it('every session that was acknowledged is there, on whichever thread, though many were being opened', async () => {
    await start(2, { config: { threads: { gateway: 2 }, session: { mcp_sessions_per_caller_max: 500 }, rate_limit: PLENTY } });
    const acknowledged: Record<string, string>[] = [];
    let stop = false;
    const opener = async (): Promise<void> => {
      while (!stop) await openSession(gateway).then((session) => session['mcp-session-id']?.length === 48 && acknowledged.push(session), () => undefined);
    };
    const openers = Array.from({ length: 8 }, opener);
    expect(await eventually(() => acknowledged.length >= 60)).toBe(true);
    await gateway.kill9();
    stop = true;
    await Promise.all(openers);
    await gateway.restart();
    const answers = await Promise.all(acknowledged.map((session) => use(session)));
    expect(new Set(answers.map(said))).toEqual(new Set(['200']));
  });

  it('a session that its client ended stays dead', async () => {
    await start(1);
    const [ended, kept] = [await openSession(gateway), await openSession(gateway)];
    expect((await gateway.http('DELETE', '/', { 'x-spiffe-id': CALLER, ...ended })).status).toBe(204);
    expect(said(await use(ended))).toBe('404 session_not_found');
    await kill9();
    expect([said(await use(ended)), said(await use(kept))]).toEqual(['404 session_not_found', '200']);
    expect((await gateway.http('DELETE', '/', { 'x-spiffe-id': CALLER, ...kept })).status).toBe(204);
    await kill9();
    expect(said(await use(kept))).toBe('404 session_not_found');
  });

  it('a session that was unused for its time is gone, one within it is not', async () => {
    await start(1);
    const [long, short] = [await openSession(gateway), await openSession(gateway)];
    await gateway.kill9();
    const database = new Database(join(gateway.dir, '.precinct', 'sessions.sqlite'));
    const rows = database.prepare('SELECT serial FROM sessions ORDER BY serial').pluck().all() as number[];
    expect(rows).toHaveLength(2);
    database.prepare('UPDATE sessions SET used_ms = used_ms - ? WHERE serial = ?').run(1.2 * HOUR_MS, rows[0]);
    database.prepare('UPDATE sessions SET used_ms = used_ms - ? WHERE serial = ?').run(0.9 * HOUR_MS, rows[1]);
    database.close();
    await gateway.restart();
    expect([said(await use(long)), said(await use(short))]).toEqual(['404 session_not_found', '200']);
  });

  it('a caller has as many as before: new ones take the places of the longest unused', async () => {
    await start(1);
    const sessions: Record<string, string>[] = [];
    for (let n = 0; n < SESSIONS_MAX; n++) sessions.push(await openSession(gateway));
    await kill9();
    const fresh = await openSession(gateway);
    expect(said(await use(fresh))).toBe('200');
    const answers: string[] = [];
    for (const session of sessions) answers.push(said(await use(session)));
    expect(answers).toEqual(['404 session_not_found', ...Array.from({ length: SESSIONS_MAX - 1 }, () => '200')]);
    expect(await listed()).toHaveLength(SESSIONS_MAX);
  });

  it('requests that arrive together take a session up on one thread, each with one record', async () => {
    await start(2);
    const session = await openSession(gateway);
    await kill9();
    const answers = await Promise.all(Array.from({ length: CONNECTIONS }, () => use(session)));
    expect(new Set(answers.map(said))).toEqual(new Set(['200']));
    expect(gateway.lines('request').filter((line) => line['tool'] === 'echo')).toHaveLength(CONNECTIONS);
    expect((await gateway.control('GET', '/v1/status')).json).toMatchObject({ mcp_sessions: 1, mcp_sessions_kept: 1 });
  });

  it('a session that read sensitive data still sends nothing out', async () => {
    server.tools = ['echo', 'read_customer', 'send_message'].map(toolText);
    const files = { 'config/destinations.yaml': 'allowed_destinations: ["far.example", "localhost"]\n' };
    await start(1, { files, tools: [registration('echo', server.url), registration('read_customer', server.url, { classification: 'sensitive' }), registration('send_message', server.url, { external: true })] });
    const [tainted, clean] = [await openSession(gateway), await openSession(gateway, { 'x-spiffe-id': OTHER })];
    expect(said(await gateway.post(call('read_customer'), tainted))).toBe('200');
    // Soon, not at once: by then the file has it.
    expect(await eventually(() => readFileSync(join(gateway.dir, '.precinct', 'sessions.sqlite-wal')).includes('read_customer'))).toBe(true);
    await kill9();
    const out = call('send_message', { to: 'https://far.example/inbox' });
    expect([codeOf(await gateway.post(out, tainted)), codeOf(await gateway.post(out, clean))]).toEqual(['exfiltration_detected', undefined]);
  });

  it('its client listens again with the same id', async () => {
    await start(1);
    const session = await openSession(gateway);
    await kill9();
    const stream = openStream(gateway, 'GET', session);
    expect(await eventually(() => stream.text.includes(': open'))).toBe(true);
    stream.hangUp();
  });
});

it('a restart in order keeps them as well, and one with fewer threads', { timeout: RESTARTS_MS_MAX }, async () => {
  await start(2);
  const sessions = await Promise.all(Array.from({ length: SESSIONS_MAX }, () => openSession(gateway)));
  process.kill(gateway.pid, 'SIGTERM');
  expect(await eventually(() => gateway.lines('event').some((line) => line['event'] === 'stop'))).toBe(true);
  await gateway.kill9();
  writeFileSync(join(gateway.dir, 'config/gateway.yaml'), JSON.stringify({ profile: 'dev', front: { port: 0 }, threads: { gateway: 1 } }));
  await gateway.restart();
  expect(new Set((await Promise.all(sessions.map((session) => use(session)))).map(said))).toEqual(new Set(['200']));
});

describe('when its thread ends', { timeout: RESTARTS_MS_MAX }, () => {
  it('a session goes on on another one, and the thread that takes the ended one\'s place finds it there', async () => {
    await start(2, { config: { threads: { gateway: 2 }, session: { mcp_sessions_per_caller_max: CONNECTIONS }, rate_limit: PLENTY } });
    const sessions = await Promise.all(Array.from({ length: CONNECTIONS }, () => openSession(gateway)));
    writeFileSync(join(gateway.dir, 'crash-1'), '');
    expect(await eventually(() => gateway.lines('event').some((line) => line['event'] === 'thread_ended'))).toBe(true);
    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all(sessions.map((session) => use(session)));
      expect(new Set(answers.map(said))).toEqual(new Set(['200']));
    }
    expect(await eventually(() => gateway.lines('event').some((line) => line['event'] === 'thread_replaced'))).toBe(true);
    for (let round = 0; round < 3; round++) expect(new Set((await Promise.all(sessions.map((session) => use(session)))).map(said))).toEqual(new Set(['200']));
    expect((await gateway.control('GET', '/v1/status')).json).toMatchObject({ mcp_sessions: CONNECTIONS, mcp_sessions_kept: CONNECTIONS });
  });
});

describe('a person', { timeout: RESTARTS_MS_MAX }, () => {
  it('ends one session by what the list shows, streams and all, for good', async () => {
    await start(2);
    const [ended, kept] = [await openSession(gateway), await openSession(gateway)];
    const stream = openStream(gateway, 'GET', ended);
    expect(await eventually(() => stream.text.includes(': open'))).toBe(true);
    const [row] = (await listed()).filter(({ streams }) => streams === 1);
    expect((await gateway.control('POST', '/v1/sessions/end', { id: row?.['id'] })).json).toEqual({ ended: 1 });
    expect(await eventually(() => stream.ended || stream.broken)).toBe(true);
    expect([said(await use(ended)), said(await use(kept))]).toEqual(['404 session_not_found', '200']);
    await kill9();
    expect([said(await use(ended)), said(await use(kept))]).toEqual(['404 session_not_found', '200']);
    expect(gateway.lines('event').filter((line) => line['event'] === 'sessions_ended')).toMatchObject([{ details: { caller: CALLER, sessions: 1, because: 'revoked' } }]);
  });

  it('ends all of a caller, asleep or open, and nobody else\'s', async () => {
    await start(2);
    const mine = [await openSession(gateway), await openSession(gateway)];
    const other = await openSession(gateway, { 'x-spiffe-id': OTHER });
    await kill9();
    expect(said(await use(mine[0] ?? {}))).toBe('200');
    expect((await gateway.control('POST', '/v1/sessions/end', { caller: CALLER })).json).toEqual({ ended: 2 });
    expect([said(await use(mine[0] ?? {})), said(await use(mine[1] ?? {})), said(await use(other))]).toEqual(['404 session_not_found', '404 session_not_found', '200']);
  });

  it('who takes an identity off the list ends its sessions', async () => {
    await start(1);
    const session = await openSession(gateway, { 'x-spiffe-id': OTHER });
    const identities = join(gateway.dir, 'config/identities.yaml');
    writeFileSync(identities, JSON.stringify({ default: CALLER, identities: [{ spiffe_id: CALLER }] }));
    await gateway.control('POST', '/v1/reload', {});
    expect(await listed()).toEqual([]);
    writeFileSync(identities, JSON.stringify({ default: CALLER, identities: [{ spiffe_id: CALLER }, { spiffe_id: OTHER }] }));
    await gateway.control('POST', '/v1/reload', {});
    expect(said(await use(session))).toBe('404 session_not_found');
    expect((await gateway.post(initialize(), { ...MCP, 'x-spiffe-id': OTHER })).status).toBe(200);
  });
});
