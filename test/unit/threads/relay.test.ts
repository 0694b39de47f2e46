// Two relays and the line between them: requests cross once, answers come back, back-pressure and hang-ups go both ways, and an end is an end.
import { MessageChannel } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import type { Inbound, Reply } from '../../../src/front/types.js';
import { Relay } from '../../../src/threads/relay.js';
import { lentMessage, RecordedReply, type Posted } from '../../support/inbound-reply.js';
import { until } from '../../support/until.js';

interface Taken {
  readonly inbound: Inbound;
  readonly reply: Reply;
}

const sessionOf = (thread: number): string => thread.toString(16).padStart(2, '0') + 'ab'.repeat(23);
/** Here by now, though a sign-post is behind. */
const MOVED = sessionOf(7);
/** No gateway gave them. */
const NO_ID = 'zz';
const TWO_IDS = `${sessionOf(1)}, ${sessionOf(1)}`;
/** Where sessions are; thread 9 is not there, and 5 comes later. */
const OWNERS = new Map([[sessionOf(0), 2], [sessionOf(1), 3], [MOVED, 3], [sessionOf(9), 9], [sessionOf(5), 5], [NO_ID, 3], [TWO_IDS, 3]]);
const lines: MessageChannel[] = [];
afterEach(() => {
  for (const { port1, port2 } of lines.splice(0)) for (const port of [port1, port2]) port.close();
});

function pair() {
  const side = (thread: number) => {
    const taken: Taken[] = [];
    const refused: string[] = [];
    const evicted: number[] = [];
    const faults: unknown[] = [];
    const posted: (Taken & { readonly streamId: string })[] = [];
    const relay = new Relay({
      has: (id) => id === sessionOf(thread) || id === MOVED, ownerOf: (id) => OWNERS.get(id) ?? 0, handle: (inbound, reply) => void taken.push({ inbound, reply }), takePost: (streamId, inbound, reply) => void posted.push({ streamId, inbound, reply }), evict: (serial) => void evicted.push(serial), onFault: (fault) => void faults.push(fault),
      refuse: (code, reason, _inbound, reply) => {
        refused.push(`${code} ${reason}`);
        reply.send(500, [], code);
      },
    });
    return { relay, taken, posted, refused, evicted, faults };
  };
  const line = new MessageChannel();
  lines.push(line);
  const [front, owner] = [side(0), side(1)];
  front.relay.connect({ thread: 1, owner: 3, port: line.port1 });
  owner.relay.connect({ thread: 0, owner: 2, port: line.port2 });
  const post = (session: string, body = '{"x":"ü"}', posted: Posted = {}): RecordedReply => {
    const reply = new RecordedReply();
    const { inbound, expire } = lentMessage(body, { ...posted, headers: { mcpSessionId: session, accept: 'a', forwarded: [['mcp-x', '1']] }, receivedUs: 7 });
    front.relay.handle(inbound, reply);
    expire();
    return reply;
  };
  return { front, owner, line, post };
}
async function crossed(one: ReturnType<typeof pair>): Promise<Taken> {
  await until(() => one.owner.taken.length > 0);
  return one.owner.taken.shift() as Taken;
}

describe('a request', () => {
  it('of a session elsewhere is decided there alone, whole, although its bytes were only lent', async () => {
    const one = pair();
    const reply = one.post(sessionOf(1), `{"x":"${'ü'.repeat(5000)}"}`, { evidence: { declaredSpiffeId: 'me' } });
    const { inbound, reply: back } = await crossed(one);
    expect(one.front.taken).toEqual([]);
    expect([Buffer.from(inbound.body).toString(), inbound.bodyBytes, inbound.evidence.declaredSpiffeId, inbound.headers.forwarded, inbound.receivedUs]).toEqual([`{"x":"${'ü'.repeat(5000)}"}`, 10_008, 'me', [['mcp-x', '1']], 7]);
    back.send(202, [['a', 'b']], Buffer.from('body').subarray(1), true);
    await reply.finished;
    expect([reply.status, reply.headers, reply.text, reply.closeAfter, reply.sends]).toEqual([202, { a: 'b' }, 'ody', true, 1]);
  });

  it('that is a POST for a stream elsewhere is taken there for that stream, whole, and is none of its session\'s', async () => {
    const one = pair();
    const reply = new RecordedReply();
    const { inbound, expire } = lentMessage('{"x":1}', { evidence: { authorization: 'Bearer a' } });
    expect(one.front.relay.handOver(3, inbound, reply, '3-ab')).toBe(true);
    expire();
    await until(() => one.owner.posted.length === 1);
    const [taken] = one.owner.posted;
    expect([taken?.streamId, Buffer.from(taken?.inbound.body ?? []).toString(), taken?.inbound.evidence.authorization, one.owner.taken.length]).toEqual(['3-ab', '{"x":1}', 'Bearer a', 0]);
    taken?.reply.send(202, [], '');
    await reply.finished;
    expect(reply.status).toBe(202);
    expect(one.front.relay.handOver(99, inbound, reply, '63-ab')).toBe(false);
  });

  it('of a batch stays one: its answer must come whole', async () => {
    const one = pair();
    one.post(sessionOf(1), '{}', { batched: true });
    expect((await crossed(one)).inbound.batched).toBe(true);
    one.post(sessionOf(1), '{}');
    expect((await crossed(one)).inbound.batched).toBe(false);
  });

  it.each([['without a session', ''], ['of an own one', sessionOf(0)], ['of one that has moved here', MOVED], ['of one that nobody has', sessionOf(4)], ['of a thread that is not there', sessionOf(9)], ['with no gateway\'s id', NO_ID], ['with two ids', TWO_IDS]])('%s stays', (_what, session) => {
    const one = pair();
    one.post(session);
    expect(one.front.taken).toHaveLength(1);
  });

  it('that is not whole, or whose client has left, stays: it is only recorded', () => {
    const one = pair();
    const [large, gone] = [0, 1].map(() => lentMessage('{}', { headers: { mcpSessionId: sessionOf(1) } }).inbound);
    large?.dropBody(7, true);
    const left = new RecordedReply();
    left.hangUp();
    if (large !== undefined) one.front.relay.handle(large, new RecordedReply());
    if (gone !== undefined) one.front.relay.handle(gone, left);
    expect(one.front.taken.map(({ inbound }) => inbound)).toEqual([large, gone]);
  });

  it('takes its own bytes along, and not those that lie beside them', async () => {
    const one = pair();
    const together = Buffer.from(new Uint8Array(Buffer.from('{"n":1}{"n":2}')).buffer);
    const { inbound } = lentMessage('', { headers: { mcpSessionId: sessionOf(1) } });
    for (const body of [together.subarray(0, 7), together.subarray(7)]) {
      inbound.setBody(body, false);
      one.front.relay.handle(inbound, new RecordedReply());
    }
    const crossing = [await crossed(one), await crossed(one)].map(({ inbound: { body } }) => [Buffer.from(body).toString(), body.buffer.byteLength]);
    expect([crossing, together.toString()]).toEqual([[['{"n":1}', 7], ['{"n":2}', 7]], '{"n":1}{"n":2}']);
  });
});

describe('a stream', () => {
  it('comes back in order, and its writer stops while the client is slow', async () => {
    const one = pair();
    const reply = one.post(sessionOf(1));
    const { reply: back } = await crossed(one);
    back.begin(200, [['content-type', 'text/event-stream']]);
    reply.slow = true;
    let drained = 0;
    back.onDrain(() => void drained++);
    const chunk = Buffer.alloc(64 * 1024, 'x');
    const took = [back.write(chunk), back.write(chunk), back.write(chunk), back.write(chunk), back.write('y')];
    expect(took).toEqual([true, true, true, true, false]);
    await until(() => reply.text.endsWith('y'));
    expect(drained).toBe(0);
    reply.drain();
    await until(() => drained === 1);
    expect(back.write('z')).toBe(true);
    await until(() => reply.text.endsWith('z'));
    // What the client took is told once: the next ones fill the same room. The request crosses behind whatever was told.
    one.post(sessionOf(1));
    await crossed(one);
    reply.slow = true;
    expect([1, 2, 3, 4].map(() => back.write(chunk))).toEqual([true, true, true, false]);
    back.end();
    await reply.finished;
    expect([reply.state, reply.text.length]).toEqual(['ended', 8 * 64 * 1024 + 2]);
  });

  it('that is cut is cut for the client', async () => {
    const one = pair();
    const reply = one.post(sessionOf(1));
    const { reply: back } = await crossed(one);
    back.begin(200, []);
    back.destroy();
    await reply.finished;
    expect(reply.state).toBe('cut');
  });
});

describe('a hang-up', () => {
  it('is told to the owner, once, also to a listener that comes late', async () => {
    const one = pair();
    const reply = one.post(sessionOf(1));
    const { reply: back } = await crossed(one);
    const causes: string[] = [];
    back.onAbort((cause) => void causes.push(cause));
    reply.hangUp();
    await until(() => causes.length === 1);
    back.onAbort((cause) => void causes.push(`late ${cause}`));
    back.send(200, [], 'nobody');
    expect([causes, back.aborted]).toEqual([['client', 'late client'], true]);
    // It has its record there: the end of that thread must not make another one here.
    const next = one.post(sessionOf(1));
    one.owner.relay.close();
    await next.finished;
    expect(one.front.refused).toHaveLength(1);
  });
});

describe('the end of a thread', () => {
  it('answers with a fault what its owner can not answer any more, and cuts what had begun', async () => {
    const one = pair();
    const [first, second] = [one.post(sessionOf(1)), one.post(sessionOf(1))];
    const { reply: back } = await crossed(one);
    back.begin(200, []);
    await until(() => first.state === 'streaming');
    one.owner.relay.close();
    await Promise.all([first.finished, second.finished]);
    expect([first.state, one.front.refused]).toEqual(['cut', ['gateway_fault session_thread_ended']]);
    one.post(sessionOf(1));
    expect(one.front.taken).toHaveLength(1);
  });

  it('is a hang-up to whoever works for it', async () => {
    const one = pair();
    one.post(sessionOf(1));
    const { reply: back } = await crossed(one);
    const causes: string[] = [];
    back.onAbort((cause) => void causes.push(cause));
    one.front.relay.close();
    await until(() => causes.length > 0);
    expect([causes, back.aborted]).toEqual([['client'], true]);
  });

  it('leaves the line to the one that has come in its place', async () => {
    const one = pair();
    const waiting = one.post(sessionOf(1));
    await crossed(one);
    const line = new MessageChannel();
    lines.push(line);
    one.front.relay.connect({ thread: 1, owner: 5, port: line.port1 });
    const crossing = new Promise<unknown>((resolve) => line.port2.once('message', resolve));
    one.owner.relay.close();
    await waiting.finished;
    expect(waiting.status).toBe(500);
    one.post(sessionOf(5));
    expect(await crossing).toMatchObject({ kind: 'request' });
  });

  it('gives those it works for their answer while it can', async () => {
    const one = pair();
    const reply = one.post(sessionOf(1));
    const { reply: back } = await crossed(one);
    back.onAbort((cause) => back.send(500, [], cause));
    one.owner.relay.lose('gateway');
    await reply.finished;
    expect(reply.text).toBe('gateway');
  });

  it('that stops leaves what it asked of others to them: they stop as well, and answer', async () => {
    const one = pair();
    const reply = one.post(sessionOf(1));
    const { reply: back } = await crossed(one);
    const causes: string[] = [];
    back.onAbort((cause) => {
      causes.push(cause);
      back.send(500, [], 'recorded');
    });
    reply.lose('shutdown');
    expect(reply.state).toBe('open');
    one.owner.relay.lose('shutdown');
    await reply.finished;
    expect([causes, reply.text]).toEqual([['shutdown'], 'recorded']);
  });

  it.each(['certificates_replaced', 'gateway'] as const)('or of its connections (%s) has the others answer what it asked of them, and passes that on', async (cause) => {
    const one = pair();
    const reply = one.post(sessionOf(1));
    const { reply: back } = await crossed(one);
    back.onAbort((told) => back.send(500, [], told));
    reply.lose(cause);
    await one.front.relay.answered(60_000);
    expect([reply.text, reply.sends, back.aborted]).toEqual([cause, 1, false]);
  });

  it('after a fault waits no longer than it may for those answers, and then gives its own', async () => {
    const one = pair();
    const reply = one.post(sessionOf(1));
    const { reply: back } = await crossed(one);
    const causes: string[] = [];
    back.onAbort((cause) => void causes.push(cause));
    reply.lose('gateway');
    expect(reply.state).toBe('open');
    await one.front.relay.answered(1);
    await until(() => causes.length === 2);
    expect([reply.status, JSON.parse(reply.text), causes]).toEqual([500, expect.objectContaining({ code: 'gateway_fault' }), ['gateway', 'client']]);
  });

  it('after a fault cuts a stream that another thread has begun, which is a hang-up to that one', async () => {
    const one = pair();
    const reply = one.post(sessionOf(1));
    const { reply: back } = await crossed(one);
    back.begin(200, []);
    await until(() => reply.state === 'streaming');
    reply.lose('gateway');
    await until(() => back.aborted);
    expect(reply.state).toBe('cut');
  });

  it('waits for what it answers for others, no longer than it may', async () => {
    const one = pair();
    one.post(sessionOf(1));
    const { reply: back } = await crossed(one);
    await one.owner.relay.idle(1);
    const idle = one.owner.relay.idle(60_000);
    back.send(200, [], '');
    await idle;
  });
});

it('a request that was taken for its own is handed over, once to each thread that is there', async () => {
  const one = pair();
  const reply = new RecordedReply();
  const { inbound, expire } = lentMessage('{"x":1}', { headers: { mcpSessionId: sessionOf(5) } });
  expect([one.front.relay.handOver(7, inbound, reply), one.front.relay.handOver(3, inbound, reply)]).toEqual([false, true]);
  expire();
  const { inbound: crossing, reply: back } = await crossed(one);
  expect(Buffer.from(crossing.body).toString()).toBe('{"x":1}');
  back.send(200, [], 'done');
  await reply.finished;
  expect([reply.status, reply.text]).toEqual([200, 'done']);
});

it('an eviction is told to the thread whose session it was', async () => {
  const one = pair();
  one.front.relay.tellEvicted({ owner: 3, serial: 77 });
  one.front.relay.tellEvicted({ owner: 4, serial: 78 });
  await until(() => one.owner.evicted.length > 0);
  expect(one.owner.evicted).toEqual([77]);
});
