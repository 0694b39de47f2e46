// One process as a tool server, at its ends: last words, a closed output, a reader that fails, and each step of being ended.
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadJsonGuard } from '../../../../src/base/json/choose.js';
import { WireReader } from '../../../../src/upstream/duplex/wire-message.js';
import { EOF_GRACE_MS } from '../../../../src/upstream/stdio/child.js';
import { isRunning } from '../../../support/running.js';
import { until } from '../../../support/until.js';
import { ask, Asked, callTool, entries, LIMITS, openSession, PROGRAM, self, startServers, textOf, UPSTREAM } from './stdio-fixture.js';

let started: ReturnType<typeof startServers>[];
let dir: string;
beforeEach(() => {
  started = [];
  dir = mkdtempSync(join(tmpdir(), 'stdio-child-'));
});
afterEach(async () => {
  await Promise.all(started.map(({ servers }) => servers.close()));
  rmSync(dir, { recursive: true, force: true });
});
const start = (...given: Parameters<typeof startServers>) => {
  const one = startServers(...given);
  started.push(one);
  return one;
};

describe('a process', () => {
  it('gets each message as one line, however its client broke it', async () => {
    const { servers } = start();
    const session = await openSession(servers);
    const body = '{"jsonrpc":"2.0",\n"id":1,\r\n"method":"tools/call",\r"params":{"name":"echo","arguments":{"text":"whole"}}}';
    expect(textOf(await new Asked(servers, { session, body }).answered)).toBe('whole');
  });

  it('is heard to its last word, also without a line end, and without what was sent to it in secret', async () => {
    const { servers, told } = start({}, { secretsOf: (upstream) => (upstream === UPSTREAM ? ['sent-for-another'] : []) });
    const session = await openSession(servers);
    expect((await callTool(servers, session, 'last', { text: 'it was sent-for-another' })).fault?.kind).toBe('transport');
    await until(() => told.some(({ facts }) => facts['line'] === 'it was ***'));
  });

  it.each([
    ['in JSON', JSON.stringify({ key: 'sent-"for"-\\\nanother' })], ['in base64', Buffer.from('user:sent-"for"-\\\nanother').toString('base64')], ['percent-encoded', encodeURIComponent('sent-"for"-\\\nanother')],
    ['that is short', 'it was zq7X'],
  ])('has no secret in the log that it printed: %s', async (_how, said) => {
    const { servers, told } = start({}, { secretsOf: () => ['sent-"for"-\\\nanother', 'zq7X'] });
    expect((await callTool(servers, await openSession(servers), 'last', { text: `args ${said}` })).fault?.kind).toBe('transport');
    await until(() => told.some(({ facts }) => facts['line'] === '(a line with a secret in it)'));
    expect(JSON.stringify(told)).not.toContain('args');
  });

  it('that can say nothing any more is ended', async () => {
    const { servers } = start();
    const session = await openSession(servers);
    const { pid } = await self(servers, session);
    expect((await callTool(servers, session, 'silence')).fault?.kind).toBe('transport');
    await until(() => !isRunning(pid));
  });

  it('on whose words the gateway fails is ended, and the gateway goes on', async () => {
    class Failing extends WireReader {
      override read(bytes: Uint8Array): ReturnType<WireReader['read']> {
        if (Buffer.from(bytes).includes('"words that nobody can read"}]}')) throw new Error('a fault');
        return super.read(bytes);
      }
    }
    const { servers, told } = start({}, { reader: new Failing(loadJsonGuard(), LIMITS) });
    const session = await openSession(servers);
    const { pid } = await self(servers, session);
    expect((await callTool(servers, session, 'echo', { text: 'words that nobody can read' })).fault?.kind).toBe('transport');
    expect(told.map(({ text }) => text)).toContain('the gateway failed on what a tool server wrote; the server is ended');
    await until(() => !isRunning(pid));
  });

  it('that ignores the end of its input is asked, before it is ended', async () => {
    const { servers } = start({ args: [PROGRAM, '--ignore-eof'] }, {
      // Of all times only the first comes: by the end of its input and SIGTERM it must be over.
      after: (ms, run) => {
        if (ms === EOF_GRACE_MS) setImmediate(run);
        return () => undefined;
      },
    });
    const { pid } = await self(servers, await openSession(servers));
    await servers.close();
    expect(isRunning(pid)).toBe(false);
  });

  it('that is ending still counts, until it is gone', async () => {
    const { servers } = start({ args: [PROGRAM, '--ignore-end'] });
    const { pid } = await self(servers, await openSession(servers));
    servers.setServers(entries({ env: { NEW: '1' } }));
    expect(servers.pids()).toEqual([pid]);
  });

  it('that leaves behind what holds its pipes is read no more once it is gone, and keeps no descriptor', async () => {
    const { servers } = start({ instance: 'session' });
    const open: number[] = [];
    for (const n of [1, 2, 3]) {
      const session = await openSession(servers);
      expect(textOf(await callTool(servers, session, 'leave', { mark: join(dir, `${n}`) }))).toBe('left');
      await new Asked(servers, { session, httpMethod: 'DELETE' }).answered;
      await until(() => servers.pids().length === 0);
      await until(() => existsSync(join(dir, `${n}`)));
      open.push(openSockets());
    }
    expect(open).toEqual([open[0], open[0], open[0]]);
  });

  it('is not started any more once all were ended', async () => {
    const { servers } = start();
    await openSession(servers);
    await servers.close();
    expect((await ask(servers, 'initialize', {}, undefined)).fault).toMatchObject({ kind: 'transport', maybeSent: false });
    expect(servers.pids()).toEqual([]);
  });

  it('that refuses the greeting gives nobody a session, and is greeted again', async () => {
    const seen = join(dir, 'seen');
    const { servers } = start({ args: [PROGRAM, '--refuse', `--seen=${seen}`] });
    for (const greetings of [1, 2]) {
      const { json, headers } = await ask(servers, 'initialize', {}, undefined);
      expect([json.error?.code, headers['mcp-session-id']]).toEqual([-32602, undefined]);
      expect(readFileSync(seen, 'utf8').match(/"method":"initialize"/g)).toHaveLength(greetings);
    }
  });
});

/** Node gives a process sockets for pipes. */
function openSockets(): number {
  if (!existsSync('/proc/self/fd')) return 0;
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
    } catch {
      return false; // the one of this look
    }
  }).length;
}
