// A WebSocket client by hand, for what no library sends: frames in pieces, two in one segment, broken ones. It reads when it is told to.
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { connect, type Socket } from 'node:net';

export const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const MASK = Buffer.from([1, 2, 3, 4]);

export interface FrameOptions {
  readonly opcode?: number;
  readonly fin?: boolean;
  /** Clients must. */
  readonly masked?: boolean;
  /** What the header says, where that is not the truth. */
  readonly announced?: number;
}

export function frame(payload: string | Uint8Array, options: FrameOptions = {}): Buffer {
  const body = Buffer.from(payload);
  const length = options.announced ?? body.length;
  const first = ((options.fin ?? true) ? 0x80 : 0) | (options.opcode ?? OPCODE.text);
  const masked = options.masked ?? true;
  const bit = masked ? 0x80 : 0;
  const head = length < 126 ? Buffer.from([first, bit | length]) : length < 65_536 ? Buffer.from([first, bit | 126, length >> 8, length & 0xff]) : longHead(first, bit, length);
  return Buffer.concat([head, ...(masked ? [MASK] : []), masked ? body.map((byte, at) => byte ^ (MASK[at % MASK.length] ?? 0)) : body]);
}

function longHead(first: number, bit: number, length: number): Buffer {
  const head = Buffer.from([first, bit | 127, 0, 0, 0, 0, 0, 0, 0, 0]);
  head.writeBigUInt64BE(BigInt(length), 2);
  return head;
}

export function upgradeRequest(lines: readonly string[] = [], path = '/'): string {
  const usual = ['Host: localhost', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Key: ${KEY}`, 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Protocol: mcp'];
  const named = new Set(lines.map((line) => line.split(':', 1)[0]?.toLowerCase()));
  return `GET ${path} HTTP/1.1\r\n${[...usual.filter((line) => !named.has(line.split(':', 1)[0]?.toLowerCase())), ...lines].filter((line) => !line.endsWith(':')).join('\r\n')}\r\n\r\n`;
}

export interface RawClose {
  /** 1006 where the connection ended without a close frame. */
  readonly code: number;
  readonly reason: string;
}

export interface RawWebSocket {
  readonly socket: Socket;
  /** The head of the HTTP answer. */
  readonly head: string;
  readonly messages: string[];
  readonly pongs: string[];
  send(payload: string | Uint8Array, options?: FrameOptions): void;
  /** The nth message, once it is there; undefined if the connection ends before. */
  message(index: number): Promise<string | undefined>;
  /** Resolves with the message that has this id. */
  answer(id: number | string): Promise<Record<string, unknown>>;
  readonly closed: Promise<RawClose>;
}

export interface RawOptions {
  readonly lines?: readonly string[];
  readonly path?: string;
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly localAddress?: string;
}

/** Resolves once the head of the answer is there, whatever it says. */
export async function openRawWebSocket(port: number, options: RawOptions = {}): Promise<RawWebSocket> {
  const socket = dial(port, options);
  const messages: string[] = [];
  const pongs: string[] = [];
  const waiting = new Set<() => void>();
  const wake = (): void => { for (const go of [...waiting]) go(); };
  let head = '';
  let ended = false;
  let close: RawClose = { code: 1006, reason: '' };
  let rest = Buffer.alloc(0);
  const take = (chunk: Buffer): void => {
    rest = Buffer.concat([rest, chunk]);
    if (head === '') {
      const end = rest.indexOf('\r\n\r\n');
      if (end < 0) return;
      head = rest.toString('latin1', 0, end);
      rest = rest.subarray(end + 4);
      if (!head.startsWith('HTTP/1.1 101')) return;
    }
    for (;;) {
      const read = readFrame(rest);
      if (read === undefined) break;
      rest = rest.subarray(read.to);
      if (read.opcode === OPCODE.close) close = { code: read.payload.length < 2 ? 1005 : read.payload.readUInt16BE(0), reason: read.payload.toString('utf8', 2) };
      else if (read.opcode === OPCODE.pong) pongs.push(read.payload.toString('utf8'));
      else if (read.opcode === OPCODE.text) messages.push(read.payload.toString('utf8'));
    }
  };
  socket.on('data', (chunk: Buffer) => {
    take(chunk);
    wake();
  });
  socket.on('error', () => undefined);
  const closed = new Promise<RawClose>((resolve) => socket.on('close', () => {
    ended = true;
    wake();
    resolve(close);
  }));
  socket.on('end', () => socket.end());
  const until = async (met: () => boolean): Promise<void> => {
    while (!met() && !ended) {
      await new Promise<void>((resolve) => {
        const go = (): void => {
          waiting.delete(go);
          resolve();
        };
        waiting.add(go);
      });
    }
  };
  socket.write(upgradeRequest(options.lines, options.path));
  await until(() => head !== '');
  const idOf = (text: string): unknown => (JSON.parse(text) as { id?: unknown }).id;
  return {
    socket, head, messages, pongs, closed,
    send: (payload, how) => void socket.write(frame(payload, how)),
    async message(index) {
      await until(() => messages.length > index);
      return messages[index];
    },
    async answer(id) {
      await until(() => messages.some((text) => idOf(text) === id));
      const found = messages.find((text) => idOf(text) === id);
      if (found === undefined) throw new Error(`the connection ended (${JSON.stringify(close)}) without the answer ${id}`);
      return JSON.parse(found) as Record<string, unknown>;
    },
  };
}

function dial(port: number, { tls, localAddress = '127.0.0.1' }: RawOptions): Socket | TLSSocket {
  return tls === undefined ? connect({ port, host: '127.0.0.1', localAddress }) : connectTls({ port, host: '127.0.0.1', ...tls, checkServerIdentity: () => undefined });
}

/** A server's frame, which is never masked. */
function readFrame(bytes: Buffer): { readonly opcode: number; readonly payload: Buffer; readonly to: number } | undefined {
  const second = bytes[1];
  if (second === undefined) return undefined;
  const short = second & 0x7f;
  const from = short === 126 ? 4 : short === 127 ? 10 : 2;
  if (bytes.length < from) return undefined;
  const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
  return bytes.length < from + length ? undefined : { opcode: (bytes[0] ?? 0) & 0x0f, payload: bytes.subarray(from, from + length), to: from + length };
}
