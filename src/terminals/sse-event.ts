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

export function messageEvent(json: string): string {
  return `event: message\ndata: ${json}\n\n`;
}

/** The event's bytes are only lent; this keeps them. */
export function keepEvent(event: SseEvent): SseEvent {
  return { ...event, raw: Buffer.from(event.raw), data: event.data === undefined ? undefined : Buffer.from(event.data) };
}
