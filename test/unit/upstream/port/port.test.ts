// A client on another thread's side of a port: the same calls, answers, ends and limits, and no answer that nobody takes.
import { EventEmitter } from 'node:events';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import type { ToOwner } from '../../../../src/upstream/port/messages.js';
import { createPortClient } from '../../../../src/upstream/port/port-client.js';
import { servePort } from '../../../../src/upstream/port/port-server.js';
import type { UpstreamCall, UpstreamClient, UpstreamRequest, UpstreamSink } from '../../../../src/upstream/types.js';
import { Asked } from '../stdio/stdio-fixture.js';
import { until } from '../../../support/until.js';

class Owner implements UpstreamClient {
  readonly calls: { readonly request: UpstreamRequest; readonly sink: UpstreamSink; readonly told: string[] }[] = [];
  send(request: UpstreamRequest, sink: UpstreamSink): UpstreamCall {
    const told: string[] = [];
    this.calls.push({ request, sink, told });
    return { abort: () => void told.push('abort'), pause: () => void told.push('pause'), resume: () => void told.push('resume') };
  }
  close(): Promise<void> { return Promise.resolve(); }
}

const clients: UpstreamClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});
function connect(): { readonly owner: Owner; readonly client: UpstreamClient; readonly end: () => void } {
  const owner = new Owner();
  const { port1, port2 } = new MessageChannel();
  servePort(port1, owner);
  const client = createPortClient(port2);
  clients.push(client);
  return { owner, client, end: () => port1.close() };
}

describe('a call over a port', () => {
  it('arrives as it was, with its own bytes alone, and brings its answer back', async () => {
    const { owner, client } = connect();
    const asked = new Asked(client, { body: 'hello', session: 's', url: 'stdio:x' });
    await until(() => owner.calls.length === 1);
    const [call] = owner.calls;
    expect([call?.request.url, call?.request.headers['mcp-session-id'], Buffer.from(call?.request.body ?? []).toString(), call?.request.body?.buffer.byteLength]).toEqual(['stdio:x', 's', 'hello', 5]);
    call?.sink.onHead(200, { 'content-type': 'application/json' });
    const lent = Buffer.from('{"id":1}');
    call?.sink.onData(lent);
    lent.fill(0); // it goes back to its pool
    call?.sink.onEnd();
    expect(await asked.answered).toMatchObject({ status: 200, text: '{"id":1}', fault: undefined });
  });

  it('brings back its fault as it was', async () => {
    const { owner, client } = connect();
    const asked = new Asked(client, { body: 'x' });
    await until(() => owner.calls.length === 1);
    const fault = { kind: 'transport', maybeSent: false, crowdedOut: true, message: 'm' } as const;
    owner.calls[0]?.sink.onFault(fault);
    expect((await asked.answered).fault).toEqual(fault);
  });

  it('that was given up is given up there, and hears nothing more', async () => {
    const { owner, client } = connect();
    const asked = new Asked(client, { body: 'x' });
    await until(() => owner.calls.length === 1);
    owner.calls[0]?.sink.onHead(200, {});
    asked.call.abort();
    await until(() => owner.calls[0]?.told.includes('abort') === true);
    expect(asked.status).toBe(0);
  });

  it('faults when the owner is gone; later ones never begin', async () => {
    const { owner, client, end } = connect();
    const asked = new Asked(client, { body: 'x' });
    await until(() => owner.calls.length === 1);
    end();
    expect((await asked.answered).fault).toMatchObject({ kind: 'transport', maybeSent: true });
    expect((await new Asked(client, { body: 'x' }).answered).fault).toMatchObject({ maybeSent: false });
    expect(owner.calls[0]?.told).toEqual(['abort']);
  });

  it('that opened a session: the session ends when its thread is gone, unless it has ended before', async () => {
    const { owner, client } = connect();
    const answer = async (asked: Asked, status: number, headers: Readonly<Record<string, string>>): Promise<void> => {
      await until(() => owner.calls.length > 0);
      const call = owner.calls.shift();
      call?.sink.onHead(status, headers);
      call?.sink.onEnd();
      await asked.answered;
    };
    for (const id of ['kept', 'ended', 'lost']) await answer(new Asked(client, { body: 'initialize', url: 'stdio:x' }), 200, { 'mcp-session-id': id });
    await answer(new Asked(client, { session: 'kept', body: 'call', url: 'stdio:x' }), 200, { 'mcp-session-id': 'kept' });
    await answer(new Asked(client, { session: 'ended', httpMethod: 'DELETE', url: 'stdio:x' }), 204, {});
    await answer(new Asked(client, { session: 'lost', body: 'call', url: 'stdio:x' }), 404, {});
    await client.close();
    await until(() => owner.calls.length > 0);
    expect(owner.calls.map(({ request: { url, httpMethod, headers } }) => [url, httpMethod, headers['mcp-session-id']])).toEqual([['stdio:x', 'DELETE', 'kept']]);
  });

  it('is held back at its owner while the thread has not taken what was sent, and goes on when it has', async () => {
    const { owner, client } = connect();
    const [busy, quiet] = [new Asked(client, { body: 'x' }), new Asked(client, { body: 'y' })];
    quiet.call.pause();
    await until(() => owner.calls[1]?.told.length === 1);
    const [first, second] = owner.calls;
    first?.sink.onHead(200, {});
    for (let n = 0; n < 9; n += 1) first?.sink.onData(Buffer.alloc(1024 * 1024, 0x20)); // in one turn: the other side can't take any of it meanwhile
    expect([first?.told, second?.told]).toEqual([['pause'], ['pause', 'pause']]);
    await until(() => first?.told.includes('resume') === true);
    expect([busy.text.length >= 5 * 1024 * 1024, second?.told]).toEqual([true, ['pause', 'pause']]); // who was slow himself stays so
    busy.call.abort();
    quiet.call.abort();
  });

  it('that begins while others are held back is, too, as is who only then has time', () => {
    // The owner's end by hand: over a line, when the other side takes what was sent is anybody's guess.
    const owner = new Owner();
    const port = Object.assign(new EventEmitter(), { postMessage: () => undefined });
    servePort(port as unknown as MessagePort, owner);
    const say = (message: ToOwner): void => void port.emit('message', message);
    const request: UpstreamRequest = { url: 'stdio:x', httpMethod: 'POST', headers: {}, body: undefined, answerTimeoutMs: 1000, idleTimeoutMs: 1000 };
    const told = (): string[] => owner.calls.map((call) => call.told.join(' '));
    say({ kind: 'send', call: 1, request });
    owner.calls[0]?.sink.onData(Buffer.alloc(8 * 1024 * 1024));
    say({ kind: 'send', call: 2, request });
    say({ kind: 'resume', call: 1 });
    expect(told()).toEqual(['pause', 'pause']);
    say({ kind: 'taken', bytes: 5 * 1024 * 1024 });
    expect(told()).toEqual(['pause resume', 'pause resume']);
  });
});
