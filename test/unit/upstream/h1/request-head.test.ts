// The head of a request: what is in it, and what can't get in.
import { describe, expect, it } from 'vitest';
import { RequestHeads, requestTail } from '../../../../src/upstream/h1/request-head.js';
import { Runtime, type Sender } from '../../../../src/upstream/h1/runtime.js';
import type { Outbox, Wire } from '../../../../src/upstream/h1/wire.js';

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

/** Wires that keep what they were given; `behind`: the kernel takes nothing, so that bytes are read from later. */
function keeping(behind: boolean): { readonly runtime: Runtime; readonly sender: Sender; readonly kept: Buffer[]; readonly written: () => string[] } {
  const kept: Buffer[] = [];
  const wire: Wire = { behind: false, write: (bytes) => { kept.push(bytes); }, pause: () => undefined, resume: () => undefined, close: () => undefined };
  const added: (readonly [number, number])[] = [];
  const outbox: Outbox = {
    add: (_wire, from, to) => added.push([from, to]) > 0,
    send: (bytes) => {
      for (const [from, to] of added.splice(0)) kept.push(behind ? bytes.subarray(from, to) : Buffer.from(bytes.subarray(from, to)));
      return !behind;
    },
  };
  const runtime = new Runtime(() => 0, { readsAtOnce: !behind, outbox, connect: () => wire, close: () => undefined });
  return { runtime, sender: { goesOut: () => wire }, kept, written: () => kept.map((bytes) => bytes.toString('latin1')) };
}

describe('a request\'s bytes', () => {
  it('stand behind those of their connection that are not written yet, or that stand before another\'s', () => {
    const { runtime, kept, written } = keeping(false);
    const [slow, fast] = [true, false].map((behind) => ({ behind, write: (bytes: Buffer) => { kept.push(bytes); }, pause: () => undefined, resume: () => undefined, close: () => undefined }));
    for (const [letter, wire] of [['a', slow], ['b', fast], ['c', slow]] as const) runtime.write({ goesOut: () => wire }, `${letter}:`, Buffer.alloc(3, letter));
    runtime.flush();
    expect(written()).toEqual(['b:bbb', 'a:aaa', 'c:ccc']);
    runtime.write({ goesOut: () => slow }, 'd:', Buffer.alloc(3, 'd')); // over the same bytes
    expect(written().slice(1)).toEqual(['a:aaa', 'c:ccc']);
  });

  it('are left alone while the socket still has to send them', () => {
    const { runtime, sender, written } = keeping(true);
    for (const letter of ['a', 'b', 'c']) {
      runtime.write(sender, `${letter}:`, Buffer.alloc(3, letter));
      runtime.flush();
    }
    expect(written()).toEqual(['a:aaa', 'b:bbb', 'c:ccc']);
  });

  it('are all there when they are more than the shared buffer holds', () => {
    for (const length of [256 * 1024 - 3, 256 * 1024 - 2, 256 * 1024 - 1, 5_000_000]) {
      const { runtime, sender, written } = keeping(false);
      runtime.write(sender, 'h:', Buffer.alloc(length, 'x'));
      runtime.flush();
      expect(written()).toEqual([`h:${'x'.repeat(length)}`]);
    }
  });

  it('of one turn go out together, in order, each whole, however many they are', () => {
    const { runtime, sender, written } = keeping(false);
    const lent = Buffer.alloc(2 * 1024);
    for (let n = 0; n < 600; n++) {
      lent.fill(String.fromCharCode(97 + n % 26));
      runtime.write(sender, `${n}:`, lent);
      if (n < 100) expect(written()).toEqual([]); // the arena has room
    }
    runtime.flush();
    expect(written()).toEqual(Array.from({ length: 600 }, (_, n) => `${n}:${String.fromCharCode(97 + n % 26).repeat(2 * 1024)}`));
  });

  it('of a large body that stays are not copied', () => {
    const { runtime, sender, kept } = keeping(false);
    const body = Buffer.alloc(300_000, 'x');
    runtime.write(sender, 'h:', body, true);
    runtime.write(sender, 'h:', body, false);
    expect(kept.map((bytes) => bytes.length)).toEqual([2, 300_000, 300_002]);
    expect(kept[1]?.buffer).toBe(body.buffer);
  });

  it('of a sender that gave up are not sent, and those of the others are theirs', () => {
    const { runtime, sender, written } = keeping(false);
    runtime.write(sender, 'a', Buffer.from('1'));
    runtime.write({ goesOut: () => undefined }, 'b', Buffer.from('2'));
    runtime.write(sender, 'c', Buffer.from('3'));
    runtime.flush();
    expect(written()).toEqual(['a1', 'c3']);
  });
});
