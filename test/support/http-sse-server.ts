// A real tool server of 2024-11-05 on node:http: a GET whose stream names where to post, and brings every answer.
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HttpSseServer {
  readonly url: string;
  readonly origin: string;
  /** Messages posted, in their order, with the connection's number. */
  readonly seen: { readonly connection: number; readonly body: string }[];
  /** Of every request, in their order. */
  readonly headers: IncomingHttpHeaders[];
  readonly streams: Map<number, ServerResponse>;
  /** Of what comes after /sse; by default where this server takes messages. */
  endpoint: (connection: number) => string;
  /** Status of a POST. */
  accepts: number;
  /** Status and type of the GET's answer. */
  opens: number;
  opensAs: string;
  /** Says the address at once; else when `sayEndpoints` is called. */
  saysEndpoint: boolean;
  sayEndpoints(): void;
  send(connection: number, message: unknown, event?: string): void;
  close(): Promise<void>;
}

type Message = { readonly id?: unknown; readonly method?: string; readonly params?: { readonly name?: string; readonly arguments?: Record<string, unknown>; readonly _meta?: { readonly progressToken?: unknown } } };

export async function startHttpSseServer(tools: readonly string[]): Promise<HttpSseServer> {
  let connections = 0;
  const sayEndpoint = (connection: number): void => void server.streams.get(connection)?.write(`event: endpoint\ndata: ${server.endpoint(connection)}\n\n`);
  const reply = (connection: number, message: Message): void => {
    const text = (words: string): unknown => ({ content: [{ type: 'text', text: words }] });
    const answer = (result: unknown): void => server.send(connection, { jsonrpc: '2.0', id: message.id, result });
    if (message.method === 'initialize') answer({ protocolVersion: '2024-11-05', capabilities: { tools: {} }, serverInfo: { name: 'old', version: '1' } });
    else if (message.method === 'tools/list') answer({ tools: tools.map((tool) => JSON.parse(tool) as unknown) });
    else if (message.method === 'tools/call' && message.params?.name === 'echo') {
      const token = message.params._meta?.progressToken;
      if (token !== undefined) server.send(connection, { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: token, progress: 1 } });
      answer(text(String(message.params.arguments?.['text'] ?? '')));
    }
  };
  const http = createServer((request, response) => {
    server.headers.push(request.headers);
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://server');
    if (request.method === 'GET' && pathname === '/sse') {
      if (server.opens !== 200) return void response.writeHead(server.opens, { 'content-type': server.opensAs }).end();
      const connection = ++connections;
      server.streams.set(connection, response.writeHead(200, { 'content-type': server.opensAs }));
      response.on('close', () => server.streams.delete(connection));
      response.flushHeaders();
      if (server.saysEndpoint) sayEndpoint(connection);
      return;
    }
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => void parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts).toString('utf8');
      const connection = Number(searchParams.get('session'));
      server.seen.push({ connection, body });
      response.writeHead(pathname === '/messages' ? server.accepts : 404).end('Accepted');
      if (pathname === '/messages' && server.accepts === 202) reply(connection, JSON.parse(body) as Message);
    });
  });
  const server: HttpSseServer = {
    url: '', origin: '', seen: [], headers: [], streams: new Map(), accepts: 202, opens: 200, opensAs: 'text/event-stream', saysEndpoint: true, endpoint: (connection) => `/messages?session=${connection}`,
    sayEndpoints: () => { for (const connection of server.streams.keys()) sayEndpoint(connection); },
    send: (connection, message, event = 'message') => void server.streams.get(connection)?.write(`event: ${event}\ndata: ${typeof message === 'string' ? message : JSON.stringify(message)}\n\n`),
    close: () => new Promise((resolve) => {
      http.close(() => resolve());
      http.closeAllConnections();
    }),
  };
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  return Object.assign(server, { origin, url: `${origin}/sse` });
}
