// What the gateway's own events look like to whoever reads them, whatever lines a message has.
import { describe, expect, it } from 'vitest';
import { dataEvent, KEEP_ALIVE, messageEvent } from '../../../src/mcp/message-events.js';
import { createSseSplitter } from '../../../src/upstream/sse.js';

function read(bytes: Uint8Array | string): { readonly type: string; readonly data: string }[] {
  const found: { type: string; data: string }[] = [];
  createSseSplitter(Infinity, (event) => {
    if (event.data !== undefined && event.data.length > 0) found.push({ type: event.type, data: Buffer.from(event.data).toString() });
  }).push(Buffer.from(bytes));
  return found;
}

describe('a message', () => {
  it.each(['{"a":1}', '{"a":"ü\\u2028\\n"}', '{"text":"data: x"}'])('without line ends is one line: %s', (json) => {
    expect(Buffer.from(dataEvent(Buffer.from(json))).toString()).toBe(messageEvent(json));
    expect(read(messageEvent(json))).toEqual([{ type: 'message', data: json }]);
  });
  it.each(['{\n  "a": 1\n}', '{\r\n"a":1}', '{\r"a":1\r}', '\n\n{"a":1}', '{"a":1}\n'])('with them stays one message: %j', (json) => {
    const events = read(dataEvent(Buffer.from(json)));
    expect(events.map(({ data }) => JSON.parse(data) as unknown)).toEqual([{ a: 1 }]);
  });
  it('is cut out of a larger memory', () => {
    expect(read(dataEvent(Buffer.from('xx{"a":\n1}xx').subarray(2, -2))).map(({ data }) => data)).toEqual(['{"a":\n1}']);
  });
});

it('what keeps a stream open is no event', () => expect(read(KEEP_ALIVE + messageEvent('1'))).toEqual([{ type: 'message', data: '1' }]));
