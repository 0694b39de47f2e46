// The JSON-RPC messages of one HTTP answer, each as it comes: of a JSON body, or of a stream of events.
import { TransportError } from './errors.js';
import { isObject, parseJson, type JsonObject } from './json.js';
import { isEnvelope } from './refusals.js';
import { EventTooLarge, readEventData } from './sse.js';
import type { HttpAnswer } from './transport.js';

const STREAM = 'text/event-stream';
const NO_CONTENT: ReadonlySet<number> = new Set([202, 204]);
/** Another connection costs less than more of what nobody wants. */
const DRAINED_BYTES_MAX = 1 << 20;
const DELTA_SECONDS = /^\d+$/;
/** The forms of an HTTP date. Date.parse alone finds one in "1.5" and in "soon 2030", too. */
const HTTP_DATE = /^[A-Z][a-z]{2,8},? \S.*\d{2}:\d{2}:\d{2}/;
const MS_PER_SECOND = 1000;

export interface ReadOptions {
  readonly bytesMax: number;
  readonly traceId: string | undefined;
  readonly nowMs: () => number;
}

/** Throws TransportError for what is no MCP; a lost connection is thrown as it is. */
export async function* readMessages(answer: HttpAnswer, options: ReadOptions): AsyncGenerator<JsonObject, void, undefined> {
  if (NO_CONTENT.has(answer.status)) return drain(answer);
  const type = mediaType(answer);
  if (type === STREAM) return yield* fromEvents(answer, options);
  if (type !== 'application/json') throw notMcp(answer, type, options);
  const message = parseJson(await wholeText(answer, options));
  if (!isObject(message) || !isMessage(message)) throw notMcp(answer, `${type} that is no JSON-RPC`, options);
  yield message;
}

async function* fromEvents(answer: HttpAnswer, options: ReadOptions): AsyncGenerator<JsonObject, void, undefined> {
  try {
    for await (const data of readEventData(answer.body, options.bytesMax)) {
      const message = parseJson(data);
      if (isObject(message)) yield message;
      else if (data !== '') throw new TransportError('An event of the answer is no JSON.', { kind: 'answer', mayHaveRun: true, httpStatus: answer.status, traceId: options.traceId });
    }
  } catch (error) {
    throw error instanceof EventTooLarge ? tooLarge(answer, options) : error;
  }
}

/** A JSON-RPC message, or the gateway's envelope alone. */
function isMessage(body: JsonObject): boolean {
  return body['jsonrpc'] === '2.0' || isEnvelope(body);
}

async function wholeText(answer: HttpAnswer, options: ReadOptions): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body) {
    bytes += chunk.length;
    if (bytes > options.bytesMax) throw tooLarge(answer, options);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** So that the connection can be used again. */
export async function drain(answer: HttpAnswer): Promise<void> {
  let bytes = 0;
  for await (const chunk of answer.body) {
    bytes += chunk.length;
    if (bytes > DRAINED_BYTES_MAX) return;
  }
}

/** It ends where its connection does, and says so by nothing else. */
export function isStream(answer: HttpAnswer): boolean {
  return mediaType(answer) === STREAM;
}

function mediaType(answer: HttpAnswer): string {
  return (answer.header('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function notMcp(answer: HttpAnswer, type: string, { traceId, nowMs }: ReadOptions): TransportError {
  const isRedirect = answer.status >= 300 && answer.status < 400;
  const what = isRedirect ? 'a redirect, which is not followed' : 'no MCP';
  return new TransportError(`HTTP ${answer.status} with ${type === '' ? 'no content type' : type}: ${what}. Is this the gateway's URL?`, { kind: 'status', mayHaveRun: true, httpStatus: answer.status, retryAfter: retryAfterOf(answer, nowMs), traceId });
}

function tooLarge(answer: HttpAnswer, { bytesMax, traceId }: ReadOptions): TransportError {
  return new TransportError(`The answer is larger than ${bytesMax} bytes (maxAnswerBytes).`, { kind: 'answer', mayHaveRun: true, httpStatus: answer.status, traceId });
}

/** Seconds; a date is one from now. */
export function retryAfterOf(answer: HttpAnswer, nowMs: () => number): number | undefined {
  const value = answer.header('retry-after')?.trim();
  if (value === undefined || value === '') return undefined;
  if (DELTA_SECONDS.test(value)) return Number(value);
  const atMs = HTTP_DATE.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : Math.max(0, (atMs - nowMs()) / MS_PER_SECOND);
}
