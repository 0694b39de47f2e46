// Raw sockets and a real front for the tests of this folder.
import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gatewayConfigSchema } from '../../../src/base/config/schema.js';
import { loadJsonGuard } from '../../../src/base/json/choose.js';
import { startFront, type Front, type FrontOptions } from '../../../src/front/listeners.js';
import { loadUws } from '../../../src/front/load-uws.js';
import { SseStreams, type SseStreamsParts } from '../../../src/front/sse-streams.js';
import type { Handle, Inbound, Refuse, Reply } from '../../../src/front/types.js';
import { createRequestIdReader } from '../../../src/mcp/json-rpc.js';

export const STATUSES = { gateway_overloaded: 503, origin_rejected: 403, gateway_fault: 503, session_not_found: 404 } as const;
const { uws } = loadUws(join(tmpdir(), 'precinct-test-uws'));

export { uws };

export function temporaryDir(): string {
  return mkdtempSync(join(tmpdir(), 'precinct-front-'));
}

export interface Seen {
  readonly inbound: Inbound;
  readonly reply: Reply;
  /** Copied inside `handle`; what was there when it ran. */
  readonly body: Buffer;
  readonly aborted: boolean;
  readonly refused: string;
}

export interface Rig {
  readonly front: Front;
  readonly streams: SseStreams;
  readonly port: number;
  readonly seen: Seen[];
  readonly faults: unknown[];
}

export type Answer = (inbound: Inbound, reply: Reply) => void;

const echo: Answer = (inbound, reply) => {
  reply.send(inbound.bodyTooLarge ? 413 : 200, [['content-type', 'application/json']], JSON.stringify({ bytes: inbound.bodyBytes, method: inbound.httpMethod, path: inbound.path }));
};

export interface RigConfig {
  readonly front?: Record<string, unknown>;
  readonly tls?: Record<string, unknown>;
  readonly websocket?: Record<string, unknown>;
  readonly httpSse?: Record<string, unknown>;
  /** Has another thread take a POST for its stream; without it there is none. */
  readonly handOver?: SseStreamsParts['handOver'];
  readonly exclusive?: boolean;
  readonly answer?: Answer;
  readonly probes?: FrontOptions['probes'];
  readonly nowUs?: () => number;
  /** What becomes of a refusal; at once answered without it. */
  readonly refuse?: (reply: Reply, code: keyof typeof STATUSES) => void;
}

export async function startRig(config: RigConfig = {}): Promise<Rig> {
  const seen: Seen[] = [];
  const faults: unknown[] = [];
  const answer = config.answer ?? echo;
  const see = (inbound: Inbound, reply: Reply, refused: string) => seen.push({ inbound, reply, body: Buffer.from(inbound.body), aborted: reply.aborted, refused });
  const handle: Handle = (inbound, reply) => {
    see(inbound, reply, '');
    if (!reply.aborted) answer(inbound, reply);
  };
  const refuse: Refuse = (code, reasonCode, inbound, reply) => {
    see(inbound, reply, `${code} ${reasonCode}`);
    if (config.refuse === undefined) reply.send(STATUSES[code], [], reasonCode);
    else config.refuse(reply, code);
  };
  const streams = new SseStreams({ owner: 7, newHex: (bytes) => randomBytes(bytes).toString('hex'), handle, refuse, handOver: config.handOver ?? (() => false) });
  const front = await startFront({
    config: gatewayConfigSchema.parse({ front: { port: 0, ...config.front }, tls: config.tls ?? {}, websocket: config.websocket ?? {}, http_sse: config.httpSse ?? {} }),
    uws,
    exclusive: config.exclusive ?? true,
    nowUs: config.nowUs ?? (() => Date.now() * 1000),
    requestIdOf: createRequestIdReader(loadJsonGuard(), { depthMax: 64, keysMax: 1000 }),
    onFault: (error) => faults.push(error),
    probes: config.probes ?? { health: () => ({ status: 200, json: { status: 'ok' } }), ready: () => ({ status: 503, json: { ready: false } }) },
    handle,
    refuse,
    streams,
  });
  return { front, streams, port: front.listeners[0]?.port ?? 0, seen, faults };
}

export interface Connection {
  readonly socket: Socket;
  /** Resolves once `text` holds `part`, or the connection is closed. */
  until(part: string | RegExp): Promise<string>;
  readonly closed: Promise<string>;
  text(): string;
}

export function open(port: number, sent: string | Buffer = '', localAddress = '127.0.0.1'): Connection {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  let text = '';
  const waiting: (() => void)[] = [];
  const wake = () => waiting.splice(0).forEach((go) => go());
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    wake();
  });
  socket.on('error', () => undefined);
  const closed = new Promise<string>((resolve) => socket.on('close', () => {
    wake();
    resolve(text);
  }));
  if (sent.length > 0) socket.write(sent);
  return {
    socket,
    closed,
    text: () => text,
    async until(part) {
      while (!(typeof part === 'string' ? text.includes(part) : part.test(text)) && !socket.closed) await new Promise<void>((resolve) => waiting.push(resolve));
      return text;
    },
  };
}

/** Sends, waits for a whole answer with Content-Length, hangs up, and returns what came. */
export async function exchange(port: number, sent: string | Buffer): Promise<string> {
  const connection = open(port, sent);
  const text = await connection.until(/\r\n\r\n/);
  const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? '0');
  const whole = new RegExp(`\\r\\n\\r\\n[\\s\\S]{${Math.min(length, 30_000)}}`);
  const answer = sent.toString().startsWith('HEAD') ? text : await connection.until(whole);
  connection.socket.destroy();
  return answer;
}

export const HOST = 'Host: localhost:9090\r\n';

export function post(body: string | Buffer, headers = HOST, path = '/'): Buffer {
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${headers}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`), Buffer.from(body)]);
}

export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? '0');
}
