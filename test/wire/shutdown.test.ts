// SIGTERM: what is under way is answered and recorded, streams see a proper end, and nothing is left over the state folder.
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServerResponse } from 'node:http';
import { verifyAudit } from '../../src/audit/reader/verify.js';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { jsonAnswer, resultFor, sseHead, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { call, codeOf, eventually, MCP, openSession, openStream, registration, toolText } from './calls.js';

/** Each on a connection of its own: that all fall to one of two threads is as likely as 2 to the power of minus this. */
const CONNECTIONS = 16;

let server: ScriptedServer;
let gateway: GatewayProcess;

async function start(config: Readonly<Record<string, unknown>>): Promise<void> {
  gateway = await startGateway({
    policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url), registration('purge', server.url, { risk_level: 'high', allowed_destinations: [] })], config: { shutdown_grace_s: 3, ...config },
  });
}

beforeEach(async () => {
  server = await startScriptedServer([toolText('echo'), toolText('purge')]);
});

afterEach(async () => {
  await gateway.stop();
  await server.close();
});

function isAlive(): boolean {
  try {
    process.kill(gateway.pid, 0);
    return existsSync(`/proc/${gateway.pid}`);
  } catch {
    return false;
  }
}

async function refusesConnections(): Promise<void> {
  expect(await eventually(() => new Promise<boolean>((resolve) => {
    const socket = connect(gateway.port, '127.0.0.1');
    socket.on('error', () => resolve(true));
    socket.on('connect', () => {
      socket.destroy();
      resolve(false);
    });
  }))).toBe(true);
}
const reached = (count: number): Promise<boolean> => eventually(() => server.of('tools/call').length === count);
const recordsOf = (tool: string): Record<string, unknown>[] => gateway.lines('request').filter((line) => line['tool'] === tool);
async function stopAndWait(): Promise<void> {
  process.kill(gateway.pid, 'SIGTERM');
  expect(await eventually(() => !isAlive())).toBe(true);
}

describe('a gateway that is told to stop', () => {
  beforeEach(() => start({}));

  it('answers what is under way, ends streams, and exits by itself', async () => {
    const held: { response: ServerResponse; idText: string }[] = [];
    server.script = ({ idText }, response) => void held.push({ response, idText });
    const session = await openSession(gateway);
    const stream = openStream(gateway, 'GET', session);
    expect(await eventually(() => stream.text.includes(': open'))).toBe(true);
    const calls = [1, 2, 3].map((id) => gateway.post(call('echo', {}, id), id === 3 ? MCP : {}));
    expect(await eventually(() => held.length === 3)).toBe(true);
    process.kill(gateway.pid, 'SIGTERM');
    expect(await eventually(() => stream.ended)).toBe(true);
    for (const { response, idText } of held) jsonAnswer(response, resultFor(idText, 'late but whole'));
    const answers = await Promise.all(calls);
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200]);
    expect(await eventually(() => !isAlive())).toBe(true);
    const lines = gateway.lines();
    expect(lines.filter((line) => line['type'] === 'request' && line['tool'] === 'echo')).toHaveLength(3);
    expect(lines.filter((line) => line['type'] === 'stream_end')).toHaveLength(1);
    expect(existsSync(join(gateway.dir, '.precinct', 'gateway.pid'))).toBe(false);
  });

  it('does not wait longer than its grace for a tool that hangs, and records that call too', async () => {
    server.script = () => undefined;
    const left = gateway.post(call('echo', {}, 'hung')).catch((fault: unknown) => fault);
    expect(await eventually(() => server.of('tools/call').length === 1)).toBe(true);
    await stopAndWait();
    await left;
    expect(recordsOf('echo')).toHaveLength(1);
  });

  it('waits within its grace for a call in a session whose client is gone: its session may still want what it does', async () => {
    let answer: (() => void) | undefined;
    server.script = ({ idText }, response) => { answer = () => jsonAnswer(response, resultFor(idText, 'for nobody')); };
    const left = openStream(gateway, 'POST', await openSession(gateway), call('echo'));
    expect(await reached(1)).toBe(true);
    left.hangUp();
    expect(await eventually(() => left.broken)).toBe(true);
    process.kill(gateway.pid, 'SIGTERM');
    await refusesConnections();
    answer?.();
    expect(await eventually(() => !isAlive())).toBe(true);
    expect(recordsOf('echo')).toMatchObject([{ decision: 'ALLOW', status: 499, code: 'client_disconnected' }]);
  });

  it('refuses new connections while it drains', async () => {
    server.script = () => undefined;
    const left = gateway.post(call('echo')).catch(() => undefined);
    expect(await eventually(() => server.of('tools/call').length === 1)).toBe(true);
    process.kill(gateway.pid, 'SIGTERM');
    await refusesConnections();
    expect(isAlive()).toBe(true);
    await left;
  });
});

describe.each([1, 2])('the end of the grace, on %d gateway threads,', (threads) => {
  beforeEach(() => start({ threads: { gateway: threads }, shutdown_grace_s: 1 }));

  it('answers and records every call that is still running, in a session or in none', async () => {
    server.script = () => undefined;
    const sessions = await Promise.all(Array.from({ length: CONNECTIONS }, () => openSession(gateway)));
    const calls = [...sessions.map((session) => gateway.post(call('echo'), session)), gateway.post(call('echo')), gateway.post(call('echo'), MCP)];
    expect(await reached(calls.length)).toBe(true);
    await stopAndWait();
    expect((await Promise.all(calls)).map(codeOf)).toEqual(calls.map(() => 'gateway_fault'));
    expect(recordsOf('echo')).toHaveLength(calls.length);
    for (const line of recordsOf('echo')) expect(line).toMatchObject({ decision: 'ALLOW', code: 'gateway_fault', reason_code: 'shutdown' });
    expect(new Set(recordsOf('echo').map((line) => line['decision_id'])).size).toBe(calls.length);
    expect(await verifyAudit(join(gateway.dir, '.precinct', 'audit'))).toMatchObject({ kind: 'intact' });
  });

  it('records the calls in sessions whose clients are gone', async () => {
    server.script = () => undefined;
    const sessions = await Promise.all(Array.from({ length: CONNECTIONS }, () => openSession(gateway)));
    const calls = sessions.map((session) => openStream(gateway, 'POST', session, call('echo')));
    expect(await reached(calls.length)).toBe(true);
    for (const left of calls) left.hangUp();
    await stopAndWait();
    expect(recordsOf('echo')).toHaveLength(calls.length);
    for (const line of recordsOf('echo')) expect(line).toMatchObject({ decision: 'ALLOW', status: 499, code: 'gateway_fault', reason_code: 'shutdown' });
  });

  it('leaves no intent without its outcome: the next start has nothing to report', async () => {
    server.script = () => undefined;
    const sessions = await Promise.all(Array.from({ length: CONNECTIONS }, () => openSession(gateway)));
    const calls = sessions.map((session) => openStream(gateway, 'POST', session, call('purge')));
    expect(await reached(calls.length)).toBe(true);
    for (const left of calls.slice(CONNECTIONS / 2)) left.hangUp();
    await stopAndWait();
    expect([gateway.lines('intent'), recordsOf('purge')].map((lines) => lines.length)).toEqual([calls.length, calls.length]);
    await gateway.restart();
    expect(gateway.lines('unresolved')).toEqual([]);
  });

  it('gives every stream its end: those of sessions at once, answers that have begun then', async () => {
    server.script = (_request, response) => {
      sseHead(response);
      response.write(': working\n\n');
    };
    const sessions = await Promise.all(Array.from({ length: CONNECTIONS }, () => openSession(gateway)));
    const own = sessions.map((session) => openStream(gateway, 'GET', session));
    const answers = sessions.map((session) => openStream(gateway, 'POST', session, call('echo')));
    expect(await eventually(() => own.every(({ text }) => text.includes(': open')) && answers.every(({ text }) => text.includes(': working')))).toBe(true);
    for (const left of [...own.slice(CONNECTIONS - 2), ...answers.slice(CONNECTIONS - 2)]) left.hangUp();
    process.kill(gateway.pid, 'SIGTERM');
    expect(await eventually(() => own.slice(0, CONNECTIONS - 2).every((stream) => stream.ended))).toBe(true);
    expect(await eventually(() => !isAlive())).toBe(true);
    expect(await eventually(() => answers.every((stream) => stream.broken))).toBe(true);
    const ends = gateway.lines('stream_end');
    expect(ends).toHaveLength(own.length + answers.length);
    expect(ends.filter((line) => line['code'] === 'gateway_fault')).toHaveLength(answers.length);
    const begun = gateway.lines('request').filter((line) => line['method'] === 'GET' || line['tool'] === 'echo').map((line) => String(line['decision_id']));
    expect(ends.map((line) => String(line['decision_id'])).sort()).toEqual(begun.sort());
  });
});
