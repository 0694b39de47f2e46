// A server to which nothing may be sent: it remembers what was.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface PlainServer {
  readonly origin: string;
  readonly seen: string[];
  close(): Promise<void>;
}

export async function startServer(): Promise<PlainServer> {
  const seen: string[] = [];
  const http = createServer((request, response) => {
    seen.push(request.url ?? '');
    response.end();
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return { origin: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, seen, close: () => new Promise((resolve) => { http.close(() => resolve()); http.closeAllConnections(); }) };
}
