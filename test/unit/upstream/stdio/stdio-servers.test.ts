// Stdio tool servers as real processes: what crosses their pipes, whose answer is whose, and what is left of them.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { StdioServers } from '../../../../src/upstream/stdio/stdio-servers.js';
import type { UpstreamClient } from '../../../../src/upstream/types.js';
import { isRunning } from '../../../support/running.js';
import { ask, Asked, callTool, entries, openSession, PROGRAM, self, startServers, tell, textOf, UPSTREAM } from './stdio-fixture.js';

const open: StdioServers[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((servers) => servers.close()));
});
const start = (...given: Parameters<typeof startServers>) => {
  const started = startServers(...given);
  open.push(started.servers);
  return started;
};

describe('a shared process', () => {
  it('is one for all sessions, greeted once, in a bare environment and with no file but its pipes', async () => {
    const { servers } = start({ env: { KEY: 'value' } });
    const sessions = await Promise.all([openSession(servers, 'one'), openSession(servers, 'two')]);
    const [one, two] = await Promise.all(sessions.map((session) => self(servers, session)));
    expect([one?.pid, one?.initialized]).toEqual([two?.pid, 1]);
    expect(sessions[0]).not.toBe(sessions[1]);
    expect(Object.keys(one?.env ?? {}).sort()).toEqual(['KEY', 'PATH']);
    expect(one?.cwd).toBe(process.cwd());
    expect((one?.files ?? []).filter(([, target]) => /socket|\.sqlite|\.jsonl|precinct/.test(target))).toEqual([]);
  });

  it('answers each caller under the caller\'s own id', async () => {
    const { servers } = start();
    const [one, two] = [await openSession(servers), await openSession(servers)];
    const ids: unknown[] = [1, 1, '1', 'a"b', -5, 1e3];
    const answers = await Promise.all(ids.map((id, n) => callTool(servers, n % 2 === 0 ? one : two, 'echo', { text: `text ${n}` }, id)));
    expect(answers.map(({ json }) => json.id)).toEqual(ids);
    expect(answers.map(textOf)).toEqual(ids.map((_id, n) => `text ${n}`));
    expect(answers.every(({ headers }) => headers['content-type'] === 'application/json')).toBe(true);
  });

  it('reports progress to the call whose token it is, under the token its caller chose', async () => {
    const { servers } = start();
    const session = await openSession(servers);
    const params = { name: 'progress', _meta: { progressToken: 'same' } };
    const answers = await Promise.all([ask(servers, 'tools/call', params, session, 1), ask(servers, 'tools/call', params, session, 2)]);
    for (const { before, headers } of answers) {
      expect(headers['content-type']).toBe('text/event-stream');
      expect(before.map(({ params: told }) => told)).toEqual([{ progressToken: 'same', progress: 1 }, { progressToken: 'same', progress: 2 }]);
    }
    expect(answers.map(({ json }) => json.id)).toEqual([1, 2]);
    const tokens = answers.map((answer) => (JSON.parse(textOf(answer)) as { progressToken: number }).progressToken);
    expect(new Set(tokens).size).toBe(2);
  });

  it('can ask nobody, and what it logs reaches nobody', async () => {
    const { servers } = start();
    const session = await openSession(servers, 'able', { sampling: {} });
    expect(JSON.parse(textOf(await callTool(servers, session, 'ask')))).toMatchObject({ code: -32601 });
    const stream = new Asked(servers, { session, httpMethod: 'GET' });
    const logged = await callTool(servers, session, 'log', { text: 'another' });
    expect(logged.before).toEqual([]);
    await callTool(servers, session, 'change');
    await stream.holds('list_changed');
    expect(stream.text).not.toContain('notifications/message');
  });

  it('is told of a call that was given up, by its id on the pipe; and of none of another session', async () => {
    const { servers } = start();
    const [one, two] = [await openSession(servers), await openSession(servers)];
    const hanging = new Asked(servers, { session: one, body: { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'hang' } } });
    await tell(servers, 'notifications/cancelled', { requestId: 7 }, two);
    expect((await self(servers, one)).cancelled).toEqual([]);
    await tell(servers, 'notifications/cancelled', { requestId: 7 }, one);
    const [wireId, ...others] = (await self(servers, one)).cancelled;
    expect([typeof wireId, others]).toEqual(['number', []]);
    hanging.call.abort(); // told already
    const other = new Asked(servers, { session: two, body: { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'hang' } } });
    other.call.abort();
    expect((await self(servers, one)).cancelled).toEqual([wireId, expect.any(Number)]);
  });

  it('says that its tools may be others', async () => {
    const { servers, differing } = start();
    await callTool(servers, await openSession(servers), 'change');
    expect(differing).toEqual([UPSTREAM]);
  });

  it('that dies fails its calls at once, loses its sessions, and comes back when it may', async () => {
    let nowMs = 1_000_000;
    const { servers, timers, told, differing } = start({}, { nowMs: () => nowMs });
    const session = await openSession(servers);
    const hanging = new Asked(servers, { session, body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'hang' } } });
    const stream = new Asked(servers, { session, httpMethod: 'GET' });
    const died = await callTool(servers, session, 'die', {}, 2);
    expect([died.fault?.kind, died.fault?.maybeSent, (await hanging.answered).fault?.kind, (await stream.answered).fault]).toEqual(['transport', true, 'transport', undefined]);
    expect(servers.report(UPSTREAM)).toMatchObject({ pids: [], ended: 1, lastEnd: { reason: 'it ended with exit code 3', atMs: nowMs } });
    expect(told.some(({ facts }) => facts['reason'] === 'it ended with exit code 3')).toBe(true);
    expect((await callTool(servers, session, 'echo')).status).toBe(404);
    const early = await ask(servers, 'initialize', {}, undefined);
    expect([early.fault?.kind, early.fault?.maybeSent]).toEqual(['transport', false]);
    const restart = timers.at(-1);
    nowMs += restart?.ms ?? 0;
    restart?.run();
    expect(differing).toEqual([UPSTREAM]);
    expect(textOf(await callTool(servers, await openSession(servers), 'echo', { text: 'back' }))).toBe('back');
    expect((await callTool(servers, session, 'echo')).status).toBe(404); // the new process never knew it
  });

  it.each([
    ['ends as it starts', { args: [PROGRAM, '--exit=7'] }, 'it ended with exit code 7'],
    ['is not there', { command: 'no-such-program-anywhere' }, 'no-such-program-anywhere can\'t be started (ENOENT)'],
    ['has no such folder', { cwd: '/no/such/folder' }, `${process.execPath} can't be started (ENOENT)`],
    // What Node throws at whoever starts it, instead of telling it by an event.
    ['has a file for a folder', { cwd: process.execPath }, `${process.execPath} can't be started (ENOTDIR)`],
    ['lies below a file', { command: `${process.execPath}/program` }, `${process.execPath}/program can't be started (ENOTDIR)`],
    ['is given more than a program may be', { args: ['x'.repeat(3_000_000)] }, `${process.execPath} can't be started (E2BIG)`],
  ])('that %s fails the handshake, and stays away ever longer', async (_what, program, reason) => {
    let nowMs = 1_000_000;
    const { servers, timers } = start(program, { nowMs: () => nowMs });
    const waits: number[] = [];
    for (let n = 0; n < 9; n += 1) {
      expect((await ask(servers, 'initialize', {}, undefined)).fault).toMatchObject({ kind: 'transport', message: reason });
      const waitMs = timers.at(-1)?.ms ?? 0;
      nowMs += waitMs - 1;
      expect((await ask(servers, 'initialize', {}, undefined)).fault).toMatchObject({ maybeSent: false });
      nowMs += 1;
      waits.push(waitMs);
    }
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    expect(servers.report(UPSTREAM)?.pids).toEqual([]);
  });

  it('that never answers the greeting is ended, and may start again', async () => {
    const { servers, timers } = start({ args: [PROGRAM, '--mute'] });
    const greeting = ask(servers, 'initialize', {}, undefined);
    const [pid = 0] = servers.report(UPSTREAM)?.pids ?? [];
    timers.find(({ ms }) => ms === 300_000)?.run();
    expect((await greeting).fault).toMatchObject({ kind: 'transport', message: 'it did not answer the handshake within 300000 ms' });
    expect(servers.report(UPSTREAM)).toMatchObject({ ended: 1 });
    await servers.close();
    expect([pid > 0, isRunning(pid)]).toEqual([true, false]);
  });

  it('that says nothing to the gateway\'s own questions, three in a row, is ended; not while a call is under way, nor when it said something between', async () => {
    const { servers, differing, timers } = start();
    const callers = servers.forCallers();
    const session = await openSession(servers);
    const hang = (from: UpstreamClient): Asked => new Asked(from, { session, body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'hang' } } });
    const unanswered = (times: number): void => {
      for (let n = 0; n < times; n += 1) hang(servers).call.abort();
    };
    for (let n = 0; n < 5; n += 1) hang(callers).call.abort();
    unanswered(2);
    await self(servers, session);
    const busy = hang(callers);
    unanswered(5);
    busy.call.abort();
    unanswered(2);
    expect(servers.report(UPSTREAM)).toMatchObject({ ended: 0 });
    unanswered(1);
    expect(servers.report(UPSTREAM)).toMatchObject({ ended: 1, lastEnd: { reason: 'it has said nothing while 3 listings waited for it' } });
    timers.at(-1)?.run();
    expect(differing).toEqual([UPSTREAM]); // the listing starts it again
  });

  it('may write what is no message, and be read all the same', async () => {
    const { servers, told } = start({ args: [PROGRAM, '--garbage'] });
    expect(textOf(await callTool(servers, await openSession(servers), 'split'))).toBe('grün');
    expect(told.some(({ facts }) => /no message/.test(String(facts['line'])))).toBe(true);
  });

  it('that answers too much or too deep fails that call alone', async () => {
    const { servers } = start({}, { answerBytesMax: 10_000 });
    const session = await openSession(servers);
    const hanging = new Asked(servers, { session, body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'hang' } } });
    const big = await callTool(servers, session, 'big', { bytes: 100_000 });
    expect([big.status, big.text.length > 10_000, big.text.length < 11_000]).toEqual([200, true, true]); // whoever counts refuses it
    const deep = await callTool(servers, session, 'deep', { depth: 100 });
    expect(deep.text).toContain('[[[[');
    expect(textOf(await callTool(servers, session, 'echo', { text: 'still here' }))).toBe('still here');
    hanging.call.abort();
  });

  it('that floods its stderr is heard in part, and without its secrets', async () => {
    const { servers, told } = start({ env: { SECRET: 'hunter2-hunter2' } }, { nowMs: () => 20_000 });
    const session = await openSession(servers);
    await callTool(servers, session, 'flood', { lines: 5000 });
    await self(servers, session);
    const lines = told.map(({ facts }) => String(facts['line'])).filter((line) => line.startsWith('line '));
    expect(lines).toHaveLength(20);
    expect(lines[0]).toBe('line 0 ***');
  });

  it('gets a variable of the gateway that its entry names; without it, it is not started', async () => {
    const given = new Map([['TOKEN', 'from-the-gateway']]);
    const program = { env: { KEY: '$ENV{TOKEN}', OTHER: 'plain' } };
    const { servers, told } = start(program, { variable: (name) => given.get(name) });
    const session = await openSession(servers);
    expect((await self(servers, session)).env).toMatchObject({ KEY: 'from-the-gateway', OTHER: 'plain' });
    given.clear();
    const without = start(program, { variable: (name) => given.get(name) });
    expect((await ask(without.servers, 'initialize', {}, undefined)).fault).toMatchObject({ kind: 'transport', maybeSent: false });
    expect(without.servers.report(UPSTREAM)).toMatchObject({ pids: [], ended: 1, lastEnd: { reason: 'its KEY is $ENV{TOKEN}, and the gateway has no such variable' } });
    expect(JSON.stringify([told, without.told])).not.toContain('from-the-gateway');
  });

  it('keeps answers for a caller that reads slowly up to the bound, and others do not wait', async () => {
    const { servers } = start({}, { answerBytesMax: 3_000 });
    const session = await openSession(servers);
    const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', arguments: { text: 'held' } } };
    const slow = new Asked(servers, { session, body });
    slow.call.pause();
    const tooMuch = new Asked(servers, { session, body: { ...body, params: { name: 'big', arguments: { bytes: 4_000 } } } });
    tooMuch.call.pause();
    expect(textOf(await callTool(servers, session, 'echo', { text: 'quick' }))).toBe('quick');
    expect(slow.text).toBe('');
    expect((await tooMuch.answered).fault?.kind).toBe('protocol');
    slow.call.resume();
    expect(textOf(await slow.answered)).toBe('held');
  });

  it('of another definition takes the place of the old one, which ends', async () => {
    const { servers } = start();
    const { pid } = await self(servers, await openSession(servers));
    servers.setServers(entries());
    expect(servers.report(UPSTREAM)?.pids).toEqual([pid]);
    servers.setServers(entries({ env: { NEW: '1' } }));
    const next = await self(servers, await openSession(servers));
    expect([next.pid === pid, next.env['NEW']]).toEqual([false, '1']);
    await servers.close();
    expect([isRunning(pid), isRunning(next.pid)]).toEqual([false, false]);
  });

  it('that ignores the end of its input and SIGTERM is ended all the same', async () => {
    const { servers } = start({ args: [PROGRAM, '--ignore-end'] });
    const { pid } = await self(servers, await openSession(servers));
    await servers.close();
    expect(isRunning(pid)).toBe(false);
  });

  it('takes messages of 2026-07-28 without a session', async () => {
    const { servers } = start();
    const answered = await new Asked(servers, { headers: { 'mcp-method': 'tools/call' }, body: { jsonrpc: '2.0', id: 9, method: 'tools/call', params: { name: 'echo', arguments: { text: 'modern' } } } }).answered;
    expect([answered.json.id, textOf(answered)]).toEqual([9, 'modern']);
  });
});

describe('a process for each session', () => {
  it('has the client\'s own handshake, is asked nothing by others, and ends with its session', async () => {
    const { servers } = start({ instance: 'session' });
    const [one, two] = [await openSession(servers, 'one'), await openSession(servers, 'two')];
    const [selfOne, selfTwo] = [await self(servers, one), await self(servers, two)];
    expect(selfOne.pid).not.toBe(selfTwo.pid);
    expect((await new Asked(servers, { session: one, httpMethod: 'DELETE' }).answered).status).toBe(204);
    expect((await callTool(servers, one, 'echo')).status).toBe(404);
    expect(textOf(await callTool(servers, two, 'echo', { text: 'mine' }))).toBe('mine');
    await servers.close();
    expect([selfOne.pid, selfTwo.pid].map(isRunning)).toEqual([false, false]);
  });

  it('may ask its client, and gets the answer', async () => {
    const { servers } = start({ instance: 'session' });
    const session = await openSession(servers, 'able', { sampling: {} });
    const call = new Asked(servers, { session, body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'ask' } } });
    await call.holds('sampling/createMessage');
    await new Asked(servers, { session, body: '{"jsonrpc":"2.0","id":"q1","result":{"role":"assistant"}}' }).answered;
    const answered = await call.answered;
    expect([answered.before[0]?.['id'], JSON.parse(textOf(answered))]).toEqual(['q1', { role: 'assistant' }]);
  });

  it('may speak before it answers the greeting, which is then the last of a stream, and given up by who has it', async () => {
    const { servers } = start({ instance: 'session', args: [PROGRAM, '--chatty'] });
    const greeting = { text: '', session: '' };
    await new Promise<void>((resolve) => {
      const call = servers.send({ url: UPSTREAM, httpMethod: 'POST', headers: {}, body: Buffer.from('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}'), answerTimeoutMs: 1, idleTimeoutMs: 1 }, {
        onHead: (_status, headers) => { greeting.session = headers['mcp-session-id'] ?? ''; },
        onData: (chunk) => {
          greeting.text += Buffer.from(chunk).toString('utf8');
          if (!greeting.text.includes('serverInfo')) return;
          call.abort();
          setImmediate(resolve);
        },
        onEnd: () => undefined, onFault: () => undefined,
      });
    });
    const { session } = greeting;
    expect([greeting.text.includes('hello'), textOf(await callTool(servers, session, 'echo', { text: 'kept' }))]).toEqual([true, 'kept']);
  });

  it('that dies ends one session; others go on, and new ones begin', async () => {
    const { servers } = start({ instance: 'session' });
    const [one, two] = [await openSession(servers), await openSession(servers)];
    expect((await callTool(servers, one, 'die')).fault?.kind).toBe('transport');
    expect((await callTool(servers, one, 'echo')).status).toBe(404);
    expect(textOf(await callTool(servers, two, 'echo', { text: 'on' }))).toBe('on');
    expect(await openSession(servers)).toBeTruthy();
  });

  it('is refused beyond the bound, which is nobody\'s failure', async () => {
    const { servers } = start({ instance: 'session' });
    const sessions = [await openSession(servers), await openSession(servers), await openSession(servers)];
    const callers = servers.forCallers();
    expect((await ask(callers, 'initialize', {}, undefined)).status).toBe(429);
    const own = await openSession(servers); // a listing: what callers hold must not make the server look down
    await new Asked(servers, { session: own, httpMethod: 'DELETE' }).answered;
    await new Asked(servers, { session: sessions[0], httpMethod: 'DELETE' }).answered;
  });

  it('ends when it was unused for its time, and not while somebody listens', async () => {
    let nowMs = 0;
    let sweep: () => void = () => undefined;
    const { servers } = start({ instance: 'session' }, { nowMs: () => nowMs, every: (_ms, tick) => { sweep = tick; return () => undefined; } });
    const [idle, listening] = [await openSession(servers), await openSession(servers)];
    const stream = new Asked(servers, { session: listening, httpMethod: 'GET' });
    nowMs = 1000;
    sweep();
    expect([(await callTool(servers, idle, 'echo')).status, (await callTool(servers, listening, 'echo')).status]).toEqual([404, 200]);
    stream.call.abort();
  });

  it('that refuses the handshake is ended', async () => {
    const { servers } = start({ instance: 'session', args: [PROGRAM, '--refuse'] });
    const refused = await ask(servers, 'initialize', {}, undefined);
    expect([refused.status, refused.json.error?.code]).toEqual([200, -32602]);
    while ((servers.report(UPSTREAM)?.pids.length ?? 0) > 0) await new Promise((resolve) => setImmediate(resolve));
    expect((await callTool(servers, refused.headers['mcp-session-id'] ?? '', 'echo')).status).toBe(404);
  });

  it('whose handshake nobody waits for any more is not kept', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'stdio-'));
    const { servers } = start({ instance: 'session', args: [PROGRAM, `--starts=${join(folder, 'starts')}`] });
    const greeting = new Asked(servers, { body: { jsonrpc: '2.0', id: 1, method: 'initialize', params: {} } });
    expect(servers.report(UPSTREAM)?.pids).toHaveLength(1);
    greeting.call.abort();
    await servers.close();
    const pids = readOr(join(folder, 'starts')).split('\n').filter((line) => line !== '').map(Number);
    expect(pids.filter(isRunning)).toEqual([]);
    rmSync(folder, { recursive: true });
  });
});

function readOr(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
