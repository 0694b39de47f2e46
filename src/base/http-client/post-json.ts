// Side calls over HTTP (guard, later key sets and stores): one JSON document out, one back, bounded in time and size.
import type { Agent } from 'undici';

export interface HttpAnswer {
  readonly status: number;
  /** Parsed; undefined when the body is not JSON. */
  readonly body: unknown;
}

export interface HttpClient {
  /** Rejects with HttpFault: time-out, connection, too long an answer. A status is no fault. Follows no redirect. */
  postJson(url: string, body: unknown, options: PostOptions): Promise<HttpAnswer>;
  /** Loads what the first call needs, so that it is not taken from that call's time. */
  prepare(): Promise<void>;
  close(): Promise<void>;
}

export interface PostOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** From the call to the last byte of the answer; may have a fraction, as what is left of a monotonic clock's time has. */
  readonly timeoutMs: number;
  readonly answerBytesMax: number;
}

export class HttpFault extends Error {
  readonly kind: 'timeout' | 'transport' | 'too_large';

  /** The message never holds what was sent or received. */
  constructor(kind: HttpFault['kind'], message: string) {
    super(message);
    this.name = 'HttpFault';
    this.kind = kind;
  }
}

export interface HttpClientOptions {
  /** Connections to one origin; more calls than this wait, within their time. */
  readonly connectionsMax: number;
}

export function createHttpClient({ connectionsMax }: HttpClientOptions): HttpClient {
  // Loaded when it is needed: most gateways never make a call.
  let agent: Promise<Agent> | undefined;
  const open = (): Promise<Agent> => (agent ??= import('undici').then((undici) => new undici.Agent({ connections: connectionsMax })));
  return {
    postJson: (url, body, options) => postJson(open, url, body, options),
    prepare: async () => void (await open()),
    close: async () => (await agent)?.destroy(),
  };
}

async function postJson(open: () => Promise<Agent>, url: string, body: unknown, options: PostOptions): Promise<HttpAnswer> {
  const { origin, pathname, search } = new URL(url);
  const timeoutMs = Math.ceil(options.timeoutMs); // AbortSignal and undici take whole ones alone
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const answer = await (await open()).request({
      origin,
      path: pathname + search,
      method: 'POST',
      headers: { ...options.headers, 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(body),
      signal,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
    const text = await readBounded(answer.body, options.answerBytesMax);
    return { status: answer.statusCode, body: parseOrUndefined(text) };
  } catch (error) {
    throw toFault(error, signal);
  }
}

async function readBounded(body: AsyncIterable<Uint8Array>, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop early destroys the body, and with it the connection.
  for await (const chunk of body) {
    size += chunk.length;
    if (size > bytesMax) throw new HttpFault('too_large', `the answer is longer than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function toFault(error: unknown, signal: AbortSignal): HttpFault {
  if (error instanceof HttpFault) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (signal.aborted || code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') return new HttpFault('timeout', 'no answer in time');
  return new HttpFault('transport', code === '' ? 'the connection failed' : `the connection failed (${code})`);
}
