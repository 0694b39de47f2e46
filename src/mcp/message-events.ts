// Events of a stream as the gateway writes them by itself: one message each, and what keeps a silent stream open.
import { copyBytes } from '../base/bytes/copy-bytes.js';

/** Below the 10 s after which some fronts and proxies drop a silent connection. */
export const KEEP_ALIVE_MS = 8_000;
export const KEEP_ALIVE = ': keep-alive\n\n';

const LF = 0x0a;
const CR = 0x0d;
const HEAD = 'event: message\n';
const PREFIX = Buffer.from('data: ');
const BEFORE = Buffer.from(`${HEAD}data: `);
const AFTER = Buffer.from('\n\n');

/** `json` has no line ends. */
export function messageEvent(json: string): string {
  return `${HEAD}data: ${json}\n\n`;
}

/** Whatever lines its text has: in JSON they are blanks, and stay that. */
export function dataEvent(data: Uint8Array): Uint8Array {
  if (!data.includes(LF) && !data.includes(CR)) return Buffer.concat([BEFORE, data, AFTER]);
  return Buffer.concat([Buffer.from(HEAD), dataLines(data), Buffer.from('\n')]);
}

/** Each line of `data` as an event's data line. Over the bytes: as texts, ten megabytes of blank lines took two seconds and more. */
export function dataLines(data: Uint8Array): Uint8Array {
  let ends = 0;
  for (let at = 0; at < data.length; at += 1) if (data[at] === LF || data[at] === CR) ends += 1;
  const out = Buffer.allocUnsafe(data.length + (ends + 1) * (PREFIX.length + 1));
  let length = 0;
  for (let from = 0; from <= data.length; ) {
    let to = from;
    while (to < data.length && data[to] !== LF && data[to] !== CR) to += 1;
    length = copyBytes(out, copyBytes(out, length, PREFIX, 0, PREFIX.length), data, from, to);
    out[length++] = LF;
    from = to + (data[to] === CR && data[to + 1] === LF ? 2 : 1);
  }
  return out.subarray(0, length);
}
