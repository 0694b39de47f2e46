// The adapter's listener: who calls, how much, which endpoint; and answers whole or as events, no faster than they are read.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Agents } from './agents.mjs';
import { chatCompletion, chatCompletionChunks } from './chat-completions.mjs';
import { ApiError, asApiError } from './errors.mjs';
import { parsedObject } from './json.mjs';
import { ModelServer } from './model-server.mjs';
import { response, responseEvents } from './responses.mjs';
import { Ledger } from './turns.mjs';

const KEEP_ALIVE_MS = 15_000; // a tool may take minutes, and proxies end what is silent
const GRACE_MS = 10_000;
const HEADER_CHARS_MAX = 1024;

/** @typedef {import('node:http').IncomingMessage} Request @typedef {import('node:http').ServerResponse} Reply */

const ENDPOINTS = new Map([
  ['/v1/chat/completions', { whole: chatCompletion, events: chatCompletionChunks, isNamed: false }],
  ['/v1/responses', { whole: response, events: responseEvents, isNamed: true }],
]);

/**
 * @param {import('./config.mjs').Config} config @param {(line: string) => void} log
 * @returns {Promise<{ url: string, close: () => Promise<void> }>}
 */
export async function startAdapter(config, log) {
  const agents = new Agents(config);
  const model = new ModelServer(config);
  const { limits } = config;
  /** @type {Set<AbortController>} */
  const underWay = new Set();

  /** @param {Request} request @param {Reply} reply */
  async function serve(request, reply) {
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    if (path === '/health' && request.method === 'GET') return sendJson(reply, 200, { status: 'ok' });
    const over = new AbortController();
    reply.on('close', () => over.abort());
    const ledger = new Ledger();
    let name = '-';
    try {
      const endpoint = ENDPOINTS.get(path);
      if (endpoint === undefined || request.method !== 'POST') throw new ApiError(404, 'unknown_endpoint', 'This adapter serves POST /v1/responses and POST /v1/chat/completions.');
      const agent = agents.find(request.headers.authorization);
      name = agent.name;
      if (underWay.size >= limits.requests) throw new ApiError(429, 'too_many_requests', 'Too many requests are under way.', { retryAfter: 1 });
      underWay.add(over);
      const body = await readBody(request, limits.body_bytes);
      /** @type {import('./turns.mjs').Turn} */
      const turn = { body, agent, model, limits, signal: over.signal, ledger };
      await agents.within(request.headers.traceparent, async () => {
        if (body['stream'] === true) return sendEvents(reply, endpoint.events(turn), endpoint.isNamed, over.signal);
        const answer = await endpoint.whole(turn);
        sendJson(reply, 200, answer, headersOf(ledger.reports));
      });
    } catch (fault) {
      if (over.signal.aborted && !reply.writable) return;
      const error = asApiError(fault);
      if (!(fault instanceof ApiError)) log(`fault: ${fault instanceof Error ? fault.stack ?? fault.message : 'unknown'}`);
      if (!reply.headersSent) sendJson(reply, error.status, { error: error.error }, { ...(request.complete ? {} : { connection: 'close' }), ...(error.retryAfter === undefined ? {} : { 'retry-after': String(Math.ceil(error.retryAfter)) }) });
      else reply.end(`event: error\ndata: ${JSON.stringify({ type: 'error', error: error.error, code: error.error['code'], message: error.message, param: null })}\n\n`);
    } finally {
      underWay.delete(over);
      const refused = ledger.reports.filter(({ outcome }) => outcome === 'refused').map(({ refusal }) => refusal?.['code']);
      log(`${request.method} ${path} ${reply.statusCode} ${name} calls=${ledger.reports.length}${refused.length === 0 ? '' : ` refused=${refused.join(',')}`}`);
    }
  }

  const server = createServer((request, reply) => void serve(request, reply));
  server.listen(config.listen.port, config.listen.host);
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    url: `http://${config.listen.host.includes(':') ? `[${config.listen.host}]` : config.listen.host}:${port}/v1`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeIdleConnections();
      const limit = setTimeout(() => {
        for (const one of underWay) one.abort();
        server.closeAllConnections();
      }, GRACE_MS);
      await closed;
      clearTimeout(limit);
      await agents.close();
    },
  };
}

/** @param {Request} request @param {number} bytesMax @returns {Promise<Record<string, unknown>>} */
function readBody(request, bytesMax) {
  return new Promise((resolve, reject) => {
    /** @type {Buffer[]} */
    const parts = [];
    let bytes = 0;
    request.on('data', (/** @type {Buffer} */ part) => {
      bytes += part.length;
      if (bytes <= bytesMax) parts.push(part);
      else reject(new ApiError(413, 'request_too_large', `The body is larger than ${bytesMax} bytes.`)); // the rest is read and forgotten, so that the answer arrives
    });
    request.once('error', reject);
    request.once('end', () => {
      const body = parsedObject(Buffer.concat(parts).toString('utf8'));
      if (body === undefined) reject(new ApiError(400, 'invalid_json', 'The body is no JSON object.'));
      else resolve(body);
    });
  });
}

/** @param {Reply} reply @param {number} status @param {unknown} body @param {Record<string, string>} [headers] */
function sendJson(reply, status, body, headers = {}) {
  reply.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/**
 * The first event before the head: until then a refusal still has its own status.
 * @param {Reply} reply @param {AsyncGenerator<Record<string, unknown>, void, undefined>} events @param {boolean} isNamed @param {AbortSignal} signal
 */
async function sendEvents(reply, events, isNamed, signal) {
  const first = await events.next();
  reply.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache', 'x-accel-buffering': 'no' });
  const keepAlive = setInterval(() => void reply.write(': waiting\n\n'), KEEP_ALIVE_MS);
  try {
    for (let next = first; next.done !== true; next = await events.next()) {
      const line = `${isNamed ? `event: ${String(next.value['type'])}\n` : ''}data: ${JSON.stringify(next.value)}\n\n`;
      if (!reply.write(line)) await once(reply, 'drain', { signal });
    }
    reply.end(isNamed ? undefined : 'data: [DONE]\n\n');
  } finally {
    clearInterval(keepAlive);
    await events.return();
  }
}

/** What was refused, for who reads no further than the head. @param {readonly import('./governed-tools.mjs').Report[]} reports @returns {Record<string, string>} */
function headersOf(reports) {
  const refused = reports.flatMap(({ outcome, tool, refusal }) => (outcome === 'refused' ? [`${encodeURIComponent(tool)}=${String(refusal?.['code'])}`] : []));
  return { 'x-precinct-calls': String(reports.length), ...(refused.length === 0 ? {} : { 'x-precinct-refused': refused.join(', ').slice(0, HEADER_CHARS_MAX) }) };
}
