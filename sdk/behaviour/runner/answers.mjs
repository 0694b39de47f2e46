// What the proxy answers by itself. A refusal has the gateway's exact shape, made of the generated table of codes.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const TABLE = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'errors.json'), 'utf8'));
/** @type {Map<string, any>} */
export const CODES = new Map((TABLE.codes).map((row) => [row.code, row]));
const DECISION_ID = '0198f7c2-1111-7aaa-8bbb-222233334444';

/** @param {any} answer @param {import('./proxy.mjs').Seen} seen @param {import('node:http').ServerResponse} response */
export function answerOf(answer, seen, response) {
  if (answer.refusal !== undefined) return refuse(answer.refusal, seen, response);
  const id = seen.body?.id;
  const headers = { ...answer.headers };
  if (answer.sse !== undefined) {
    response.writeHead(answer.status ?? 200, { 'content-type': 'text/event-stream', ...headers });
    for (const event of answer.sse) response.write(typeof event === 'string' ? event.replaceAll('{{id}}', JSON.stringify(id)) : `data: ${JSON.stringify(withId(event, id))}\n\n`);
    return answer.then === 'cut' ? flushThenCut(response) : answer.then === 'hang' ? undefined : response.end();
  }
  const isJson = answer.body !== undefined && typeof answer.body !== 'string';
  const text = isJson ? JSON.stringify(withId(answer.body, id)) : String(answer.body ?? '').replaceAll('{{id}}', JSON.stringify(id));
  if (answer.then === 'cut') {
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text) + 100), ...headers });
    response.write(text);
    return flushThenCut(response);
  }
  return response.writeHead(answer.status ?? 200, { ...(isJson ? { 'content-type': 'application/json' } : {}), ...headers }).end(text);
}

/** `shape`: `http` the status of the table, as to an MCP client; `flat` the same with the envelope's members beside; `in_band` HTTP 200; `sse` the same in a stream. */
function refuse({ code, shape = 'http', retry_after: retryAfter, ...more }, seen, response) {
  const row = CODES.get(code) ?? { status: more.status ?? 403, step: more.middleware_step ?? 6, middleware: 'unknown', message: 'A code of a newer gateway.', remediation: 'See its documentation.' };
  const traceId = /^00-([0-9a-f]{32})-/.exec(String(seen.headers.traceparent))?.[1] ?? 'f'.repeat(32);
  const envelope = { code, message: row.message, middleware: row.middleware, middleware_step: row.step, decision_id: DECISION_ID, trace_id: traceId, remediation: row.remediation, docs_url: `docs/error-codes.md#${code}`, ...more };
  const message = { jsonrpc: '2.0', id: seen.body?.id ?? null, error: { code: row.status, message: envelope.message, data: envelope } };
  const headers = { 'cache-control': 'no-store', ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }) };
  if (shape === 'sse') return response.writeHead(200, { ...headers, 'content-type': 'text/event-stream' }).end(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
  const text = JSON.stringify(shape === 'flat' ? { ...message, ...envelope } : message);
  return response.writeHead(shape === 'in_band' ? 200 : row.status, { ...headers, 'content-type': 'application/json' }).end(text);
}

function withId(value, id) {
  if (value === '{{id}}') return id;
  if (Array.isArray(value)) return value.map((one) => withId(one, id));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withId(one, id)]));
}

/** What was written is on its way before the connection ends. */
function flushThenCut(response) {
  response.write('', () => setImmediate(() => response.destroy()));
}
