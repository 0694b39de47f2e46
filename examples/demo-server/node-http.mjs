// The bridge between node:http and the SDK's web-standard Request and Response.
import { createServer } from 'node:http';
import { Readable } from 'node:stream';

export const HOST = '127.0.0.1'; // its servers have no authentication, so nobody but this machine may reach them

/**
 * @param {import('node:http').IncomingMessage} request
 * @param {AbortSignal} signal aborted when the client hangs up
 * @returns {Request}
 */
function toWebRequest(request, signal) {
  const headers = new Headers();
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) headers.append(String(request.rawHeaders[at]), String(request.rawHeaders[at + 1]));
  const method = request.method ?? 'GET';
  const hasBody = method !== 'GET' && method !== 'HEAD';
  return new Request(`http://${request.headers.host ?? HOST}${request.url ?? '/'}`, /** @type {RequestInit} */ ({
    method, headers, signal,
    ...(hasBody ? { body: Readable.toWeb(request), duplex: 'half' } : {}),
  }));
}

/**
 * @param {Response} answer
 * @param {import('node:http').ServerResponse} response
 */
async function writeWebResponse(answer, response) {
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  response.flushHeaders();
  if (answer.body === null) return void response.end();
  const reader = answer.body.getReader();
  response.on('close', () => void reader.cancel().catch(() => undefined));
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (!response.write(value)) await new Promise((resolve) => { response.once('drain', resolve); response.once('close', resolve); });
    if (response.destroyed) break;
  }
  response.end();
}

/**
 * Serves on loopback until `close`; an answer whose client has hung up is aborted.
 * @param {number} port 0 takes a free one
 * @param {(request: Request) => Promise<Response>} route
 */
export async function serveWeb(port, route) {
  const server = createServer((incoming, outgoing) => {
    const hangUp = new AbortController();
    outgoing.on('close', () => { if (!outgoing.writableFinished) hangUp.abort(); });
    Promise.resolve()
      .then(() => route(toWebRequest(incoming, hangUp.signal)))
      .then((answer) => writeWebResponse(answer, outgoing))
      .catch(() => { if (outgoing.headersSent) outgoing.destroy(); else outgoing.writeHead(400).end(); });
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, () => resolve(undefined));
  });
  const address = server.address();
  const taken = typeof address === 'object' && address !== null ? address.port : port;
  return {
    port: taken,
    url: `http://${HOST}:${taken}/mcp`,
    close: () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }),
  };
}
