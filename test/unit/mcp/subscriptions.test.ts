// subscriptions/listen: the filter, what of it a server can honour, and whose subscription id a notification carries.
import { describe, expect, it } from 'vitest';
import { acknowledgement, closing, filterText, honoured, isNothing, NOTHING, possibleChanges, readListenFilter, SUBSCRIBED_URIS_MAX, underSubscription, wants, type ListenFilter } from '../../../src/mcp/subscriptions.js';

const ALL: ListenFilter = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true, resourceSubscriptions: ['file:///a', 'file:///b/'] };
const read = (notifications: unknown) => readListenFilter(Buffer.from(JSON.stringify({ params: { notifications } })));
const under = (message: string, idText: string | undefined): string => Buffer.from(underSubscription(Buffer.from(message), idText)).toString('utf8');

describe('the filter', () => {
  it('is what was asked for, and nothing else', () => {
    expect(read({ toolsListChanged: true, promptsListChanged: false, future: 1, resourceSubscriptions: ['u', 'u'] })).toEqual({ ...NOTHING, toolsListChanged: true, resourceSubscriptions: ['u'] });
    expect(read({})).toEqual(NOTHING);
  });
  it.each([[undefined], [[]], [{ toolsListChanged: 1 }], [{ resourceSubscriptions: 'u' }], [{ resourceSubscriptions: [1] }], [{ resourceSubscriptions: Array.from({ length: SUBSCRIBED_URIS_MAX + 1 }, (_, n) => `u${n}`) }]])('is refused: %j', (notifications) => {
    expect(read(notifications)).toBeTypeOf('string');
  });
  it('names no URI longer than resources/read may', () => {
    expect(read({ resourceSubscriptions: ['é'.repeat(4096)] })).toMatchObject({ resourceSubscriptions: ['é'.repeat(4096)] });
    expect(read({ resourceSubscriptions: ['u', 'é'.repeat(4096).concat('x')] })).toContain('longer than 8192 bytes');
  });
  it('is honoured as far as the capabilities go', () => {
    expect(honoured(ALL, { tools: { listChanged: true }, prompts: {}, resources: { subscribe: true } })).toEqual({ ...NOTHING, toolsListChanged: true, resourceSubscriptions: ALL.resourceSubscriptions });
    expect(isNothing(honoured(ALL, { tools: null, logging: {} }))).toBe(true);
  });
  it('wants the kinds it names, and resources within those it names', () => {
    const filter = { ...NOTHING, promptsListChanged: true, resourceSubscriptions: ['file:///a', 'file:///b/'] };
    expect(['prompts', 'tools', 'resources'].map((kind) => wants(filter, `notifications/${kind}/list_changed`, ''))).toEqual([true, false, false]);
    expect(['file:///a', 'file:///a/x', 'file:///ab', 'file:///b/c', 'file:///'].map((uri) => wants(filter, 'notifications/resources/updated', uri))).toEqual([true, true, false, true, false]);
    expect(wants(ALL, 'notifications/message', '')).toBe(false);
  });
});

describe('a message of the stream', () => {
  it('carries the client\'s own id, a number as a number', () => {
    for (const idText of ['"listen-1"', '7']) {
      expect(JSON.parse(acknowledgement(idText, ALL))).toEqual({
        jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged',
        params: { _meta: { 'io.modelcontextprotocol/subscriptionId': JSON.parse(idText) as unknown }, notifications: ALL },
      });
      expect(JSON.parse(closing(idText))).toEqual({ jsonrpc: '2.0', id: JSON.parse(idText) as unknown, result: { resultType: 'complete', _meta: { 'io.modelcontextprotocol/subscriptionId': JSON.parse(idText) as unknown } } });
      expect(possibleChanges(idText, ALL).map((one) => JSON.parse(one) as { params: { _meta: unknown } }).every(({ params }) => JSON.stringify(params._meta).includes(idText))).toBe(true);
    }
    expect(filterText(NOTHING)).toBe('{}');
  });
  it.each([
    ['{"params":{"_meta":{"x":1e400,"io.modelcontextprotocol/subscriptionId":"theirs"},"n":-0}}', '{"params":{"_meta":{"x":1e400,"io.modelcontextprotocol/subscriptionId":5},"n":-0}}'],
    ['{"params":{"uri":"u"}}', '{"params":{"_meta":{"io.modelcontextprotocol/subscriptionId":5},"uri":"u"}}'],
    ['{"params":{"_meta":{"a":1}}}', '{"params":{"_meta":{"io.modelcontextprotocol/subscriptionId":5,"a":1}}}'],
    ['{"method":"m"}', '{"params":{"_meta":{"io.modelcontextprotocol/subscriptionId":5}},"method":"m"}'],
  ])('is changed in its id only: %s', (message, own) => {
    expect(under(message, '5')).toBe(own);
  });
  it('has none for a client with a session', () => {
    expect(under('{"params":{"_meta":{"io.modelcontextprotocol/subscriptionId":9,"a":1},"n":1}}', undefined)).toBe('{"params":{"_meta":{"a":1},"n":1}}');
    expect(under('{"method":"m"}', undefined)).toBe('{"method":"m"}');
  });
});
