// What a process may write that nobody asked for: how much of it, how fast it is read, and when it is ended.
import { afterEach, describe, expect, it } from 'vitest';
import { REST_MS, Unasked } from '../../../../src/upstream/stdio/unasked.js';
import { isRunning } from '../../../support/running.js';
import { until } from '../../../support/until.js';
import { ask, Asked, callTool, openSession, self, startServers, textOf, UPSTREAM } from './stdio-fixture.js';

const open: ReturnType<typeof startServers>['servers'][] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((servers) => servers.close()));
});

/** Time passes by hand, and so do rests unless they are over at once; a process gets its own to end. */
function start(restsAreOver = false) {
  const clock = { nowMs: 50_000 };
  const rests: (() => void)[] = [];
  const after = (ms: number, run: () => void): (() => void) => {
    if (ms === REST_MS) {
      rests.push(run);
      if (restsAreOver) setImmediate(run);
      return () => undefined;
    }
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  };
  const started = startServers({}, { nowMs: () => clock.nowMs, after });
  open.push(started.servers);
  return { ...started, clock, rests };
}

describe('lines that nobody asked for', () => {
  it.each(['{}', 'no message', '{"jsonrpc":"2.0","id":999,"result":{}}', '{"jsonrpc":"2.0","method":"notifications/message","params":{}}', '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":999,"progress":1}}', '{"jsonrpc":"2.0","method":"notifications/resources/list_changed"}'])('such as %s end the process above their bound, which counts as by itself', async (line) => {
    const { servers, told, clock } = start(true);
    const session = await openSession(servers);
    const { pid } = await self(servers, session);
    for (let second = 0; second < 2; second += 1) {
      clock.nowMs += 1_000;
      expect(textOf(await callTool(servers, session, 'babble', { line, lines: 20_000 }))).toBe('babbled');
    }
    const reason = 'it wrote more than 20000 lines in a second that nobody asked for';
    clock.nowMs += 999;
    expect((await callTool(servers, session, 'babble', { line, lines: 1 })).fault).toMatchObject({ kind: 'transport', message: reason });
    expect(servers.report(UPSTREAM)).toMatchObject({ ended: 1, lastEnd: { reason, atMs: clock.nowMs } });
    expect(told).toContainEqual({ facts: { server: UPSTREAM, reason }, text: 'a tool server ended' });
    expect((await ask(servers, 'initialize', {}, undefined)).fault?.message).toContain('not started again yet');
    await until(() => !isRunning(pid));
    clock.nowMs += 500;
    expect(textOf(await callTool(servers, await openSession(servers), 'echo', { text: 'again' }))).toBe('again');
  });

  it('are not those of a call: its progress and its answer', async () => {
    const { servers, rests } = start();
    const session = await openSession(servers);
    const line = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":3,"progress":1}}'; // the greeting is 1, and this the second call
    await callTool(servers, session, 'echo');
    const call = new Asked(servers, { session, body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'babble', arguments: { line, lines: 20_001 }, _meta: { progressToken: 'p' } } } });
    expect(textOf(await call.answered)).toBe('babbled');
    for (let n = 0; n < 5; n += 1) expect(textOf(await callTool(servers, session, 'big', { bytes: 1_000_000 }))).toHaveLength(1_000_000);
    expect(rests).toEqual([]);
  });
});

describe('what goes beyond an answer without a line for anybody', () => {
  it('is read with a rest after each part of it', async () => {
    const { servers, rests } = start();
    const session = await openSession(servers);
    const call = new Asked(servers, { session, body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'babble', arguments: { bytes: 3 * 1024 * 1024 } } } });
    // The first MiB could be an answer; two more are seven rests at least, where a chunk has 64 KiB.
    for (let n = 0; n < 6; n += 1) {
      await until(() => rests.length === n + 1);
      expect(call.text).toBe('');
      rests[n]?.();
    }
    let next = 6;
    void call.answered.then(() => { next = -1; });
    await until(() => {
      if (next >= 0 && rests.length > next) rests[next++]?.();
      return next < 0;
    });
    expect(textOf(await call.answered)).toBe('babbled');
  });

  it('rests again only after the next part, and not at all after a line for a call', () => {
    const unasked = new Unasked(1_000, () => 0);
    const part = 256 * 1024;
    const rests = [part + 1_000, 1, part, 1].map((bytes) => {
      unasked.read(bytes);
      return unasked.takeRest();
    });
    expect(rests).toEqual([false, true, false, true]);
    unasked.asked();
    unasked.read(part + 1_000);
    expect(unasked.takeRest()).toBe(false);
  });
});
