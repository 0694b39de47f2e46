// An event of a tool server's stream with other data: every line but the data stays as it came.
import type { SseEvent } from '../upstream/sse.js';

const LF = '\n';

/** `data` is one line of JSON. */
export function withData(event: Pick<SseEvent, 'raw' | 'dataFrom' | 'dataTo' | 'id' | 'type'>, data: Uint8Array): Uint8Array {
  if (event.dataTo > event.dataFrom) return Buffer.concat([event.raw.subarray(0, event.dataFrom), data, event.raw.subarray(event.dataTo)]);
  const head = (event.id === undefined ? '' : `id: ${event.id}${LF}`) + (event.type === '' ? '' : `event: ${event.type}${LF}`);
  const lines = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8').split(LF).map((line) => `data: ${line}${LF}`);
  return Buffer.from(`${head}${lines.join('')}${LF}`);
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
  const bare = { ...event, type: '', id: undefined, dataFrom: 0, dataTo: 0 };
  return { ...bare, raw: event.data === undefined || event.data.length === 0 ? new Uint8Array(0) : withData(bare, event.data) };
}

export function messageEvent(json: string): string {
  return `event: message\ndata: ${json}\n\n`;
}

/** The event's bytes are only lent; this keeps them. */
export function keepEvent(event: SseEvent): SseEvent {
  return { ...event, raw: Buffer.from(event.raw), data: event.data === undefined ? undefined : Buffer.from(event.data) };
}
