// The bridge between node:http and the SDK's web-standard Request and Response.
import { Readable } from 'node:stream';

/**
 * @param {import('node:http').IncomingMessage} request
 * @param {AbortSignal} signal aborted when the client hangs up
 * @returns {Request}
 */
export function toWebRequest(request, signal) {
  const headers = new Headers();
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) headers.append(String(request.rawHeaders[at]), String(request.rawHeaders[at + 1]));
  const method = request.method ?? 'GET';
  const hasBody = method !== 'GET' && method !== 'HEAD';
  return new Request(`http://${request.headers.host ?? '127.0.0.1'}${request.url ?? '/'}`, /** @type {RequestInit} */ ({
    method, headers, signal,
    ...(hasBody ? { body: Readable.toWeb(request), duplex: 'half' } : {}),
  }));
}

/**
 * @param {Response} answer
 * @param {import('node:http').ServerResponse} response
 */
export async function writeWebResponse(answer, response) {
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
