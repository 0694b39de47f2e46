// The control plane: JSON over a unix socket that only the gateway's own user can open. Never on the data port.
import { chmodSync, existsSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { parseJson } from '../base/json/parse-json.js';
import { reachableSocketPath } from '../base/store/socket-path.js';

export interface ControlRequest {
  readonly method: string;
  readonly path: string;
  /** What a route's `*` stood for, decoded; empty otherwise. */
  readonly name: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
}

export interface ControlAnswer {
  readonly status: number;
  readonly json?: unknown;
  readonly text?: string;
}

/** `GET /v1/tools/*` + `/diff`: one path segment may be a name. */
export interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly answer: (request: ControlRequest) => ControlAnswer | Promise<ControlAnswer>;
}

export class ControlFault extends Error {
  readonly status: number;
  readonly code: string;
  readonly more: Readonly<Record<string, unknown>>;
  constructor(status: number, code: string, message: string, more: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.name = 'ControlFault';
    this.status = status;
    this.code = code;
    this.more = more;
  }
}

const BODY_BYTES_MAX = 1024 * 1024; // a secret or a policy question; nothing larger is sent here
const SOCKET_MODE = 0o600;

type Cleaned = (json: string) => string | undefined;

const UNCLEAN: ControlAnswer = faultAnswer(new ControlFault(500, 'key_in_answer', 'the answer holds a key that a tool server is sent, and can\'t be told without it'));

export interface ControlServer {
  close(): Promise<void>;
}

/** `cleaned`: a JSON answer without what nobody may read; undefined where it can't be. Rejects when the socket can't be made. A socket file left by a dead gateway is replaced: the caller holds the state folder's lock. */
export async function serveControl(socketPath: string, routes: readonly Route[], onFault: (fault: unknown) => void, cleaned: Cleaned = (json) => json): Promise<ControlServer> {
  if (existsSync(socketPath)) rmSync(socketPath);
  const server = createServer((request, response) => {
    void handle(routes, request, response, { onFault, cleaned });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    // The folder has mode 0700, so that nobody can connect before the socket's own mode is set.
    const reachable = reachableSocketPath(socketPath);
    server.listen(reachable, () => {
      chmodSync(reachable, SOCKET_MODE);
      resolve();
    });
  });
  return { close: () => closeServer(server) };
}

async function handle(routes: readonly Route[], request: IncomingMessage, response: ServerResponse, { onFault, cleaned }: { readonly onFault: (fault: unknown) => void; readonly cleaned: Cleaned }): Promise<void> {
  try {
    const url = new URL(request.url ?? '/', 'http://control');
    const found = findRoute(routes, request.method ?? '', url.pathname);
    if (found === undefined) throw new ControlFault(404, 'not_found', 'no such control resource');
    const body = request.method === 'POST' ? await readJson(request) : undefined;
    const answer = await found.route.answer({ method: request.method ?? '', path: url.pathname, name: found.name, query: url.searchParams, body });
    write(response, answer, cleaned);
  } catch (fault) {
    if (!(fault instanceof ControlFault)) onFault(fault);
    write(response, faultAnswer(fault), cleaned);
  }
}

function faultAnswer(fault: unknown): ControlAnswer {
  if (fault instanceof ControlFault) return { status: fault.status, json: { error: { code: fault.code, message: fault.message, ...fault.more } } };
  return { status: 500, json: { error: { code: 'gateway_fault', message: fault instanceof Error ? fault.message : 'unknown fault' } } };
}

function write(response: ServerResponse, answer: ControlAnswer, cleaned: Cleaned): void {
  const text = answer.text ?? cleaned(JSON.stringify(answer.json ?? {}));
  if (text === undefined) return write(response, UNCLEAN, (json) => json);
  response.writeHead(answer.status, { 'content-type': answer.text === undefined ? 'application/json' : 'text/plain; version=0.0.4; charset=utf-8' });
  response.end(text);
}

function findRoute(routes: readonly Route[], method: string, path: string): { route: Route; name: string } | undefined {
  const segments = path.split('/');
  for (const route of routes) {
    if (route.method !== method) continue;
    const pattern = route.path.split('/');
    if (pattern.length !== segments.length) continue;
    const at = pattern.indexOf('*');
    if (!pattern.every((segment, i) => i === at || segment === segments[i])) continue;
    const name = at === -1 ? '' : segments[at] ?? '';
    try {
      return { route, name: decodeURIComponent(name) };
    } catch {
      return undefined;
    }
  }
  return undefined;
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  // Left early, the iterator would take the connection with it, and nobody would read why.
  for await (const part of request.iterator({ destroyOnReturn: false })) {
    const chunk = part as Buffer;
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new ControlFault(413, 'request_too_large', `at most ${BODY_BYTES_MAX} bytes`);
    parts.push(chunk);
  }
  if (bytes === 0) return {};
  try {
    return parseJson(Buffer.concat(parts).toString('utf8'));
  } catch {
    throw new ControlFault(400, 'not_json', 'the body is not JSON');
  }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
