// HTTP/1.1 to tool servers over undici's pools, as callbacks: one object per call, no promise, no redirect, no decompression.
import { Pool, type Dispatcher } from 'undici';
import type { UpstreamCall, UpstreamClient, UpstreamFault, UpstreamRequest, UpstreamSink } from './types.js';

const HEADER_BYTES_MAX = 32 * 1024; // an MCP answer has a dozen headers; more is an attack on memory
const WAITING_MAX = 10_000; // calls waiting for a connection of one upstream; above it a call is refused instead of queued
const HELD_BYTES_MAX = 512 * 1024 * 1024; // bodies of calls to one upstream, those included whose caller was already told that it took too long
const URLS_MAX = 4096; // distinct URLs come from the registry; the bound only stops a programming error
const STREAMS_MAX = 20_000; // sessions that listen to one upstream, each on a connection of its own: bounded by file descriptors, and never at the calls' expense
const KEEP_ALIVE_MS = 4_000; // shorter than the 5 s after which Node servers close an idle connection

/** Headers the client sets itself, or that would let a caller reframe the request (RFC 9110 section 7.6.1). */
const OWN_HEADERS = new Set(['host', 'content-length', 'connection', 'transfer-encoding', 'keep-alive', 'upgrade', 'expect', 'te', 'trailer', 'proxy-connection', 'accept-encoding']);

/** An answer that names one of these twice can be read in two ways. */
const SINGLE_HEADERS = ['content-type', 'mcp-session-id', 'mcp-protocol-version'] as const;

/** undici's codes for an answer that is not HTTP as agreed, in contrast to a connection that broke. */
const PROTOCOL_CODES = new Set(['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'UND_ERR_RES_EXCEEDED_MAX_SIZE', 'UND_ERR_INVALID_ARG']);

export interface UpstreamClientOptions {
  readonly connectTimeoutMs: number;
  /** Connections to one origin. */
  readonly connectionsMax: number;
  readonly headerBytesMax?: number;
  readonly waitingMax?: number;
  readonly heldBytesMax?: number;
}

interface Origin {
  readonly pool: Pool;
  readonly connectionsMax: number;
  readonly inFlightMax: number;
  inFlight: number;
  heldBytes: number;
}

interface Target {
  readonly calls: Origin;
  /** A session's stream is open for hours: it must not take the connection of a call. */
  readonly streams: Origin;
  readonly path: string;
}

export function createUpstreamClient(options: UpstreamClientOptions): UpstreamClient {
  const origins = new Map<string, Origin>();
  const targets = new Map<string, Target>();
  let closed = false;

  function originOf(name: string, use: 'calls' | 'streams'): Origin {
    const key = `${use} ${name}`;
    const known = origins.get(key);
    if (known !== undefined) return known;
    const connections = use === 'calls' ? options.connectionsMax : STREAMS_MAX;
    const pool = new Pool(name, {
      connections,
      pipelining: 1, // a second request behind a hanging one would share its fate
      connect: { timeout: options.connectTimeoutMs },
      maxHeaderSize: options.headerBytesMax ?? HEADER_BYTES_MAX,
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: 0, // the exchange has its own, exact timer
      bodyTimeout: 0,
      allowH2: false,
    });
    const origin: Origin = { pool, connectionsMax: connections, inFlight: 0, heldBytes: 0, inFlightMax: use === 'calls' ? connections + (options.waitingMax ?? WAITING_MAX) : connections };
    origins.set(key, origin);
    return origin;
  }

  function targetOf(url: string): Target | string {
    const known = targets.get(url);
    if (known !== undefined) return known;
    if (targets.size >= URLS_MAX) return 'too many different upstream URLs';
    const parsed = parseUpstreamUrl(url);
    if (typeof parsed === 'string') return parsed;
    const target = { calls: originOf(parsed.origin, 'calls'), streams: originOf(parsed.origin, 'streams'), path: `${parsed.pathname}${parsed.search}` };
    targets.set(url, target);
    return target;
  }

  return {
    send(request, sink) {
      const target = closed ? 'the upstream client is closed' : targetOf(request.url);
      if (typeof target === 'string') return new RefusedCall(sink, { kind: 'transport', maybeSent: false, message: target });
      const origin = request.httpMethod === 'GET' ? target.streams : target.calls;
      const full = origin.inFlight >= origin.inFlightMax || origin.heldBytes + (request.body?.length ?? 0) > (options.heldBytesMax ?? HELD_BYTES_MAX);
      if (full) return new RefusedCall(sink, { kind: 'transport', maybeSent: false, crowdedOut: true, message: 'too many calls wait for this upstream' });
      const exchange = new Exchange(request, sink, origin);
      exchange.start(target.path);
      return exchange;
    },
    async close() {
      closed = true;
      await Promise.all([...origins.values()].map(({ pool }) => pool.destroy()));
    },
  };
}

/** The URL, or why it can't be an upstream's. */
export function parseUpstreamUrl(text: string): URL | string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) return 'the upstream URL is malformed';
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'an upstream URL starts with http: or https:';
  if (url.username !== '' || url.password !== '') return 'an upstream URL holds no user name or password';
  return url;
}

/** A call that never began; its sink hears of it after `send` returned, as with every other call. */
class RefusedCall implements UpstreamCall {
  #done = false;

  constructor(sink: UpstreamSink, fault: UpstreamFault) {
    process.nextTick(() => { if (!this.#done) sink.onFault(fault); });
  }

  abort(): void { this.#done = true; }
  pause(): void { /* nothing flows */ }
  resume(): void { /* nothing flows */ }
}

class Exchange implements UpstreamCall, Dispatcher.DispatchHandler {
  readonly #request: UpstreamRequest;
  readonly #sink: UpstreamSink;
  readonly #origin: Origin;
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

  constructor(request: UpstreamRequest, sink: UpstreamSink, origin: Origin) {
    this.#request = request;
    this.#sink = sink;
    this.#origin = origin;
  }

  start(path: string): void {
    const { httpMethod, headers, body, answerTimeoutMs } = this.#request;
    this.#origin.inFlight += 1;
    this.#bodyBytes = body?.length ?? 0; // taken now: lent bytes are gone, and then their length is 0
    this.#origin.heldBytes += this.#bodyBytes;
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
    this.#lastByteMs = performance.now();
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
    this.#lastByteMs = performance.now();
    if (this.#request.idleTimeoutMs < this.#request.answerTimeoutMs) this.#rearm(this.#request.idleTimeoutMs);
    this.#sink.onHead(status, plain);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#done) return;
    this.#lastByteMs = performance.now();
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
    const silentMs = this.#paused ? 0 : performance.now() - this.#lastByteMs; // a slow client is not the upstream's silence
    const leftMs = this.#request.idleTimeoutMs - silentMs;
    if (leftMs <= 0) return this.#timeOut(`silent for ${this.#request.idleTimeoutMs} ms within its answer`);
    this.#rearm(leftMs);
  }

  #timeOut(message: string): void {
    const controller = this.#controller;
    const crowdedOut = controller === undefined && this.#origin.pool.stats.running >= this.#origin.connectionsMax;
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
    this.#origin.inFlight -= 1;
    this.#origin.heldBytes -= this.#bodyBytes;
  }
}

function onTimer(exchange: Exchange): void {
  exchange.onTimeout();
}

function headerList(headers: Readonly<Record<string, string>>): string[] {
  const list = ['accept-encoding', 'identity']; // what the firewall can't read, it can't scan
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (value !== undefined && !OWN_HEADERS.has(name)) list.push(name, value);
  }
  return list;
}

/** One value per name, or why the answer is refused. */
function plainHeaders(headers: Record<string, string | string[] | undefined>): Record<string, string> | string {
  const plain: Record<string, string> = {};
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (value !== undefined) plain[name] = typeof value === 'string' ? value : value.join(', ');
  }
  for (const name of SINGLE_HEADERS) {
    if (Array.isArray(headers[name])) return `the answer has more than one ${name} header`;
  }
  const encoding = plain['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') return `the answer is encoded (${encoding.slice(0, 32)}) though identity was asked for`;
  return plain;
}

function faultKind(error: Error): UpstreamFault['kind'] {
  if (error.name === 'HTTPParserError') return 'protocol'; // its code is absent for some of llhttp's errors
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' && PROTOCOL_CODES.has(code) ? 'protocol' : 'transport';
}
