// The barest proxy of the gateway's own parts: uWebSockets.js in front, undici behind, nothing read, nothing decided.
//   node bench/peers/bare-proxy.mjs PORT UPSTREAM_PORT CACHE_FOLDER
import { Pool } from 'undici';
import { loadUws } from '../../dist/front/load-uws.js';

const [port, upstreamPort, cacheDir] = process.argv.slice(2);
const { uws } = loadUws(cacheDir);
const upstream = new Pool(`http://127.0.0.1:${upstreamPort}`, { pipelining: 1 });
/** Of the connection, not of the call (RFC 9110, 7.6.1), and what undici sets itself. */
const NOT_FORWARDED = new Set(['connection', 'content-length', 'host', 'keep-alive', 'transfer-encoding', 'date', 'uwebsockets']);

uws.App().any('/*', (res, req) => {
  const headers = {};
  req.forEach((name, value) => {
    if (!NOT_FORWARDED.has(name)) headers[name] = value;
  });
  const call = { method: req.getMethod().toUpperCase(), path: req.getUrl(), headers };
  let gone = false;
  res.onAborted(() => { gone = true; });
  const parts = [];
  res.onData((chunk, last) => {
    parts.push(Buffer.from(chunk.slice(0))); // uWebSockets takes its memory back when this returns
    if (!last) return;
    forward(call, Buffer.concat(parts)).then(
      (answer) => { if (!gone) res.cork(() => write(res, answer)); },
      () => { if (!gone) res.cork(() => res.writeStatus('502 Bad Gateway').end()); },
    );
  });
}).listen('127.0.0.1', Number(port), (socket) => {
  if (socket === false || socket === null) process.exit(1);
  process.stdout.write('listening\n');
});

async function forward(call, body) {
  const { statusCode, headers, body: answer } = await upstream.request({ ...call, body });
  return { statusCode, headers, body: await answer.arrayBuffer() };
}

function write(res, { statusCode, headers, body }) {
  res.writeStatus(String(statusCode));
  for (const [name, value] of Object.entries(headers)) if (!NOT_FORWARDED.has(name)) res.writeHeader(name, String(value));
  res.end(body);
}
