// Courier over HTTP: POST /v1/actions runs an action, GET lists or looks, DELETE cancels.
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Action, Parts } from './actions.js';
import type { Agent } from './agents.js';
import { trace, type CallEvent } from './gateway.js';
import { CourierFault, invalid, pageOf, parseJson, readInvocation, readPage, UNKNOWN_KEY } from './protocol.js';
import { faultOf } from './refusals.js';

const BASE = 'http://adapter';
const LINES = 'application/x-ndjson';
const MS_PER_SECOND = 1000;

export class HttpDoor {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await trace.run(request.headers['traceparent'], () => this.#route(request, response));
    } catch (fault) {
      if (response.headersSent) return void response.destroy(); // half an answer is not made whole by an error
      const { status, body } = faultOf(fault);
      if (!request.complete) response.setHeader('connection', 'close'); // the rest of a body nobody reads
      if (body.retry_after_ms !== undefined) response.setHeader('retry-after', Math.ceil(body.retry_after_ms / MS_PER_SECOND));
      send(response, status, { error: body });
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!URL.canParse(request.url ?? '', BASE)) throw invalid('The path can not be read.');
    const { pathname, searchParams } = new URL(request.url ?? '', BASE);
    if (pathname === '/v1/health' && request.method === 'GET') return send(response, 200, { status: 'ok' });
    const { agents, actions } = this.#parts;
    const agent = agents.find(request.headers['courier-key']);
    if (agent === undefined) throw UNKNOWN_KEY;
    const [, id] = /^\/v1\/actions\/(act_[\w-]{1,64})$/.exec(pathname) ?? [];
    if (id !== undefined && request.method === 'GET') return send(response, 200, actions.find(agent, id).document());
    if (id !== undefined && request.method === 'DELETE') return send(response, 200, { cancelled: actions.find(agent, id).cancel() });
    if (pathname !== '/v1/actions') throw new CourierFault(404, { type: 'not_found', code: 'unknown_path', message: 'There is nothing here.' });
    if (request.method === 'GET') return this.#list(agent, searchParams, response);
    if (request.method !== 'POST') throw invalid('GET lists actions, POST runs one.', 'method_not_allowed', 405);
    return this.#invoke(agent, request, response);
  }

  async #list(agent: Agent, query: URLSearchParams, response: ServerResponse): Promise<void> {
    const page = readPage(query.get('limit'), query.get('cursor'));
    send(response, 200, pageOf(await this.#parts.gateways.of(agent).list(hangUpOf(response)), page));
  }

  async #invoke(agent: Agent, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const invocation = readInvocation(parseJson(await readBody(request, this.#parts.bounds.body_bytes)));
    const inLines = (request.headers.accept ?? '').includes(LINES);
    const action = this.#parts.actions.start(agent, invocation, (event) => (inLines ? this.#writeLine(response, event) : undefined), 'if_asked');
    // Who hangs up stops what runs; what waits for a person goes on, and can be asked for by its id.
    hangUpOf(response).addEventListener('abort', () => { if (!action.wasAsked) action.cancel(); });
    return inLines ? this.#streamed(action, response) : this.#whole(action, response);
  }

  async #whole(action: Action, response: ServerResponse): Promise<void> {
    await Promise.race([action.settled, action.asked]);
    if (!action.hasSettled) {
      response.setHeader('location', `/v1/actions/${action.id}`);
      return send(response, 202, action.document());
    }
    send(response, 200, await action.answer());
  }

  async #streamed(action: Action, response: ServerResponse): Promise<void> {
    response.writeHead(200, { 'content-type': LINES });
    await this.#writeLine(response, { event: 'accepted', id: action.id });
    await action.settled;
    await this.#writeLine(response, { event: 'done', ...action.document() });
    response.end();
  }

  /** Waits while the client takes nothing; one that never does is cut. */
  async #writeLine(response: ServerResponse, line: CallEvent | Readonly<Record<string, unknown>>): Promise<void> {
    if (response.write(`${JSON.stringify(line)}\n`) || response.destroyed) return;
    await new Promise<void>((resolve) => {
      const late = setTimeout(() => response.destroy(), this.#parts.bounds.stalled_s * MS_PER_SECOND).unref();
      const go = (): void => {
        clearTimeout(late);
        response.off('drain', go).off('close', go);
        resolve();
      };
      response.on('drain', go).on('close', go);
    });
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function hangUpOf(response: ServerResponse): AbortSignal {
  const hangUp = new AbortController();
  response.on('close', () => { if (!response.writableFinished) hangUp.abort(); });
  return hangUp.signal;
}

async function readBody(request: IncomingMessage, bytesMax: number): Promise<string> {
  const tooLarge = invalid(`A body has at most ${bytesMax} bytes.`, 'too_large', 413);
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge;
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > bytesMax) throw tooLarge;
    parts.push(part);
  }
  const body = Buffer.concat(parts);
  if (!isUtf8(body)) throw invalid('It is not UTF-8.', 'malformed');
  return body.toString();
}
