// A real tool server of 2026-07-28 that knows no handshake, on the official SDK: a marked argument, a question to the client, a prompt, a watched resource.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { createMcpHandler, inputRequired, Server, type ServerNotifier } from '@modelcontextprotocol/server';

export interface SeenHeaders {
  readonly method: string;
  readonly headers: IncomingMessage['headers'];
}

export interface ModernServer {
  readonly url: string;
  readonly seen: SeenHeaders[];
  readonly notify: ServerNotifier;
  close(): Promise<void>;
}

export const WATCHED = 'file:///watched';
const TOOLS = [
  { name: 'in_region', description: 'Says where', inputSchema: { type: 'object' as const, properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } } },
  { name: 'ask_name', description: 'Asks who you are', inputSchema: { type: 'object' as const, properties: {} } },
];

function createProtocolServer(): Server {
  const server = new Server({ name: 'modern', version: '1' }, { capabilities: { tools: { listChanged: true }, prompts: { listChanged: true }, resources: { subscribe: true } } });
  const text = (said: string) => ({ content: [{ type: 'text' as const, text: said }] });
  server.setRequestHandler('tools/list', () => ({ tools: TOOLS }));
  server.setRequestHandler('prompts/list', () => ({ prompts: [{ name: 'greet' }] }));
  server.setRequestHandler('resources/list', () => ({ resources: [{ uri: WATCHED, name: 'watched' }] }));
  server.setRequestHandler('tools/call', ({ params }, ctx) => {
    if (params.name === 'in_region') return text(`in ${String(params.arguments?.['region'])}`);
    const answer = ctx.mcpReq.inputResponses?.['who'] as { content?: { name?: string } } | undefined;
    if (answer !== undefined) return text(`hello ${answer.content?.name ?? 'nobody'}, ${ctx.mcpReq.requestState() === 'st@te==' ? 'as before' : 'stranger'}`);
    return inputRequired({
      inputRequests: { who: inputRequired.elicit({ message: 'Who are you?', requestedSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] } }) },
      requestState: 'st@te==',
    });
  });
  return server;
}

export async function startModernServer(): Promise<ModernServer> {
  const handler = createMcpHandler(createProtocolServer, { legacy: 'reject' });
  const seen: SeenHeaders[] = [];
  const http = createServer((request, response) => {
    seen.push({ method: String(request.headers['mcp-method'] ?? ''), headers: request.headers });
    void serve(handler, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`, seen, notify: handler.notify,
    close: () => new Promise((resolve) => {
      http.close(() => resolve());
      http.closeAllConnections();
    }),
  };
}

async function serve(handler: ReturnType<typeof createMcpHandler>, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const headers = new Headers(Object.entries(request.headers).map(([name, value]): [string, string] => [name, String(value)]));
  const hasBody = request.method === 'POST';
  const answer = await handler.fetch(new Request(`http://127.0.0.1${request.url ?? '/'}`, { method: request.method ?? 'GET', headers, signal: gone.signal, ...(hasBody ? { body: Readable.toWeb(request) as ReadableStream, duplex: 'half' } : {}) }));
  response.writeHead(answer.status, Object.fromEntries(answer.headers)).flushHeaders();
  if (answer.body !== null) for await (const part of answer.body) response.write(part);
  response.end();
}
