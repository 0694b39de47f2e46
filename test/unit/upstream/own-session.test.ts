// The gateway's own session with an upstream: opened once, renewed when lost, ended at shutdown.
import { afterEach, describe, expect, it } from 'vitest';
import { createUpstreamClient } from '../../../src/upstream/http-client.js';
import { AskFault } from '../../../src/upstream/message-reader.js';
import { createOwnSessions, type OwnSession, type OwnSessions } from '../../../src/upstream/own-session.js';
import { startToolServer, type ToolServer, type ToolServerOptions } from '../../support/tool-server.js';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => { for (const close of closing.splice(0).reverse()) await close(); });

async function setUp(given: ToolServerOptions = {}): Promise<{ server: ToolServer; sessions: OwnSessions }> {
  const server = await startToolServer(given);
  const client = createUpstreamClient({ connectTimeoutMs: 1000, connectionsMax: 4 });
  closing.push(() => server.close(), () => client.close());
  return { server, sessions: createOwnSessions(client, { timeoutMs: 200, clientInfo: { name: 'precinct-test', version: '0' } }) };
}
const ensure = (sessions: OwnSessions, url: string): Promise<OwnSession> => new Promise((resolve, reject) => sessions.ensure(url, resolve, reject));
const renew = (sessions: OwnSessions, lost: OwnSession): Promise<OwnSession> => new Promise((resolve, reject) => sessions.renew(lost, resolve, reject));
const initializes = ({ seen }: ToolServer): number => seen.filter(({ rpcMethod }) => rpcMethod === 'initialize').length;

describe('the gateway\'s own session', () => {
  it('is opened once for all who wait, and then given at once', async () => {
    const { server, sessions } = await setUp();
    const [first, second] = await Promise.all([ensure(sessions, server.url), ensure(sessions, server.url)]);
    expect(second).toBe(first);
    let atOnce: OwnSession | undefined;
    sessions.ensure(server.url, (session) => { atOnce = session; }, () => undefined);
    expect(atOnce).toBe(first);
    expect(initializes(server)).toBe(1);
    expect(first.headers()).toEqual({ 'mcp-session-id': 'session-1', 'mcp-protocol-version': '2025-11-25' });
  });

  it('works with a server that keeps no sessions', async () => {
    const { server, sessions } = await setUp({ sessions: false });
    expect((await ensure(sessions, server.url)).headers()).toEqual({ 'mcp-protocol-version': '2025-11-25' });
  });

  it('is renewed once for all who lost it', async () => {
    const { server, sessions } = await setUp();
    const lost = await ensure(sessions, server.url);
    server.forgetSessions();
    const renewed = await Promise.all([renew(sessions, lost), renew(sessions, lost)]);
    expect(new Set(renewed.map((session) => session.headers()['mcp-session-id']))).toEqual(new Set(['session-2']));
    expect((await renew(sessions, lost)).headers()['mcp-session-id']).toBe('session-2');
    expect(initializes(server)).toBe(2);
  });

  it('fails everybody who waits, and tries again for the next', async () => {
    const { server, sessions } = await setUp({ answering: 'hang' });
    server.answeringFor = ['initialize'];
    const failed = await Promise.allSettled([ensure(sessions, server.url), ensure(sessions, server.url)]);
    expect(failed.map((one) => one.status === 'rejected' && one.reason instanceof AskFault && one.reason.kind)).toEqual(['timeout', 'timeout']);
    server.answering = 'json';
    expect((await ensure(sessions, server.url)).upstream.era).toBe('legacy');
  });

  it('is not opened when the server speaks no known version, or gives an id that would split a header', async () => {
    const { server, sessions } = await setUp({ answering: 'html' });
    server.answeringFor = ['initialize'];
    await expect(ensure(sessions, server.url)).rejects.toMatchObject({ kind: 'not_mcp' });
  });

  it('ends with the gateway', async () => {
    const { server, sessions } = await setUp();
    await ensure(sessions, server.url);
    expect(server.openSessions.size).toBe(1);
    await sessions.close();
    expect(server.openSessions.size).toBe(0);
    await expect(ensure(sessions, server.url)).rejects.toMatchObject({ maybeSent: false });
  });

  it('ends at once when it is still being opened while the gateway stops', async () => {
    const { server, sessions } = await setUp();
    const waiting = ensure(sessions, server.url);
    await sessions.close();
    await expect(waiting).rejects.toMatchObject({ kind: 'transport' });
    await expect.poll(() => server.openSessions.size).toBe(0);
  });
});
