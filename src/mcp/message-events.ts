// Events of a stream as the gateway writes them by itself: one message each, and what keeps a silent stream open.

/** Below the 10 s after which some fronts and proxies drop a silent connection. */
export const KEEP_ALIVE_MS = 8_000;
export const KEEP_ALIVE = ': keep-alive\n\n';

const LF = 0x0a;
const CR = 0x0d;
const HEAD = 'event: message\n';
const LINE_END = /\r\n|\r|\n/;
const BEFORE = Buffer.from(`${HEAD}data: `);
const AFTER = Buffer.from('\n\n');

/** `json` has no line ends. */
export function messageEvent(json: string): string {
  return `${HEAD}data: ${json}\n\n`;
}

/** Whatever lines its text has: in JSON they are blanks, and stay that. */
export function dataEvent(data: Uint8Array): Uint8Array {
  if (!data.includes(LF) && !data.includes(CR)) return Buffer.concat([BEFORE, data, AFTER]);
  const lines = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8').split(LINE_END);
  return Buffer.from(`${HEAD}${lines.map((line) => `data: ${line}\n`).join('')}\n`);
}
