// The SSE splitter: exact bytes, whatever the chunks.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSseSplitter } from '../../../src/upstream/sse.js';

interface Got { raw: string; data: string | undefined; type: string; id: string | undefined; span: string | undefined }

function split(chunks: readonly Uint8Array[], max = 1_000_000): { events: Got[]; rest: string; ok: boolean } {
  const events: Got[] = [];
  const splitter = createSseSplitter(max, (event) => events.push({
    raw: hex(event.raw),
    data: event.data === undefined ? undefined : Buffer.from(event.data).toString('utf8'),
    type: event.type,
    id: event.id,
    span: event.dataTo > 0 ? Buffer.from(event.raw.subarray(event.dataFrom, event.dataTo)).toString('utf8') : undefined,
  }));
  const ok = chunks.every((chunk) => splitter.push(chunk));
  return { events, rest: hex(splitter.rest()), ok };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');
const one = (text: string): Got[] => split([bytes(text)]).events;

function cut(input: Uint8Array, at: readonly number[]): Uint8Array[] {
  const points = [...new Set(at.map((point) => point % (input.length + 1)))].sort((a, b) => a - b);
  return [0, ...points].map((from, index) => Uint8Array.from(input.subarray(from, points[index] ?? input.length)));
}

describe('the SSE splitter', () => {
  it.each([['LF', '\n'], ['CRLF', '\r\n'], ['CR', '\r']])('yields an event with %s line ends as soon as its blank line is there', (_name, end) => {
    const text = `event: message${end}data: {"a":1}${end}id: 7${end}${end}`;
    expect(one(text)).toEqual([{ raw: text, data: '{"a":1}', type: 'message', id: '7', span: '{"a":1}' }]);
  });

  it('joins several data lines with LF and gives no span', () => {
    expect(one('data: a\ndata:b\ndata\n\n')).toEqual([{ raw: 'data: a\ndata:b\ndata\n\n', data: 'a\nb\n', type: '', id: undefined, span: undefined }]);
  });

  it('passes comments, retry lines and stray blank lines on as events without data', () => {
    expect(one(': ping\n\nretry: 5\n\n\ndata: x\n\n').map((event) => [event.raw, event.data])).toEqual([
      [': ping\n\n', undefined], ['retry: 5\n\n', undefined], ['\n', undefined], ['data: x\n\n', 'x'],
    ]);
  });

  it('takes exactly one space off a value and knows no other field', () => {
    expect(one('data:  two\ndatabase: no\nDATA: no\n\n')[0]?.data).toBe(' two');
  });

  it('reads a field behind a byte order mark, and takes the mark off: whoever passes the event on may send other bytes before it', () => {
    expect(one('\uFEFFdata: x\n\n')).toEqual([{ raw: 'data: x\n\n', data: 'x', type: '', id: undefined, span: 'x' }]);
    expect(one('\uFEFFdata: x\ndata: y\n\n')).toMatchObject([{ raw: 'data: x\ndata: y\n\n', data: 'x\ny' }]);
    expect(one('\uFEFF\n\uFEFF\n\n').map(({ raw }) => raw)).toEqual(['\n', '\xef\xbb\xbf\n\n']);
    expect(one('data: x\n\n\uFEFFdata: y\n\n')[1]?.data).toBeUndefined();
  });

  it('discards what was not completed', () => {
    expect(split([bytes('data: x\n\ndata: y\n')])).toMatchObject({ events: [{ data: 'x' }], rest: 'data: y\n' });
  });

  it('keeps an id or type to its own event', () => {
    expect(one('event: endpoint\nid: 1\ndata: /m\n\ndata: x\n\n').map(({ type, id }) => [type, id])).toEqual([['endpoint', '1'], ['', undefined]]);
  });

  it('stops at the limit, in one chunk or in many, and delivers nothing after', () => {
    const big = bytes(`data: ok\n\ndata: ${'x'.repeat(100)}\n\ndata: late\n\n`);
    for (const chunks of [[big], [...big].map((byte) => Uint8Array.of(byte))]) {
      const got = split(chunks, 50);
      expect(got.ok).toBe(false);
      expect(got.events.map(({ data }) => data)).toEqual(['ok']);
    }
  });

  it('gives the same events for any chunking, and their bytes together are the input, but for its mark', () => {
    const unmarked = (text: string): string => text.replace(/^\xef\xbb\xbf/, '');
    const piece = fc.constantFrom('data: {"k":"ü€😀"}', 'data:', 'data', 'id: 1', 'event: message', ': c', 'retry: 1', '', '', '', '\uFEFF', ':', 'x', 'data: \u0000');
    const lineEnd = fc.constantFrom('\n', '\r\n', '\r');
    const stream = fc.array(fc.tuple(piece, lineEnd).map((pair) => pair.join('')), { maxLength: 30 }).map((lines) => lines.join(''));
    fc.assert(fc.property(stream, fc.array(fc.nat(400), { maxLength: 40 }), (text, at) => {
      const input = bytes(text);
      const whole = split([input]);
      expect(split(cut(input, at))).toEqual(whole);
      expect(unmarked(whole.events.map(({ raw }) => raw).join('') + whole.rest)).toBe(unmarked(hex(input)));
    }), { numRuns: 2000 });
  });

  it('agrees with a plain reading of the standard on random bytes', () => {
    const byte = fc.constantFrom(...'data: \r\n\r\nx:'.split(''));
    fc.assert(fc.property(fc.array(byte, { maxLength: 60 }).map((list) => list.join('')), (text) => {
      const data = one(text).flatMap((event) => event.data === undefined ? [] : [event.data]);
      expect(data).toEqual(byTheStandard(text));
    }), { numRuns: 3000 });
  });

  it('stays linear on a stream of bare CRs and on lines without a colon', () => {
    const splitter = createSseSplitter(64 * 1024 * 1024, () => undefined);
    const counted = countIndexOf(Buffer.from('a\r'.repeat(200_000)));
    splitter.push(counted.bytes);
    expect(counted.calls()).toBeLessThan(400_010);
    expect(counted.scanned()).toBeLessThan(2_000_000);
  });
});

/** WHATWG 9.2.6 literally: split into lines, then dispatch at blank ones. An event whose blank line may still be growing (a final CR after LF lines) is left out. */
function byTheStandard(text: string): string[] {
  const endsOpen = /\r$/.test(text) && one(text).map(({ raw }) => raw).join('') !== text;
  const lines = (endsOpen ? text.slice(0, -1) : text).split(/\r\n|\r|\n/).slice(0, -1);
  const events: string[] = [];
  let data: string[] | undefined;
  for (const line of lines) {
    if (line === '') {
      if (data !== undefined) events.push(data.join('\n'));
      data = undefined;
      continue;
    }
    const colon = line.indexOf(':');
    const name = colon === -1 ? line : line.slice(0, colon);
    if (name === 'data') (data ??= []).push(colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, ''));
  }
  return events;
}

/** Counts how far indexOf looks: the cost a hostile stream can cause. */
function countIndexOf(buffer: Buffer): { bytes: Uint8Array; calls: () => number; scanned: () => number } {
  let calls = 0;
  let scanned = 0;
  const original = buffer.indexOf.bind(buffer);
  Object.defineProperty(buffer, 'indexOf', { value: (value: number, from: number) => {
    const at = original(value, from);
    calls += 1;
    scanned += (at === -1 ? buffer.length : at) - from;
    return at;
  } });
  return { bytes: buffer, calls: () => calls, scanned: () => scanned };
}
