// A bare proxy of the gateway's own parts, uWebSockets.js and undici, that checks nothing: what this language and these sockets cost without governing.
// As a program: node bench/support/bare-proxy.mjs <port> <upstream's port> <cache folder>
import { Pool } from 'undici';
import { loadUws } from '../../dist/front/load-uws.js';

const CONNECTIONS = 128; // as upstream.connections_max and as the nginx proxy keeps
const FORWARDED = ['content-type', 'accept', 'mcp-protocol-version', 'mcp-method', 'mcp-name'];

/** Serves POST on 127.0.0.1; each body goes upstream when it is whole, each answer comes back when it is whole. */
export function serveBareProxy(port, upstreamPort, cacheDir) {
  const pool = new Pool(`http://127.0.0.1:${upstreamPort}`, { connections: CONNECTIONS, pipelining: 1 });
  const { uws } = loadUws(cacheDir);
  return new Promise((resolve, reject) => {
    uws.App().post('/*', (response, request) => {
      const path = request.getUrl();
      const headers = FORWARDED.flatMap((name) => {
        const value = request.getHeader(name);
        return value === '' ? [] : [name, value];
      });
      const reply = { response, gone: false };
      response.onAborted(() => { reply.gone = true; });
      const parts = [];
      response.onData((chunk, isLast) => {
        parts.push(Buffer.from(Buffer.from(chunk))); // a copy: the chunk is gone when this returns
        if (isLast) pool.dispatch({ path, method: 'POST', headers, body: parts.length === 1 ? parts[0] : Buffer.concat(parts) }, new Answer(reply));
      });
    }).any('/*', (response) => {
      response.writeStatus('404 Not Found').end(); // who starts it asks whether it serves
    }).listen('127.0.0.1', port, (socket) => (socket === false ? reject(new Error(`port ${port} is taken`)) : resolve()));
  });
}

class Answer {
  #reply;
  #status = 502;
  #contentType = 'text/plain';
  #parts = [];

  constructor(reply) {
    this.#reply = reply;
  }

  onRequestStart() {}

  onResponseStart(_controller, status, headers) {
    this.#status = status;
    this.#contentType = headers['content-type'] ?? this.#contentType;
  }

  onResponseData(_controller, chunk) {
    this.#parts.push(Buffer.from(chunk));
  }

  onResponseEnd() {
    const { response, gone } = this.#reply;
    if (gone) return;
    const body = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts);
    response.cork(() => response.writeStatus(String(this.#status)).writeHeader('content-type', this.#contentType).end(body));
  }

  onResponseError() {
    this.#status = 502;
    this.onResponseEnd();
  }
}

if (process.argv[1]?.endsWith('bare-proxy.mjs')) {
  const [port, upstreamPort, cacheDir] = process.argv.slice(2);
  await serveBareProxy(Number(port), Number(upstreamPort), cacheDir);
  process.stdout.write('listening\n');
}
