// One question to an upstream by the gateway itself, whole in memory: the JSON-RPC answer with the given id, from JSON or from a stream.
import { parseJson } from '../base/json/parse-json.js';
import { createSseSplitter } from './sse.js';
import type { UpstreamCall, UpstreamClient, UpstreamFault, UpstreamRequest, UpstreamSink } from './types.js';

/** What went wrong, for people and for the breaker; `message` holds nothing an upstream wrote. */
export type AskFaultKind = UpstreamFault['kind'] | 'status' | 'not_mcp' | 'too_large' | 'rpc_error';

export class AskFault extends Error {
  readonly kind: AskFaultKind;
  /** HTTP status; 0 = none came. */
  readonly status: number;
  readonly maybeSent: boolean;
  /** JSON-RPC error code of `rpc_error`, or of the body that came with `status`. */
  readonly rpcCode: number | undefined;
  /** What it named in `error.data.supported` (2026-07-28, UnsupportedProtocolVersionError), unchecked. */
  readonly supported: unknown;

  constructor(kind: AskFaultKind, message: string, at: { status?: number; maybeSent?: boolean; rpcCode?: number | undefined; supported?: unknown } = {}) {
    super(message);
    this.name = 'AskFault';
    this.kind = kind;
    this.status = at.status ?? 0;
    this.maybeSent = at.maybeSent ?? true;
    this.rpcCode = at.rpcCode;
    this.supported = at.supported;
  }
}

export interface AskAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The whole JSON-RPC message; empty for a 202. */
  readonly bytes: Uint8Array;
  /** Its parsed `result`; undefined for a 202. */
  readonly result: unknown;
}

const STATUS_OK = 200;
const STATUS_ACCEPTED = 202;

/**
 * Rejects with AskFault. `id`: the request's own; undefined for a notification. Messages of a stream that are not its answer are passed over. The whole answer has
 * `request.answerTimeoutMs`: a server may send a byte, or an event that says nothing, now and then for ever.
 */
export function askUpstream(client: UpstreamClient, request: UpstreamRequest, id: number | undefined, answerBytesMax: number): Promise<AskAnswer> {
  return new Promise((resolve, reject) => {
    const reading = new Reading(id, answerBytesMax, resolve, reject);
    reading.begin(client, request);
  });
}

class Reading implements UpstreamSink {
  #call: UpstreamCall | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #id: number | undefined;
  readonly #bytesMax: number;
  readonly #resolve: (answer: AskAnswer) => void;
  readonly #reject: (fault: AskFault) => void;
  #status = 0;
  #headers: Readonly<Record<string, string>> = {};
  #bytes = 0;
  readonly #parts: Uint8Array[] = [];
  #splitter: ReturnType<typeof createSseSplitter> | undefined;
  #settled = false;
  #isLate = false;

  constructor(id: number | undefined, bytesMax: number, resolve: (answer: AskAnswer) => void, reject: (fault: AskFault) => void) {
    this.#id = id;
    this.#bytesMax = bytesMax;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  begin(client: UpstreamClient, request: UpstreamRequest): void {
    this.#timer = setTimeout(() => this.#timeIsUp(), request.answerTimeoutMs).unref(); // what waits has a connection, and that keeps the process alive
    this.#call = client.send(request, this);
  }

  onHead(status: number, headers: Readonly<Record<string, string>>): void {
    this.#status = status;
    this.#headers = headers;
    if (this.#isLate) return this.#timeIsUp();
    if (this.#id === undefined && status >= STATUS_OK && status < 300) return this.#settle({ bytes: new Uint8Array(0), result: undefined });
    const type = mediaType(headers);
    if (type === 'text/event-stream' && status === STATUS_OK) {
      this.#splitter = createSseSplitter(this.#bytesMax, (event) => { if (!this.#settled && event.data !== undefined) this.#take(Buffer.from(event.data), false); });
    } else if (type !== 'application/json' && status < 400) {
      this.#fail('not_mcp', status === STATUS_ACCEPTED ? 'it accepted the request without answering' : status >= 300 ? 'it answered with a redirect' : 'it answered neither JSON nor an event stream');
    }
  }

  onData(chunk: Uint8Array): void {
    if (this.#settled) return;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#bytesMax) return this.#fail('too_large', `it answered with more than ${this.#bytesMax} bytes`);
    if (this.#splitter === undefined) this.#parts.push(Buffer.from(chunk));
    else if (!this.#splitter.push(chunk)) this.#fail('too_large', `it sent an event of more than ${this.#bytesMax} bytes`);
  }

  onEnd(): void {
    clearTimeout(this.#timer);
    if (this.#settled) return;
    if (this.#splitter !== undefined) return this.#fail('not_mcp', 'its stream ended without an answer');
    this.#take(Buffer.concat(this.#parts), true);
  }

  onFault(fault: UpstreamFault): void {
    clearTimeout(this.#timer);
    if (this.#settled) return;
    this.#settled = true;
    this.#reject(new AskFault(fault.kind, fault.message, { status: this.#status, maybeSent: fault.maybeSent }));
  }

  #take(bytes: Uint8Array, isLast: boolean): void {
    const message = parseMessage(bytes);
    const { code, supported } = errorOf(message);
    if (this.#status >= 300) return this.#fail('status', `it answered with HTTP status ${this.#status}`, code, supported);
    if (message?.id === this.#id && code !== undefined) return this.#fail('rpc_error', `it answered with the JSON-RPC error ${code}`, code, supported);
    if (message !== undefined && message.id === this.#id && 'result' in message) return this.#settle({ bytes, result: message.result });
    if (isLast) this.#fail('not_mcp', 'its answer is not the JSON-RPC response asked for');
  }

  /** What is left of a stream is not wanted. Whole answers end by themselves, and keep their connection. */
  #settle(answer: Pick<AskAnswer, 'bytes' | 'result'>): void {
    this.#settled = true;
    if (this.#splitter !== undefined) this.#cut();
    this.#resolve({ status: this.#status, headers: this.#headers, ...answer });
  }

  #fail(kind: AskFaultKind, message: string, rpcCode?: number, supported?: unknown): void {
    this.#settled = true;
    this.#cut();
    this.#reject(new AskFault(kind, message, { status: this.#status, rpcCode, supported }));
  }

  /** Whether or not anybody still waits. Where nothing has come yet the client is about to say so itself, and whether anything was sent. */
  #timeIsUp(): void {
    this.#isLate = true;
    if (this.#settled) this.#cut();
    else if (this.#status > 0) this.#fail('timeout', 'its answer took too long');
  }

  #cut(): void {
    clearTimeout(this.#timer);
    this.#call?.abort();
  }
}

function mediaType(headers: Readonly<Record<string, string>>): string {
  return (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function parseMessage(bytes: Uint8Array): { readonly id?: unknown; readonly result?: unknown; readonly error?: unknown } | undefined {
  try {
    const value: unknown = parseJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function errorOf(message: { readonly error?: unknown } | undefined): { readonly code: number | undefined; readonly supported: unknown } {
  const error = message?.error;
  if (typeof error !== 'object' || error === null) return { code: undefined, supported: undefined };
  const { code, data } = error as { code?: unknown; data?: { supported?: unknown } | null };
  return { code: typeof code === 'number' ? code : 0, supported: data?.supported };
}
