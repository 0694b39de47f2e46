// What a server says of its lists reaches every session's stream, once, and goes on reaching it when the server comes back.
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openSession, rpc, startInProcessGateway, type InProcessGateway } from '../../support/gateway-in-process.js';
import { type Posted, type RecordedReply } from '../../support/inbound-reply.js';
import { startOfferingServer, toolOf, type OfferingServer } from '../../support/offering-server.js';
import { until } from '../../support/until.js';

let a: OfferingServer;
let b: OfferingServer;
let running: InProcessGateway;
const ticks = new Set<{ readonly ms: number; readonly tick: () => void }>();
const CHANGED = 'notifications/tools/list_changed';
const KEEP_ALIVE_MS = 8_000;

beforeAll(async () => {
  [a, b] = await Promise.all([startOfferingServer('A', { tools: ['one'], prompts: ['p'] }), startOfferingServer('B', { tools: ['two'] })]);
});
afterAll(() => Promise.all([a.close(), b.close()]));
const entry = (name: string, url: string): string => `\n  - {name: ${name}, upstream: ${url}, hash: ${createHash('sha256').update(toolOf(name)).digest('hex')}, risk_level: low}`;
let refresh: ((url: string) => Promise<void>) | undefined;
let ready = (): void => undefined;
beforeEach(async () => {
  refresh = undefined;
  a.offer = { tools: ['one'], prompts: ['p'] };
  ticks.clear();
  running = await startInProcessGateway({
    tools: [], registry: `tools:${entry('one', a.url)}${entry('two', b.url)}\n`,
    change: ({ every, tools }) => ({
      tools: { ...tools, refresh: (url) => refresh?.(url) ?? tools.refresh(url) },
      every: (ms, tick) => {
        if (ms !== KEEP_ALIVE_MS) return every(ms, tick);
        const one = { ms, tick };
        ticks.add(one);
        return () => void ticks.delete(one);
      },
    }),
  });
});
afterEach(() => running.close());

async function listenIn(session: Posted): Promise<RecordedReply> {
  const [before, other] = [a.streams, b.streams];
  const reply = running.post('', { httpMethod: 'GET', headers: session.headers ?? {} });
  await until(() => a.streams === before + 1 && b.streams === other + 1 && reply.text !== '');
  return reply;
}
const said = (reply: RecordedReply, method: string): number => reply.text.split(`"${method}"`).length - 1;
const marker = async (...replies: RecordedReply[]): Promise<void> => {
  const before = replies.map((reply) => said(reply, 'notifications/marker'));
  a.notify('notifications/marker');
  await until(() => replies.every((reply, i) => said(reply, 'notifications/marker') > (before[i] ?? 0)));
};

describe('a list that changed', () => {
  it.each(['notifications/prompts/list_changed', 'notifications/resources/list_changed', CHANGED])('%s reaches the stream of each session once', async (method) => {
    const streams = [await listenIn(await openSession(running)), await listenIn(await openSession(running))];
    expect(a.notify(method)).toBe(2);
    await marker(...streams);
    expect(streams.map((reply) => said(reply, method))).toEqual([1, 1]);
  });

  it('is told once where the gateway itself has seen the change', async () => {
    const streams = [await listenIn(await openSession(running)), await listenIn(await openSession(running))];
    let asked = 0;
    // As the control thread does: one listing for all who ask, and all are told before the askers go on.
    const listing = new Promise<void>((resolve) => { ready = resolve; }).then(() => running.gateway.announceToolsChanged());
    refresh = () => {
      if (++asked === 2) ready();
      return listing;
    };
    a.notify(CHANGED);
    await listing;
    await marker(...streams);
    expect(streams.map((reply) => said(reply, CHANGED))).toEqual([1, 1]);
  });

  it('is told on one stream of a session that has two', async () => {
    const session = await openSession(running);
    const [older, newer] = [await listenIn(session), await listenIn(session)];
    running.gateway.announceToolsChanged();
    expect([said(older, CHANGED), said(newer, CHANGED)]).toEqual([0, 1]);
  });
});

describe('a reload', () => {
  it('of registry or policies is told of the lists whose changes a server tells of, on every session\'s stream', async () => {
    const stream = await listenIn(await openSession(running));
    const { gateway } = running;
    const next = (digests: object) => gateway.commit({ ...gateway.snapshot(), digests: { ...gateway.snapshot().digests, ...digests } });
    next({ rules: 'others' });
    next({ policy: 'another' });
    next({ registry: 'another' });
    expect([said(stream, 'notifications/prompts/list_changed'), said(stream, 'notifications/resources/list_changed')]).toEqual([2, 0]);
  });
});

describe('the handshake', () => {
  it('offers what one of the servers can', async () => {
    const servers = await Promise.all([startOfferingServer('x', { tools: ['one'], resources: ['file:///x'] }), startOfferingServer('y', { tools: ['two'], prompts: ['p'] })]);
    const [x, y] = servers;
    const gateway = await startInProcessGateway({
      tools: [], registry: `tools:${entry('one', x.url)}${entry('two', y.url)}\n`,
      change: ({ tools }) => ({ tools: { ...tools, upstream: (url) => (url === x.url ? { ...tools.upstream(url), capabilities: { tools: { listChanged: false }, resources: { subscribe: false } } } : { ...tools.upstream(url), capabilities: { resources: { subscribe: true, listChanged: false }, prompts: {} } }) } }),
    });
    const reply = await gateway.ask(rpc('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } }, 0));
    expect(reply.json).toMatchObject({ result: { capabilities: { tools: { listChanged: true }, resources: { subscribe: true, listChanged: false }, prompts: {} } } });
    await gateway.close();
    await Promise.all(servers.map((server) => server.close()));
  });
});

describe('a server that lost its streams', () => {
  it('is followed again, in a new session where it forgot the old one', async () => {
    const stream = await listenIn(await openSession(running));
    a.forget();
    await until(() => a.streams === 0);
    for (const { tick } of [...ticks]) tick(); // 404: the session is lost
    const gets = (): number => a.seen.filter(({ method, headers }) => method === '' && headers.accept === 'text/event-stream').length;
    await until(() => gets() >= 2);
    for (let i = 0; i < 2000 && a.streams === 0; i++) {
      for (const { tick } of [...ticks]) tick();
      await sleep(2);
    }
    expect(a.streams).toBe(1);
    await marker(stream);
  });

  it('that has no such streams is asked once', async () => {
    const silentGets = (): number => b.seen.filter(({ method, headers }) => method === '' && headers.accept === 'text/event-stream').length;
    b.offer = { ...b.offer, era: 'legacy' };
    const refused = b.refuseStreams;
    b.refuseStreams = 404;
    try {
      const before = silentGets();
      running.post('', { httpMethod: 'GET', headers: (await openSession(running)).headers ?? {} });
      await until(() => silentGets() === before + 1 && a.streams > 0);
      for (let i = 0; i < 5; i++) for (const { tick } of [...ticks]) tick();
      await running.ask(rpc('tools/list'));
      expect(silentGets()).toBe(before + 1);
    } finally {
      b.refuseStreams = refused;
    }
  });
});
