// An event of a tool server's stream with other data: every line but the data stays as it came.
import { copyBytes } from '../base/bytes/copy-bytes.js';
import { dataLines } from '../mcp/message-events.js';
import { NO_DATA_LINES, type DataLines, type SseEvent } from '../upstream/sse.js';

const LF = '\n';
const LF_BYTE = 0x0a;
const CR_BYTE = 0x0d;
const DATA = Buffer.from('data');
/** A line's end, and `data: ` before the next value. */
const PLAIN_GAP_MAX = 8;
/** More than this between data lines is more framing than any event may have (response/index.ts), even where every other line is one of them. */
const GAPS_BYTES_MAX = 64 * 1024;

/** `data` has as many lines as the event's had, which are put in their places; else only its id and type are kept. */
export function withData(event: Pick<SseEvent, 'raw' | 'dataFrom' | 'dataTo' | 'dataLines' | 'id' | 'type'>, data: Uint8Array): Uint8Array {
  if (event.dataTo > event.dataFrom) return Buffer.concat([event.raw.subarray(0, event.dataFrom), data, event.raw.subarray(event.dataTo)]);
  const replaced = withLines(event.raw, event.dataLines, data);
  if (replaced !== undefined) return replaced;
  const head = (event.id === undefined ? '' : `id: ${event.id}${LF}`) + (event.type === '' ? '' : `event: ${event.type}${LF}`);
  return Buffer.concat([Buffer.from(head), dataLines(data), Buffer.from(LF)]);
}

/** Undefined: the lines do not match, or one that has no place for a value (`data` alone) needs one. */
function withLines(raw: Uint8Array, { from, to }: DataLines, data: Uint8Array): Uint8Array | undefined {
  if (from.length < 2) return undefined;
  const out = Buffer.allocUnsafe(raw.length + data.length);
  let length = 0;
  let copied = 0;
  let lineFrom = 0;
  for (let line = 0; line < from.length; line += 1) {
    const end = data.indexOf(LF_BYTE, lineFrom);
    const isLast = line === from.length - 1;
    if ((end === -1) !== isLast) return undefined;
    const lineTo = isLast ? data.length : end;
    const place = from[line] ?? 0;
    if (place === to[line] && lineTo > lineFrom) return undefined;
    length = copyBytes(out, copyBytes(out, length, raw, copied, place), data, lineFrom, lineTo);
    copied = to[line] ?? 0;
    lineFrom = lineTo + 1;
  }
  return out.subarray(0, copyBytes(out, length, raw, copied, raw.length));
}

/** Every byte of the event but its data. */
export function framingOf(event: SseEvent): Uint8Array {
  if (event.data === undefined || event.data.length === 0) return event.raw;
  if (event.dataTo > event.dataFrom) return Buffer.concat([event.raw.subarray(0, event.dataFrom), event.raw.subarray(event.dataTo)]);
  const text = Buffer.from(withoutValues(event)).toString('latin1');
  return Buffer.from(text.split(/\r\n|\r|\n/).filter((line) => !/^data(?::|$)/.test(line)).join(LF), 'latin1');
}

/** Without the data lines' values, and without most of those lines: a large event may have millions. */
function withoutValues({ raw, dataLines: { from, to } }: SseEvent): Uint8Array {
  if (from.length < 2) return raw;
  const parts = [raw.subarray(0, from[0])];
  let bytes = 0;
  for (let line = 1; line < from.length && bytes <= GAPS_BYTES_MAX; line += 1) {
    const [gapFrom, gapTo] = [to[line - 1] ?? 0, from[line] ?? 0];
    if (isPlainGap(raw, gapFrom, gapTo)) continue;
    parts.push(raw.subarray(gapFrom, gapTo));
    bytes += gapTo - gapFrom;
  }
  return Buffer.concat([...parts, raw.subarray(to.at(-1))]);
}

/** Whether nothing stands between two data lines. */
function isPlainGap(raw: Uint8Array, from: number, to: number): boolean {
  if (to - from > PLAIN_GAP_MAX) return false;
  const next = from + (raw[from] === CR_BYTE && raw[from + 1] === LF_BYTE ? 2 : 1);
  for (let n = 0; n < DATA.length; n += 1) if (raw[next + n] !== DATA[n]) return false;
  return true;
}

/** The event's data alone, and nothing of an event without any. */
export function dataOnly(event: SseEvent): SseEvent {
  const bare = { ...event, type: '', id: undefined, dataFrom: 0, dataTo: 0, dataLines: NO_DATA_LINES };
  return { ...bare, raw: event.data === undefined || event.data.length === 0 ? new Uint8Array(0) : withData(bare, event.data) };
}

/** The event's bytes are only lent; this keeps them. */
export function keepEvent(event: SseEvent): SseEvent {
  return { ...event, raw: Buffer.from(event.raw), data: event.data === undefined ? undefined : Buffer.from(event.data) };
}
