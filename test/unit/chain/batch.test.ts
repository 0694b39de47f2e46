// Taking a batch apart and putting its answers together, with a gateway that is one function.
import { describe, expect, it } from 'vitest';
import { loadJsonGuard } from '../../../src/base/json/choose.js';
import { createBatches } from '../../../src/chain/batch.js';
import { BATCH_MESSAGES_MAX } from '../../../src/mcp/versions.js';
import type { Inbound, Reply } from '../../../src/front/types.js';
import { lentMessage, RecordedReply, type Posted } from '../../support/inbound-reply.js';

const V = { mcpProtocolVersion: '2025-03-26' };

interface Taken {
  readonly inbound: Inbound;
  readonly reply: Reply;
  readonly body: string;
}

function take(body: string, posted: Posted = { headers: V }, options: { readonly answerBytesMax?: number; readonly version?: string; readonly gone?: boolean; readonly failsAt?: number } = {}) {
  const messages: Taken[] = [];
  const faults: unknown[] = [];
  const takeBatch = createBatches({
    guard: loadJsonGuard(), limits: () => ({ depthMax: 20, keysMax: 100 }), answerBytesMax: () => options.answerBytesMax ?? 1000, sessionVersion: (id) => (id === 'known' ? options.version : undefined),
    onFault: (fault) => void faults.push(fault),
    handle: (inbound, reply) => {
      if (messages.length === options.failsAt) throw new Error('no more');
      messages.push({ inbound, reply, body: Buffer.from(inbound.body).toString() });
    },
  });
  const reply = new RecordedReply();
  if (options.gone === true) reply.hangUp();
  const { inbound, expire } = lentMessage(body, posted);
  const taken = takeBatch(inbound, reply);
  expire();
  return { taken, messages, reply, faults };
}

const ok = (n: number): string => `{"jsonrpc":"2.0","id":${n},"result":{}}`;
const JSON_TYPE = [['content-type', 'application/json']] as const;

describe('a batch', () => {
  it('becomes its messages, byte for byte, and their answers one array in their order', () => {
    const { taken, messages, reply } = take(' [ {"id": 1.0}\n,\t{"a":"]"},[], 7 ] ');
    expect([taken, messages.map(({ body }) => body)]).toEqual([true, ['{"id": 1.0}', '{"a":"]"}', '[]', '7']]);
    for (const { inbound } of messages) expect(inbound).toMatchObject({ batched: true, httpMethod: 'POST', bodyTooLarge: false, headers: V });
    expect(Buffer.from(messages[1]?.inbound.body ?? []).toString()).toBe('{"a":"]"}'); // also when the socket has its bytes back
    for (const n of [3, 1, 0]) messages[n]?.reply.send(n === 1 ? 202 : 200, JSON_TYPE, n === 1 ? '' : ok(n));
    expect(reply.state).toBe('open');
    messages[2]?.reply.send(200, JSON_TYPE, ok(2));
    expect([reply.status, reply.headers, reply.text]).toEqual([200, { 'content-type': 'application/json' }, `[${ok(0)},${ok(2)},${ok(3)}]`]);
  });

  it('of notifications alone is accepted without a body', () => {
    const { messages, reply } = take('[{},{}]');
    for (const one of messages) one.reply.send(202, [['x-of-one', '1']], '');
    expect([reply.status, reply.headers, reply.text]).toEqual([202, {}, '']);
  });

  it('answered well has no headers of one of its messages', () => {
    const { messages, reply } = take('[{},{}]');
    messages.forEach((one, n) => one.reply.send(200, [...JSON_TYPE, ['mcp-session-id', 's']], ok(n)));
    expect([reply.status, reply.headers]).toEqual([200, { 'content-type': 'application/json' }]);
  });

  it('whose messages are all refused alike is answered with their status and what goes with it; else with 200', () => {
    const refused = take('[{},{}]');
    for (const one of refused.messages) one.reply.send(401, [...JSON_TYPE, ['www-authenticate', 'Bearer']], ok(1));
    expect([refused.reply.status, refused.reply.headers['www-authenticate'], refused.reply.text]).toEqual([401, 'Bearer', `[${ok(1)},${ok(1)}]`]);
    const mixed = take('[{},{}]');
    mixed.messages.forEach((one, n) => one.reply.send(n === 0 ? 400 : 200, JSON_TYPE, ok(n)));
    expect(mixed.reply.status).toBe(200);
  });

  it('whose answers are too large together says so in the place of those beyond', () => {
    const { messages, reply } = take('[{},{},{}]', { headers: V }, { answerBytesMax: 60 });
    for (const n of [0, 1, 2]) messages[n]?.reply.send(200, JSON_TYPE, ok(n + 5));
    expect(reply.json).toMatchObject([{ id: 5, result: {} }, { id: 6, error: { data: { code: 'mcp_invalid_response' } } }, { id: 7, error: {} }]);
  });

  it('tells those of its messages that are under way that the client left', () => {
    const { messages, reply } = take('[{},{}]');
    const told: string[] = [];
    messages.forEach(({ reply: one }, n) => one.onAbort((cause) => void told.push(`${n} ${cause}`)));
    messages[0]?.reply.send(200, JSON_TYPE, ok(0));
    reply.hangUp();
    expect([told, messages[1]?.reply.aborted]).toEqual([['1 client'], true]);
  });

  it('tells them that their thread ends, and takes their answers all the same', () => {
    const { messages, reply } = take('[{},{}]');
    messages.forEach(({ reply: one }, n) => one.onAbort((cause) => one.send(500, JSON_TYPE, `{"id":${n},"cause":"${cause}"}`)));
    reply.lose();
    expect(messages.map(({ reply: one }) => one.aborted)).toEqual([false, false]);
    expect([reply.status, reply.json]).toEqual([500, [{ id: 0, cause: 'gateway' }, { id: 1, cause: 'gateway' }]]);
  });

  const large = (count: number): string => `[${Array.from({ length: count }, (_, n) => `{"n":${n},"t":"${'x'.repeat(16_384)}"}`).join(',')}]`;
  const numbers = (messages: readonly Taken[]): unknown[] => messages.map(({ body }) => (JSON.parse(body) as { n: number }).n);
  const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('of large messages is handed on in several turns, in its order, and is answered once all are', async () => {
    const { messages, reply } = take(large(5));
    expect(numbers(messages)).toEqual([0, 1]);
    for (const one of messages) one.reply.send(200, JSON_TYPE, ok(1));
    for (const seen of [4, 5, 5]) {
      await nextTurn();
      expect([messages.length, reply.state]).toEqual([seen, 'open']);
    }
    expect(numbers(messages)).toEqual([0, 1, 2, 3, 4]);
    for (const one of messages.slice(2)) one.reply.send(200, JSON_TYPE, ok(2));
    expect([reply.status, (reply.json as unknown[]).length]).toEqual([200, 5]);
  });

  it('tells messages whose turn comes later that the client left', async () => {
    const { messages, reply } = take(large(3));
    reply.hangUp();
    await nextTurn();
    expect(messages.map(({ reply: one }) => one.aborted)).toEqual([true, true, true]);
  });

  it('ends although messages of it fail, and all others are answered', async () => {
    const { messages, reply, faults } = take(large(5), undefined, { failsAt: 3 });
    await nextTurn();
    await nextTurn();
    expect([messages.length, faults]).toMatchObject([3, [{ message: 'no more' }, { message: 'no more' }]]);
    for (const one of messages) one.reply.send(200, JSON_TYPE, ok(1));
    expect(reply.json).toMatchObject([{ id: 1 }, { id: 1 }, { id: 1 }, ...[3, 4].map(() => ({ error: { data: { code: 'gateway_fault' } } }))]);
  });

  it('ends although a message of it is cut', () => {
    const { messages, reply } = take('[{},{}]');
    messages[0]?.reply.destroy();
    for (const again of [ok(0), 'twice']) messages[0]?.reply.send(200, JSON_TYPE, again);
    expect(reply.state).toBe('open');
    messages[1]?.reply.send(200, JSON_TYPE, ok(1));
    messages[1]?.reply.send(200, JSON_TYPE, 'twice');
    expect([reply.status, reply.json]).toMatchObject([200, [{ error: { data: { code: 'gateway_fault' } } }, { id: 1 }]]);
  });
});

describe('what is no batch, or may not be one', () => {
  const many = (count: number): string => `[${Array.from({ length: count }, () => '{}').join(',')}]`;

  it.each([
    ['a message', '{"a":[1]}', { headers: V }], ['nothing', '', { headers: V }], ['an empty one', '[]', { headers: V }], ['too many', many(BATCH_MESSAGES_MAX + 1), { headers: V }], ['broken JSON', '[{},', { headers: V }], ['a key twice', '[{"a":1,"a":2}]', { headers: V }],
    ['one too deep', `${'['.repeat(30)}${']'.repeat(30)}`, { headers: V }], ['no version and no session', '[{}]', {}], ['a version without batches', '[{}]', { headers: { mcpProtocolVersion: '2025-06-18' } }], ['2026-07-28', '[{}]', { headers: { mcpProtocolVersion: '2026-07-28' } }], ['a frame of a WebSocket', '[{}]', { headers: { ...V, headerless: true } }],
  ] as const)('%s is left as it is', (_what, body, posted) => {
    expect(take(body, posted)).toMatchObject({ taken: false, messages: [] });
  });

  it('a session of another version has none, whatever the header says; one of that version needs no header', () => {
    for (const mcpProtocolVersion of ['', '2025-03-26']) {
      expect(take('[{}]', { headers: { mcpSessionId: 'known', mcpProtocolVersion } }, { version: '2025-11-25' }).taken).toBe(false);
      expect(take('[{}]', { headers: { mcpSessionId: 'known', mcpProtocolVersion } }, { version: '2025-03-26' }).taken).toBe(true);
      expect(take('[{}]', { headers: { mcpSessionId: 'unknown', mcpProtocolVersion } }).taken).toBe(true);
    }
    for (const mcpSessionId of ['known', 'unknown']) expect(take('[{}]', { headers: { mcpSessionId, mcpProtocolVersion: '2025-06-18' } }, { version: '2025-03-26' }).taken).toBe(false);
  });

  it('one whose client has left is left as it is: it has its record as one message', () => {
    expect(take('[{}]', { headers: V }, { gone: true })).toMatchObject({ taken: false, messages: [] });
  });

  it('as many as there may be are taken', () => {
    expect(take(many(BATCH_MESSAGES_MAX)).messages).toHaveLength(BATCH_MESSAGES_MAX);
  });
});
