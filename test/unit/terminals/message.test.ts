// What a tool server's message is, under which id, and what stays of an event when its data is another.
import { describe, expect, it } from 'vitest';
import { loadJsonGuard } from '../../../src/base/json/choose.js';
import { claimAnswer } from '../../../src/terminals/asked.js';
import { isJson, isSse } from '../../../src/mcp/media-types.js';
import { messageEvent } from '../../../src/mcp/message-events.js';
import { faultRefusal } from '../../../src/terminals/answers.js';
import { readServerMessage, withId } from '../../../src/terminals/message.js';
import { withData } from '../../../src/terminals/sse-event.js';
import { createSseSplitter, type SseEvent } from '../../../src/upstream/sse.js';
import { alone, createMcpSessions } from '../../../src/engines/mcp-session/sessions.js';

const guard = loadJsonGuard();
const read = (text: string) => readServerMessage(Buffer.from(text), guard, { depthMax: 64, keysMax: 1000 });

describe('a message of a tool server', () => {
  it.each([
    ['{"jsonrpc":"2.0","id":1,"result":{}}', 'response'], ['{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":""}}', 'response'], ['{"jsonrpc":"2.0","method":"notifications/message"}', 'notification'],
    ['{"jsonrpc":"2.0","method":"roots/list","id":"x"}', 'request'], ['{"jsonrpc":"2.0","id":1}', 'invalid'], ['{"jsonrpc":"2.0","result":{}}', 'invalid'], ['{"jsonrpc":"2.0","id":1,"result":{},"error":{}}', 'invalid'],
    ['{"jsonrpc":"2.0","method":7,"id":1}', 'invalid'], ['{"jsonrpc":"2.0","method":"","id":1}', 'invalid'], ['[]', 'invalid'], ['', 'invalid'], ['{"id":1,"id":2,"result":{}}', 'invalid'],
  ])('%s is %s', (text, kind) => {
    expect(read(text).kind).toBe(kind);
  });

  it('with another id keeps every other byte, wherever the id stands', () => {
    for (const text of ['{ "id" : "a,\\"id\\":1" ,"result":{"id":5}}', '{"result":{"id":5},"id":12345678901234567890}', '{"params":{"id":3},"method":"m","id":1.0}']) {
      const message = read(text);
      const changed = Buffer.from(withId(Buffer.from(text), message, '"new"')).toString();
      expect(changed).toBe(text.slice(0, message.idFrom) + '"new"' + text.slice(message.idTo));
      expect((JSON.parse(changed) as { id: unknown }).id).toBe('new');
    }
  });
});

describe('an event with other data', () => {
  const eventOf = (raw: string): SseEvent => {
    const events: SseEvent[] = [];
    createSseSplitter(1 << 20, (event) => void events.push({ ...event, raw: Uint8Array.from(event.raw) })).push(Buffer.from(raw));
    const [first] = events;
    if (first === undefined) throw new Error('no event');
    return first;
  };
  it('keeps its other lines as they came when its data is one line', () => {
    expect(Buffer.from(withData(eventOf(': c\r\nid: 4\r\ndata: {"a":1}\r\nretry: 5\r\n\r\n'), Buffer.from('{"b":2}'))).toString()).toBe(': c\r\nid: 4\r\ndata: {"b":2}\r\nretry: 5\r\n\r\n');
  });

  it('keeps id and type when its data was several lines', () => {
    const changed = Buffer.from(withData(eventOf('id: 4\nevent: message\ndata: {"a":\ndata: 1}\n\n'), Buffer.from('{"b":\n2}'))).toString();
    const again = eventOf(changed);
    expect([again.id, again.type, Buffer.from(again.data ?? []).toString()]).toEqual(['4', 'message', '{"b":\n2}']);
  });

  it('keeps its other lines as they came when its data was several lines, and the lines in their places', () => {
    const raw = ': c\rretry: 5\rdata:{"a":\rid: 4\rdata\rx: y\rdata:  1}\r\r';
    expect(Buffer.from(withData(eventOf(raw), Buffer.from('{"long":\n\n 2}'))).toString()).toBe(': c\rretry: 5\rdata:{"long":\rid: 4\rdata\rx: y\rdata:  2}\r\r');
    for (const data of ['{"one":1}', '{"a":\n1}', '{"a":\n "b":\n 1}']) {
      const again = eventOf(Buffer.from(withData(eventOf(raw), Buffer.from(data))).toString());
      expect([again.id, Buffer.from(again.data ?? []).toString()]).toEqual(['4', data]);
    }
  });

  it('of the gateway itself is one message', () => {
    expect(Buffer.from(eventOf(messageEvent('{"x":1}')).data ?? []).toString()).toBe('{"x":1}');
  });
});

describe('the kind of an answer', () => {
  it.each([['text/event-stream', true, false], ['Text/Event-Stream; charset=utf-8', true, false], ['application/json', false, true], ['application/json;charset=utf-8', false, true], ['application/jsonp', false, false], ['text/event-streams', false, false], ['', false, false]])('%s', (type, sse, json) => {
    expect([isSse(type), isJson(type)]).toEqual([sse, json]);
  });
  it.each([['timeout', 'mcp_timeout'], ['transport', 'mcp_transport_failed'], ['protocol', 'mcp_invalid_response']] as const)('a %s fault is %s', (kind, code) => {
    expect(faultRefusal({ kind, maybeSent: true, message: 'inner detail' })).toMatchObject({ code });
    expect(JSON.stringify(faultRefusal({ kind, maybeSent: true, message: 'inner detail' }))).not.toContain('inner detail');
  });
});

describe('who a client\'s answer belongs to', () => {
  const session = () => createMcpSessions({ perCallerMax: 1, totalMax: 1, ttlMs: 1 }, alone({ perCallerMax: 1, totalMax: 1, ttlMs: 1 }, (bytes) => 'a'.repeat(bytes * 2))).open('c', '2025-11-25', '{}', 0);
  it('is the first server that asked under this id; another one may not take its place', () => {
    const one = session();
    if (one === undefined) throw new Error('no session');
    expect([claimAnswer(one, '1', 'a'), claimAnswer(one, '1', 'b'), claimAnswer(one, '1', 'a'), claimAnswer(one, '"1"', 'b'), one.asked.get('1')]).toEqual([true, false, true, true, 'a']);
  });
  it('is bounded', () => {
    const one = session();
    if (one === undefined) throw new Error('no session');
    const claimed = Array.from({ length: 2000 }, (_, i) => claimAnswer(one, String(i), 'a')).filter(Boolean);
    expect([claimed.length, one.asked.size]).toEqual([1000, 1000]);
  });
});
