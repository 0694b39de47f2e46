// HTTP/1.1 to one origin over undici's pool, as callbacks: one object per call, no promise, no redirect, no decompression. For https:, and beside the own client in tests and bench.
import { createRequire } from 'node:module';
import type { Dispatcher, Pool } from 'undici';
import { FRAMING_HEADERS } from '../mcp/request-headers.js';
import { encodingFault, twiceFault } from './header-rules.js';
import type { Admission, Origin, OriginOptions, Target } from './origin.js';
import type { UpstreamCall, UpstreamFault, UpstreamRequest, UpstreamSink } from './types.js';

/** undici's codes for an answer that is not HTTP as agreed, in contrast to a connection that broke. */
const PROTOCOL_CODES = new Set(['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'UND_ERR_RES_EXCEEDED_MAX_SIZE', 'UND_ERR_INVALID_ARG']);

/** Loads the library, once: with the first https: upstream, for it is a tenth of a start and 5 MB of every thread. */
export function loadUndici(): typeof import('undici') {
  return createRequire(import.meta.url)('undici') as typeof import('undici');
}

export class UndiciOrigin implements Origin {
  readonly admission: Admission;
  readonly options: OriginOptions;
  readonly pool: Pool;

  constructor(url: URL, admission: Admission, options: OriginOptions) {
    this.admission = admission;
    this.options = options;
    this.pool = new (loadUndici().Pool)(url.origin, {
      connections: options.connectionsMax,
      pipelining: 1, // a second request behind a hanging one would share its fate
      connect: { timeout: options.connectTimeoutMs },
      maxHeaderSize: options.headerBytesMax,
      keepAliveTimeout: options.keepAliveMs,
      headersTimeout: 0, // the exchange has its own, exact timer
      bodyTimeout: 0,
      allowH2: false,
    });
  }

  get connections(): number {
    return this.pool.stats.connected;
  }

  start(request: UpstreamRequest, sink: UpstreamSink, target: Target): UpstreamCall {
    const exchange = new Exchange(request, sink, this);
    exchange.start(target.path);
    return exchange;
  }

  async close(): Promise<void> {
    await this.pool.destroy();
  }
}

class Exchange implements UpstreamCall, Dispatcher.DispatchHandler {
  readonly #request: UpstreamRequest;
  readonly #sink: UpstreamSink;
  readonly #origin: UndiciOrigin;
  #controller: Dispatcher.DispatchController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lastByteMs = 0;
  #hasHead = false;
  #paused = false;
  #done = false;
  /** undici has let go of the request: until then it counts, though its caller may have been answered. */
  #released = false;
  #bodyBytes = 0;
  /** While true, a fault is told after `send` has returned: the caller has no handle yet. */
  #starting = true;

  constructor(request: UpstreamRequest, sink: UpstreamSink, origin: UndiciOrigin) {
    this.#request = request;
    this.#sink = sink;
    this.#origin = origin;
  }

  start(path: string): void {
    const { httpMethod, headers, body, answerTimeoutMs } = this.#request;
    this.#bodyBytes = body?.length ?? 0; // taken now: lent bytes are gone, and then their length is 0
    this.#origin.admission.enter(this.#bodyBytes);
    this.#timer = setTimeout(onTimer, answerTimeoutMs, this);
    this.#origin.pool.dispatch({
      path,
      method: httpMethod,
      headers: headerList(headers),
      body: body === undefined ? null : Buffer.from(body), // a copy: the socket may keep it beyond this call
      idempotent: false, // never sent twice behind the caller's back
    }, this);
    this.#starting = false;
  }

  abort(): void {
    if (this.#done) return;
    this.#finish();
    this.#controller?.abort(new Error('cancelled'));
  }

  pause(): void {
    this.#paused = true;
    this.#controller?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#lastByteMs = this.#origin.options.monotonicMs();
    if (!this.#done) this.#controller?.resume();
  }

  /** Called right before the request's first byte is written. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#done) {
      this.#release();
      return controller.abort(new Error('cancelled'));
    }
    if (this.#paused) controller.pause();
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: Record<string, string | string[] | undefined>): void {
    if (this.#done || status < 200) return; // 1xx: RFC 9110 section 15.2, the answer is still to come
    const plain = plainHeaders(headers);
    if (typeof plain === 'string') return this.#refuseAnswer(controller, plain);
    this.#hasHead = true;
    this.#lastByteMs = this.#origin.options.monotonicMs();
    if (this.#request.idleTimeoutMs < this.#request.answerTimeoutMs) this.#rearm(this.#request.idleTimeoutMs);
    this.#sink.onHead(status, plain);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#done) return;
    this.#lastByteMs = this.#origin.options.monotonicMs();
    this.#sink.onData(chunk);
  }

  onResponseEnd(): void {
    if (this.#done) return;
    this.#finish();
    this.#sink.onEnd();
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#fault({ kind: faultKind(error), maybeSent: this.#controller !== undefined, message: error.message });
    this.#release();
  }

  /** @internal the timer's end */
  onTimeout(): void {
    if (!this.#hasHead) return this.#timeOut(`no answer within ${this.#request.answerTimeoutMs} ms`);
    const silentMs = this.#paused ? 0 : this.#origin.options.monotonicMs() - this.#lastByteMs; // a slow client is not the upstream's silence
    const leftMs = this.#request.idleTimeoutMs - silentMs;
    if (leftMs <= 0) return this.#timeOut(`silent for ${this.#request.idleTimeoutMs} ms within its answer`);
    this.#rearm(leftMs);
  }

  #timeOut(message: string): void {
    const controller = this.#controller;
    const crowdedOut = controller === undefined && this.#origin.pool.stats.running >= this.#origin.options.connectionsMax;
    this.#fault({ kind: 'timeout', maybeSent: controller !== undefined, crowdedOut, message });
    controller?.abort(new Error('timeout'));
  }

  #refuseAnswer(controller: Dispatcher.DispatchController, message: string): void {
    this.#fault({ kind: 'protocol', maybeSent: true, message });
    controller.abort(new Error(message));
  }

  #fault(fault: UpstreamFault): void {
    if (this.#done) return;
    this.#finish();
    if (this.#starting) process.nextTick(() => this.#sink.onFault(fault));
    else this.#sink.onFault(fault);
  }

  #rearm(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(onTimer, Math.max(1, delayMs), this);
  }

  #finish(): void {
    this.#done = true;
    clearTimeout(this.#timer);
    if (this.#controller !== undefined) this.#release();
  }

  #release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#origin.admission.leave(this.#bodyBytes);
  }
}

function onTimer(exchange: Exchange): void {
  exchange.onTimeout();
}

function headerList(headers: Readonly<Record<string, string>>): string[] {
  const list = ['accept-encoding', 'identity']; // what the firewall can't read, it can't scan
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (value !== undefined && !FRAMING_HEADERS.has(name)) list.push(name, value);
  }
  return list;
}

/** One value per name, or why the answer is refused. */
function plainHeaders(headers: Record<string, string | string[] | undefined>): Record<string, string> | string {
  const plain: Record<string, string> = {};
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (value === undefined) continue;
    const twice = Array.isArray(value) ? twiceFault(name) : undefined;
    if (twice !== undefined) return twice;
    plain[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return encodingFault(plain['content-encoding']) ?? plain;
}

function faultKind(error: Error): UpstreamFault['kind'] {
  if (error.name === 'HTTPParserError') return 'protocol'; // its code is absent for some of llhttp's errors
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' && PROTOCOL_CODES.has(code) ? 'protocol' : 'transport';
}
