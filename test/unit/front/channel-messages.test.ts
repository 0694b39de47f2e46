// What is sent on a channel and what is not: a notification has no answer, an unreadable message has one, a refused request is answered under its id.
import { describe, expect, it } from 'vitest';
import { messageOf } from '../../../src/front/channel-messages.js';

const refusal = (id: string, code: number): string => `{"jsonrpc":"2.0","id":${id},"error":{"code":${code},"message":"no","data":{"code":"x"}}}`;

describe('an answer', () => {
  it.each([['a result', '{"jsonrpc":"2.0","id":1,"result":{}}'], ['a refusal with an id', refusal('"a"', 403)], ['bytes', Buffer.from('{"jsonrpc":"2.0","id":null,"error":{}}')]])('that is %s goes out as it is', (_what, body) => {
    expect(messageOf(body, undefined)).toBe(body);
  });
  it('without a body is none', () => {
    expect([messageOf('', undefined), messageOf(Buffer.alloc(0), '1')]).toEqual([undefined, undefined]);
  });
});

describe('a refusal without an id', () => {
  it('is for nobody, be it of a notification or of an answer', () => {
    expect(messageOf(refusal('null', 403), undefined)).toBeUndefined();
    expect(messageOf(refusal('null', -32_602), undefined)).toBeUndefined();
  });
  it('is said of what could not be read', () => {
    for (const code of [-32_700, -32_600]) expect(messageOf(refusal('null', code), undefined)).toBe(refusal('null', code));
  });
  it('gets the id of a request that no layer has read', () => {
    expect(messageOf(refusal('null', 503), '"a\\"b"')).toBe(refusal('"a\\"b"', 503));
    expect(messageOf(refusal('null', 503), '7')).toBe(refusal('7', 503));
  });
  it('is not found in a text that only quotes one', () => {
    const body = `{"jsonrpc":"2.0","id":1,"result":{"text":${JSON.stringify(refusal('null', 403))}}}`;
    expect(messageOf(body, '9')).toBe(body);
  });
});
