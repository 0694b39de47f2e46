// Server-sent events, cut at every byte and in every way lines can end.
import { describe, expect, it } from 'vitest';
import { EventTooLarge, readEventData } from '../src/sse.js';

async function read(bytes: Uint8Array, cuts: readonly number[], bytesMax = 1000): Promise<string[]> {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    let from = 0;
    for (const cut of [...cuts, bytes.length]) {
      yield bytes.subarray(from, cut);
      from = cut;
    }
  }
  const found: string[] = [];
  for await (const data of readEventData(chunks(), bytesMax)) found.push(data);
  return found;
}

const STREAM = ': keep-alive\n\nevent: message\nid: 7\ndata: {"a":"é€😀"}\n\ndata:one\ndata:  two\ndata\n\nretry: 10\ndatas: 1\ndat\nid: bad\0id\n\nevent: other\ndata: x\n\ndata: cut off\n';
const EVENTS = ['{"a":"é€😀"}', 'one\n two\n', 'x'];

describe('a stream of events', () => {
  it.each([['LF', '\n'], ['CR', '\r'], ['CRLF', '\r\n']])('whose lines end in %s is the same wherever it is cut', async (_name, end) => {
    for (const mark of ['', '\uFEFF']) {
      const bytes = Buffer.from(mark + STREAM.replaceAll('\n', end));
      expect(await read(bytes, [])).toEqual(EVENTS);
      for (let at = 1; at < bytes.length; at += 1) expect([at, await read(bytes, [at])]).toEqual([at, EVENTS]);
      expect(await read(bytes, Array.from({ length: bytes.length - 1 }, (_, n) => n + 1))).toEqual(EVENTS);
    }
  });

  it('may mix the three', async () => {
    expect(await read(Buffer.from('data: a\r\ndata: b\rdata: c\n\r\n'), [])).toEqual(['a\nb\nc']);
    expect(await read(Buffer.from('data: a\r\rdata: b\n\n'), [])).toHaveLength(2);
  });

  it('of empty lines is bounded as well', async () => {
    await expect(read(Buffer.from('data:\n'.repeat(1001)), [], 1000)).rejects.toBeInstanceOf(EventTooLarge);
    expect(await read(Buffer.from(`${'data:\n'.repeat(1000)}\n`), [], 1000)).toHaveLength(1);
  });

  it('drops what its end cuts off', async () => {
    expect(await read(Buffer.from('data: a\n\ndata: b'), [])).toHaveLength(1);
    expect(await read(Buffer.from('data: a\n'), [])).toEqual([]);
  });

  it('is not kept beyond its bound: a line, a line in pieces, an event of many lines', async () => {
    const long = Buffer.from(`data: ${'x'.repeat(200)}\n\n`);
    await expect(read(long, [], 100)).rejects.toBeInstanceOf(EventTooLarge);
    await expect(read(long, [50, 100, 150], 100)).rejects.toBeInstanceOf(EventTooLarge);
    await expect(read(Buffer.from(`${'data: xxxxxxxxxx\n'.repeat(20)}\n`), [], 100)).rejects.toBeInstanceOf(EventTooLarge);
    expect(await read(Buffer.from('data: xxxxxxxxxx\n\n'.repeat(50)), [], 100)).toHaveLength(50); // each by itself
  });
});
