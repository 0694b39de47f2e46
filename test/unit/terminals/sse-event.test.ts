// Events of many lines: what is read, cut out and put in, against what the standard says of them line by line.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dataLines } from '../../../src/mcp/message-events.js';
import { framingOf, keepEvent, withData } from '../../../src/terminals/sse-event.js';
import { createSseSplitter, type SseEvent } from '../../../src/upstream/sse.js';

function eventOf(text: string): SseEvent {
  const events: SseEvent[] = [];
  const splitter = createSseSplitter(Infinity, (event) => events.push(keepEvent(event)));
  const bytes = Buffer.from(text, 'utf8');
  for (let at = 0; at < bytes.length; at += 7) splitter.push(bytes.subarray(at, at + 7));
  const [event] = events;
  if (event === undefined || events.length > 1) throw new Error(`${events.length} events in ${JSON.stringify(text)}`);
  return event;
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
const isData = (line: string): boolean => /^data(?::|$)/.test(line);
const valueOf = (line: string): string => line.replace(/^data:? ?/, '');

const VALUES = ['', 'x', ' two', '{"a":', 'é'.repeat(40), 'data', ':', 'y'.repeat(70)];
const line = fc.oneof(
  fc.constantFrom(...VALUES).map((value) => `data:${value}`), fc.constantFrom(...VALUES).map((value) => `data: ${value}`),
  fc.constantFrom('data', ':', ': hello', 'id: 7', 'event: message', 'd', 'datax', 'dataset: 1', 'retry: 3', 'data ', 'x'.repeat(9)),
);
const lineEnd = fc.constantFrom('\n', '\r\n');

describe('an event of several lines', () => {
  it('has the data and the framing of its lines, whatever stands between them', () => {
    fc.assert(fc.property(fc.array(line, { minLength: 2, maxLength: 12 }), lineEnd, (lines, end) => {
      const event = eventOf(lines.map((one) => one + end).join('') + end);
      const values = lines.filter(isData).map(valueOf);
      expect(event.data === undefined ? undefined : textOf(event.data)).toBe(values.length === 0 ? undefined : values.join('\n'));
      if (values.length < 2) return;
      expect(textOf(framingOf(event))).toBe([...lines.filter((one) => !isData(one)), '', ''].join('\n'));
    }));
  });

  it('keeps every other byte where its data is another of as many lines', () => {
    fc.assert(fc.property(fc.array(line, { minLength: 2, maxLength: 12 }), lineEnd, fc.constantFrom('', 'z', 'z'.repeat(80)), (lines, end, added) => {
      const mayHold = lines.filter((one) => isData(one) && one !== 'data').length;
      if (lines.filter(isData).length < 2 || mayHold === 0) return;
      const changed = lines.map((one) => (isData(one) && one !== 'data' && valueOf(one) !== '' ? one + added : one));
      const event = eventOf(lines.map((one) => one + end).join('') + end);
      expect(textOf(withData(event, Buffer.from(changed.filter(isData).map(valueOf).join('\n'))))).toBe(changed.map((one) => one + end).join('') + end);
    }));
  });

  it.each([['fewer lines', 'a'], ['more lines', 'a\nb\nc'], ['a value where none can stand', 'a\nb']])('keeps its id and its type alone where its data has %s', (_what, data) => {
    expect(textOf(withData(eventOf('id: 7\ndata: {\ndata\nevent: message\n: gone\n\n'), Buffer.from(data)))).toBe(`id: 7\nevent: message\n${data.split('\n').map((one) => `data: ${one}\n`).join('')}\n`);
  });

  it('of more framing than may pass is told so, however much of it there is', () => {
    expect(framingOf(eventOf(`data: [\n${':\ndata:\n'.repeat(50_000)}data: ]\n\n`)).length).toBeGreaterThan(4096);
  });
});

it('writes each line of a text as one of an event\'s', () => {
  fc.assert(fc.property(fc.array(fc.constantFrom('', 'a', 'é'.repeat(40), '\n', '\r', '\r\n')), (parts) => {
    const text = parts.join('');
    expect(textOf(dataLines(Buffer.from(text)))).toBe(text.split(/\r\n|\r|\n/).map((one) => `data: ${one}\n`).join(''));
  }));
});
