// An event of a tool server's stream with other data: every line but the data stays as it came.
import { NO_DATA_LINES, type DataLine, type SseEvent } from '../upstream/sse.js';

const LF = '\n';
const LF_BYTE = 0x0a;

/** `data` has as many lines as the event's had, which are put in their places; else only its id and type are kept. */
export function withData(event: Pick<SseEvent, 'raw' | 'dataFrom' | 'dataTo' | 'dataLines' | 'id' | 'type'>, data: Uint8Array): Uint8Array {
  if (event.dataTo > event.dataFrom) return Buffer.concat([event.raw.subarray(0, event.dataFrom), data, event.raw.subarray(event.dataTo)]);
  const replaced = withLines(event.raw, event.dataLines, data);
  if (replaced !== undefined) return replaced;
  const head = (event.id === undefined ? '' : `id: ${event.id}${LF}`) + (event.type === '' ? '' : `event: ${event.type}${LF}`);
  const lines = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8').split(LF).map((line) => `data: ${line}${LF}`);
  return Buffer.from(`${head}${lines.join('')}${LF}`);
}

/** Undefined: the lines do not match, or one that has no place for a value (`data` alone) needs one. */
function withLines(raw: Uint8Array, places: readonly DataLine[], data: Uint8Array): Uint8Array | undefined {
  const lines = linesOf(data);
  if (places.length < 2 || lines.length !== places.length) return undefined;
  if (places.some(({ from, to }, n) => from === to && lines[n]?.length !== 0)) return undefined;
  const parts = places.flatMap(({ from }, n) => [raw.subarray(places[n - 1]?.to ?? 0, from), lines[n] ?? raw.subarray(0, 0)]);
  return Buffer.concat([...parts, raw.subarray(places.at(-1)?.to ?? 0)]);
}

function linesOf(data: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  let from = 0;
  for (let at = data.indexOf(LF_BYTE); at !== -1; at = data.indexOf(LF_BYTE, from)) {
    lines.push(data.subarray(from, at));
    from = at + 1;
  }
  return [...lines, data.subarray(from)];
}

/** Every byte of the event but its data. */
export function framingOf(event: SseEvent): Uint8Array {
  if (event.data === undefined || event.data.length === 0) return event.raw;
  if (event.dataTo > event.dataFrom) return Buffer.concat([event.raw.subarray(0, event.dataFrom), event.raw.subarray(event.dataTo)]);
  const raw = Buffer.from(event.raw.buffer, event.raw.byteOffset, event.raw.byteLength).toString('latin1');
  return Buffer.from(raw.split(/\r\n|\r|\n/).filter((line) => !/^data(?::|$)/.test(line)).join(LF), 'latin1');
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
