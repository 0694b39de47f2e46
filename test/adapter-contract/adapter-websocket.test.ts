// The worked adapter over WebSocket: who may open a session, whose it is, how long it lives, and what its bounds do to clients that nobody wrote so.
import { describe, expect, it } from 'vitest';
import { until } from '../support/until.js';
import { connected, errorOf, gateway, open, start, type Frame } from './adapter-rig.js';

describe('over WebSocket', () => {
  it('another path, a page or another protocol is not upgraded', async () => {
    await start();
    await expect(open({}, '/')).rejects.toThrow('HTTP 404');
    await expect(open({ origin: 'https://page.example' })).rejects.toThrow('HTTP 403');
    await expect(open({}, '/v1/session', ['mcp'])).rejects.toThrow('HTTP 400');
  });

  it('who begins wrongly is told, and closed', async () => {
    await start();
    for (const [frame, code] of [
      [{ kind: 'connect', key: 'wrong' }, 'unknown_key'], [{ kind: 'connect' }, 'unknown_key'], [{ kind: 'request', id: '1', op: 'list' }, 'connect_first'], ['{', 'malformed'],
      [{ kind: 'connect', key: 'key-alpha', resume: { session: 'ses_x', after: 0 } }, 'session_gone'],
    ] as const) {
      const socket = await open();
      socket.send(frame);
      socket.send({ kind: 'connect', key: 'key-alpha' }); // too late on this connection
      await until(() => socket.closed() !== undefined);
      expect([socket.frames.map(errorOf), socket.closed()]).toEqual([[code], 4401]);
    }
    expect(gateway.seen).toEqual([]);
  });

  it('who does not say who he is is cut, and only so many may wait', async () => {
    await start({ unconnected: 2, headers_timeout_ms: 1500 });
    const silent = [await open(), await open()];
    await expect(open()).rejects.toThrow('HTTP 503');
    await until(() => silent.every((socket) => socket.closed() !== undefined));
    expect((await connected()).session).toMatch(/^ses_/);
  });

  it('a session is its agent\'s alone', async () => {
    await start();
    const { session } = await connected('key-alpha');
    const thief = await connected('key-beta', { session, after: 0 });
    await until(() => thief.closed() !== undefined);
    expect(errorOf(thief.frames[0])).toBe('session_gone');
  });

  it('the newest connection has the session', async () => {
    await start();
    const first = await connected();
    const second = await connected('key-alpha', { session: first.session, after: 0 });
    await until(() => first.closed() !== undefined);
    second.send({ kind: 'request', id: '1', op: 'invoke', action: 'echo' });
    await until(() => second.frames.some(({ kind }) => kind === 'response'));
  });

  it('a session that nobody comes back to ends: its calls are cancelled, and it can not be resumed', async () => {
    await start({ resume_s: 1 });
    const gone = await connected();
    gone.send({ kind: 'request', id: '1', op: 'invoke', action: 'hang' });
    await until(() => gateway.seen.some(({ tool }) => tool === 'hang'));
    const before = gateway.hangUps;
    gone.raw.terminate();
    await until(() => gateway.hangUps >= before + 2); // the call, and what listened for changes
    const back = await connected('key-alpha', { session: gone.session, after: 0 });
    expect(errorOf(back.frames[0])).toBe('session_gone');
  });

  it('what was acknowledged is not resumed from before it', async () => {
    await start();
    const first = await connected();
    first.send({ kind: 'request', id: '1', op: 'invoke', action: 'echo' });
    await until(() => first.frames.length === 2);
    first.send({ kind: 'ack', seq: 1 });
    first.send({ kind: 'ping' });
    await until(() => first.frames.length === 3);
    const back = await connected('key-alpha', { session: first.session, after: 0 });
    expect(errorOf(back.frames[0])).toBe('session_gone');
  });

  it('who never acknowledges gets no more than the window, and is cut', async () => {
    await start({ window_bytes: 5000, stalled_s: 1, heartbeat_s: 1 });
    const socket = await connected();
    socket.send({ kind: 'request', id: '1', op: 'invoke', action: 'many' });
    await until(() => socket.closed() !== undefined);
    const bytes = socket.frames.filter(({ seq }) => seq !== undefined).reduce((sum, frame) => sum + JSON.stringify(frame).length, 0);
    expect(bytes).toBeGreaterThan(2000);
    expect(bytes).toBeLessThan(6000);
  });

  it('who answers no ping is cut', async () => {
    await start({ heartbeat_s: 1 });
    const deaf = await connected('key-alpha', undefined, { autoPong: false });
    const well = await connected('key-beta');
    await until(() => deaf.closed() !== undefined);
    expect(well.closed()).toBeUndefined();
  });

  it('sessions, requests and ids have their limits', async () => {
    await start({ sessions_per_agent: 1, calls_per_session: 2 });
    const socket = await connected();
    expect(errorOf((await connected()).frames[0])).toBe('adapter_busy');
    for (const id of ['1', '1', '2', '3']) socket.send({ kind: 'request', id, op: 'invoke', action: 'hang' });
    await until(() => socket.frames.filter(({ kind }) => kind === 'error').length === 2);
    expect(socket.frames.filter(({ kind }) => kind === 'error').map((frame) => [frame['id'], errorOf(frame)])).toEqual([[undefined, 'duplicate_id'], ['3', 'adapter_busy']]);
    for (const [id, target] of [['4', '1'], ['5', '2']]) socket.send({ kind: 'request', id, op: 'cancel', target });
    await until(() => socket.frames.filter(({ kind }) => kind === 'response').length === 4);
    socket.send({ kind: 'request', id: '6', op: 'cancel', target: '9' });
    await until(() => socket.frames.filter(({ kind }) => kind === 'response').length === 5);
    expect(socket.frames.filter(({ kind, id }) => kind === 'response' && ['4', '5', '6'].includes(String(id))).map(({ id, result }) => [id, (result as Frame)['cancelled']])).toEqual([['4', true], ['5', true], ['6', false]]);
  });

  it('bytes are no frame, and neither is one far above the limit', async () => {
    await start({ body_bytes: 2000 });
    const [binary, large, slightly] = [await connected(), await connected(), await connected()];
    binary.send(Buffer.from('{"kind":"ping"}'));
    large.send(`{"kind":"request","id":"1","op":"invoke","action":"x","input":{"t":"${'x'.repeat(9000)}"}}`);
    slightly.send(`{"kind":"request","id":"1","op":"invoke","action":"x","input":{"t":"${'x'.repeat(2500)}"}}`);
    await until(() => binary.closed() !== undefined && large.closed() !== undefined && slightly.frames.length === 2);
    expect([binary.closed(), large.closed(), slightly.frames[1]?.['id'], errorOf(slightly.frames[1]), slightly.closed()]).toEqual([1003, 1009, '1', 'too_large', undefined]);
    expect(gateway.seen.filter(({ tool }) => tool !== '')).toEqual([]);
  });

  it('all sessions of an agent listen by one subscription, which ends with the last of them', async () => {
    await start();
    const sockets = [await connected(), await connected(), await connected()];
    const listening = (): number => gateway.seen.filter(({ method }) => method === 'subscriptions/listen').length;
    await until(() => listening() === 1);
    sockets[0]?.send({ kind: 'bye' });
    sockets[1]?.send({ kind: 'bye' });
    await until(() => sockets[0]?.closed() !== undefined && sockets[1]?.closed() !== undefined);
    expect([listening(), gateway.hangUps]).toEqual([1, 0]);
    sockets[2]?.send({ kind: 'bye' });
    await until(() => gateway.hangUps === 1);
  });
});
