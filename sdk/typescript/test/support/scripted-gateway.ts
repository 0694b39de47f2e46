// A small real HTTP server in the gateway's place: it keeps what came, and answers as the test says.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Of a body that is JSON. */
  readonly body: Record<string, unknown>;
  readonly text: string;
  /** SPIFFE IDs of the client certificate. */
  readonly peer: string;
}

export type Play = (seen: Seen, response: ServerResponse, request: IncomingMessage) => void;

export interface ScriptedGateway {
  readonly url: string;
  readonly seen: Seen[];
  /** How many connections were made. */
  readonly connections: () => number;
  /** What is answered from now on, one after the other; the last one stays. */
  play(...plays: readonly Play[]): void;
  close(): Promise<void>;
}

export async function startScripted(tls?: ServerOptions): Promise<ScriptedGateway> {
  const seen: Seen[] = [];
  let plays: readonly Play[] = [];
  let connections = 0;
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => undefined);
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const one: Seen = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body: jsonOf(text), text, peer: peerOf(request.socket) };
      seen.push(one);
      const [play, ...rest] = plays;
      if (rest.length > 0) plays = rest;
      if (play === undefined) response.writeHead(500).end();
      else play(one, response, request);
    });
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.on(tls === undefined ? 'connection' : 'secureConnection', () => { connections += 1; });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    connections: () => connections,
    play: (...next) => { plays = next; },
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}

function peerOf(socket: Socket): string {
  const { getPeerCertificate } = socket as Socket & { getPeerCertificate?: () => { subjectaltname?: string } };
  return getPeerCertificate?.call(socket).subjectaltname ?? '';
}

function jsonOf(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** A JSON answer. */
export function json(body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Play {
  return (_seen, response) => void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** The result of the request that came. */
export function result(value: unknown, headers: Readonly<Record<string, string>> = {}): Play {
  return (seen, response, request) => json({ jsonrpc: '2.0', id: seen.body['id'], result: value }, 200, headers)(seen, response, request);
}

export const text = (said: string): Play => result({ content: [{ type: 'text', text: said }] });

/** Messages as events, the id put in where it says `$id`. */
export function events(...messages: readonly unknown[]): Play {
  return (seen, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const message of messages) response.write(`data: ${JSON.stringify(message).replaceAll('"$id"', JSON.stringify(seen.body['id']))}\n\n`);
    response.end();
  };
}

export const accepted: Play = (_seen, response) => void response.writeHead(202).end();

export function envelope(code: string, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { code, message: `It is ${code}.`, middleware: 'a_layer', middleware_step: 6, decision_id: 'd-1', trace_id: 'a'.repeat(32), remediation: 'Do better.', docs_url: `docs/error-codes.md#${code}`, ...more };
}

/** The gateway's refusal to an MCP client. */
export function refusal(code: string, { rpcCode = 403, status = 200, more = {}, headers = {} }: { readonly rpcCode?: number; readonly status?: number; readonly more?: Readonly<Record<string, unknown>>; readonly headers?: Readonly<Record<string, string>> } = {}): Play {
  return (seen, response, request) => json({ jsonrpc: '2.0', id: seen.body['id'], error: { code: rpcCode, message: `It is ${code}.`, data: envelope(code, more) } }, status, headers)(seen, response, request);
}
