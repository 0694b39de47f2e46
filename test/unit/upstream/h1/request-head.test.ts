// The head of a request: what is in it, and what can't get in.
import { describe, expect, it } from 'vitest';
import { RequestHeads, requestTail } from '../../../../src/upstream/h1/request-head.js';
import { Runtime } from '../../../../src/upstream/h1/runtime.js';

const tail = requestTail(new URL('http://tools.test:8080/mcp?a=b c'));

describe('a request\'s head', () => {
  it('has the line, the host, the encoding, the caller\'s headers and the length', () => {
    expect(new RequestHeads().write('POST', tail, { 'x-a': '1', accept: 'a/b' }, 12)).toBe('POST /mcp?a=b%20c HTTP/1.1\r\nhost: tools.test:8080\r\naccept-encoding: identity\r\nx-a: 1\r\naccept: a/b\r\ncontent-length: 12\r\n\r\n');
  });

  it('names a length for every POST, and else only with a body', () => {
    const heads = new RequestHeads();
    expect(heads.write('POST', tail, {}, undefined)).toContain('content-length: 0\r\n');
    for (const method of ['GET', 'DELETE']) expect(heads.write(method, tail, {}, undefined)).not.toContain('content-length');
  });

  it.each([['http://[::1]:81/', '[::1]:81'], ['http://tools.test/', 'tools.test'], ['http://tools.test:80/', 'tools.test'], ['http://127.0.0.1:8080/', '127.0.0.1:8080']])('of %s names the host %s', (url, host) => {
    expect(requestTail(new URL(url))).toContain(`\r\nhost: ${host}\r\n`);
  });

  it('leaves out what is the client\'s own business, in any case', () => {
    const headers = Object.fromEntries(['host', 'Host', 'content-length', 'Transfer-Encoding', 'connection', 'keep-alive', 'upgrade', 'expect', 'te', 'trailer', 'proxy-connection', 'Accept-Encoding'].map((name) => [name, 'evil']));
    const heads = new RequestHeads();
    for (let n = 0; n < 2; n++) expect(heads.write('POST', tail, { ...headers, ok: '1' }, 0)).not.toContain('evil');
  });

  it.each(['a\r\nb: c', 'a\nb', 'a\rb', 'a\0b', 'a\x7fb', 'a\x01', 'ā', '\u010a', '\u{1f600}'])('refuses the value %j, also after a good one', (value) => {
    const heads = new RequestHeads();
    expect(heads.write('POST', tail, { 'x-a': 'good' }, 0)).toBeDefined();
    expect(heads.write('POST', tail, { 'x-a': value }, 0)).toBeUndefined();
    expect(heads.write('POST', tail, { 'x-a': 'good' }, 0)).toContain('x-a: good\r\n');
  });

  it.each(['', 'a b', 'a:b', 'a\r\nb', 'ä', 'a\0'])('refuses the name %j', (name) => {
    expect(new RequestHeads().write('POST', tail, { [name]: 'x' }, 0)).toBeUndefined();
  });

  it('has each call\'s own values', () => {
    const heads = new RequestHeads();
    for (const value of ['1', '2', '', '1']) expect(heads.write('POST', tail, { 'x-a': value }, 0)).toContain(`x-a: ${value}\r\n`);
  });
});

describe('a request\'s bytes', () => {
  it('are left alone while the socket still has to send them', () => {
    const runtime = new Runtime(() => 0);
    const pending: Buffer[] = [];
    const slow = { writeNow: (bytes: Buffer) => { pending.push(bytes); return false; } };
    for (const letter of ['a', 'b', 'c']) {
      runtime.write(slow, `${letter}:`, Buffer.alloc(3, letter));
      runtime.flush();
    }
    expect(pending.map((bytes) => bytes.toString())).toEqual(['a:aaa', 'b:bbb', 'c:ccc']);
  });

  it('are all there when they are more than the shared buffer holds', () => {
    const written: Buffer[] = [];
    const socket = { writeNow: (bytes: Buffer) => { written.push(bytes); return true; } };
    const runtime = new Runtime(() => 0);
    for (const length of [256 * 1024 - 3, 256 * 1024 - 2, 256 * 1024 - 1, 5_000_000]) {
      runtime.write(socket, 'h:', Buffer.alloc(length, 'x'));
      runtime.flush();
      expect(written.pop()?.toString()).toBe(`h:${'x'.repeat(length)}`);
    }
  });

  it('of one turn go out together, in order, each whole, however many they are', () => {
    const written: string[] = [];
    const runtime = new Runtime(() => 0);
    const lent = Buffer.alloc(40 * 1024);
    for (let n = 0; n < 20; n++) {
      lent.fill(String.fromCharCode(97 + n));
      runtime.write({ writeNow: (bytes) => { written.push(bytes.toString('latin1')); return true; } }, `${n}:`, lent);
    }
    expect(written).toEqual([]);
    runtime.flush();
    expect(written).toEqual(Array.from({ length: 20 }, (_, n) => `${n}:${String.fromCharCode(97 + n).repeat(40 * 1024)}`));
  });
});
