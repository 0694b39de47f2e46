// A tool server on bare sockets that keeps the exact bytes of what it is sent and answers the exact bytes it is told; of both eras. Handshakes and lists it answers itself.
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { memberSpans } from '../../src/base/json/spans.js';
import { readMessages, writePieces, type RawMessage } from './raw-http.js';

export interface ExactRequest extends RawMessage {
  readonly rpcMethod: string;
  /** As it is spelled; empty = none. */
  readonly idText: string;
}

export interface ExactAnswer {
  readonly pieces: readonly Buffer[];
  /** Ends the connection behind them. */
  readonly close?: boolean;
}

export interface ExactServer {
  readonly url: string;
  readonly port: number;
  /** All but handshakes and lists. */
  readonly seen: ExactRequest[];
  /** What lay on a connection behind its requests, or was no request. */
  readonly unread: Buffer[];
  /** Of requests; without an id they are answered 202. Undefined = no answer. */
  script: (request: ExactRequest) => ExactAnswer | undefined;
  /** Of a session's own stream (GET); 405 when there is none. */
  stream: ((request: ExactRequest) => ExactAnswer) | undefined;
  close(): Promise<void>;
}

const MODERN = '2026-07-28';

export function answerBytes(head: string, body: Buffer | string): Buffer {
  const bytes = Buffer.from(body);
  return Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${head}content-length: ${bytes.length}\r\n\r\n`, 'latin1'), bytes]);
}

export function jsonBytes(body: Buffer | string, head = ''): Buffer {
  return answerBytes(`content-type: application/json\r\n${head}`, body);
}

/** Each piece of a stream in a chunk of its own. */
export function sseBytes(pieces: readonly Buffer[]): Buffer[] {
  const chunks = pieces.filter(({ length }) => length > 0).map((piece) => Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]));
  return [Buffer.from('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'), ...chunks, Buffer.from('0\r\n\r\n')];
}

function rootMember(body: Buffer, name: string): string {
  const span = memberSpans(body, 0, body.length).find(({ key }) => key === name);
  return span === undefined ? '' : body.toString('utf8', span.from, span.to);
}

export async function startExactServer(tools: readonly string[]): Promise<ExactServer> {
  const sockets = new Set<Socket>();
  let sessions = 0;

  function ownAnswer({ startLine, headers, rpcMethod, idText }: ExactRequest): Buffer | undefined {
    if (startLine.startsWith('DELETE')) return answerBytes('', '');
    const result = (text: string, head = ''): Buffer => jsonBytes(`{"jsonrpc":"2.0","id":${idText},"result":${text}}`, head);
    switch (rpcMethod) {
      case 'initialize': return result('{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"exact","version":"1"}}', `mcp-session-id: exact-${++sessions}\r\n`);
      case 'server/discover': return result(`{"supportedVersions":["${MODERN}"],"capabilities":{"tools":{}},"resultType":"complete"}`);
      case 'tools/list': return result(`{"tools":[${tools.join(',')}]${headers.some(([name, value]) => name === 'mcp-protocol-version' && value === MODERN) ? ',"resultType":"complete","ttlMs":0,"cacheScope":"private"' : ''}}`);
      default: return rpcMethod === 'notifications/initialized' ? Buffer.from('HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n') : undefined;
    }
  }

  function answer(request: ExactRequest): ExactAnswer | undefined {
    const own = ownAnswer(request);
    if (own !== undefined) return { pieces: [own] };
    server.seen.push(request);
    if (request.startLine.startsWith('GET')) return server.stream?.(request) ?? { pieces: [Buffer.from('HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n')] };
    if (request.idText === '' || request.rpcMethod === '') return { pieces: [Buffer.from('HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n')] };
    return server.script(request);
  }

  function serve(socket: Socket): void {
    let bytes = Buffer.alloc(0);
    const requests: RawMessage[] = [];
    let busy = false;
    const next = (): void => {
      const message = busy ? undefined : requests.shift();
      if (message === undefined) return;
      busy = true;
      const rpcMethod = rootMember(message.body, 'method');
      const given = answer({ ...message, rpcMethod: rpcMethod === '' ? '' : (JSON.parse(rpcMethod) as string), idText: rootMember(message.body, 'id') });
      if (given === undefined) return;
      writePieces(socket, given.pieces, () => {
        busy = false;
        if (given.close === true) socket.end();
        else next();
      });
    };
    socket.on('data', (part: Buffer) => {
      const { messages, rest } = readMessages(Buffer.concat([bytes, part]));
      bytes = Buffer.from(rest);
      requests.push(...messages);
      next();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      if (bytes.length > 0) server.unread.push(bytes);
    });
  }

  const listener = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    serve(socket);
  });
  const server: ExactServer = {
    url: '', port: 0, seen: [], unread: [], stream: undefined,
    script: ({ idText }) => ({ pieces: [jsonBytes(`{"jsonrpc":"2.0","id":${idText},"result":{}}`)] }),
    close: () => new Promise((resolve) => {
      listener.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    }),
  };
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  return Object.assign(server, { url: `http://127.0.0.1:${port}/mcp`, port });
}
