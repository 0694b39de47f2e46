// The time-outs of a call, beside whoever waits for it, and the count of calls: for clients that have neither of their own.
import type { ReportingUpstreamClient, UpstreamCall, UpstreamClient, UpstreamFault, UpstreamRequest, UpstreamSink } from './types.js';

interface Load {
  requests: number;
  underWay: number;
}

/** Its URLs are those of the registry: there are as many loads as it names. */
export function withTimeouts(inner: UpstreamClient, monotonicMs: () => number): ReportingUpstreamClient {
  const loads = new Map<string, Load>();
  const loadOf = (url: string): Load => {
    const load = loads.get(url) ?? { requests: 0, underWay: 0 };
    loads.set(url, load);
    return load;
  };
  return {
    send: (request, sink) => new TimedCall(inner, request, sink, monotonicMs, loadOf(request.url)),
    report: () => [...loads].map(([url, load]) => ({ url, ...load, connections: 0 })),
    close: () => inner.close(),
  };
}

class TimedCall implements UpstreamCall, UpstreamSink {
  readonly #request: UpstreamRequest;
  readonly #sink: UpstreamSink;
  readonly #monotonicMs: () => number;
  readonly #load: Load;
  readonly #inner: UpstreamCall;
  #timer: NodeJS.Timeout;
  #hasHead = false;
  #lastByteMs = 0;
  #paused = false;
  #done = false;

  constructor(inner: UpstreamClient, request: UpstreamRequest, sink: UpstreamSink, monotonicMs: () => number, load: Load) {
    this.#request = request;
    this.#sink = sink;
    this.#monotonicMs = monotonicMs;
    this.#load = load;
    load.underWay += 1;
    if (request.httpMethod === 'POST') load.requests += 1;
    this.#timer = setTimeout(onTimer, request.answerTimeoutMs, this);
    this.#inner = inner.send(request, this);
  }

  onHead(status: number, headers: Readonly<Record<string, string>>): void {
    if (this.#done) return;
    this.#hasHead = true;
    this.#lastByteMs = this.#monotonicMs();
    this.#rearm(this.#request.idleTimeoutMs);
    this.#sink.onHead(status, headers);
  }

  onData(chunk: Uint8Array): void {
    if (this.#done) return;
    this.#lastByteMs = this.#monotonicMs();
    this.#sink.onData(chunk);
  }

  onEnd(): void {
    if (!this.#finish()) return;
    this.#sink.onEnd();
  }

  onFault(fault: UpstreamFault): void {
    if (!this.#finish()) return;
    this.#sink.onFault(fault);
  }

  abort(): void {
    if (this.#finish()) this.#inner.abort();
  }

  pause(): void {
    this.#paused = true;
    this.#inner.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#lastByteMs = this.#monotonicMs();
    this.#inner.resume();
  }

  /** @internal the timer's end */
  onTimeout(): void {
    if (!this.#hasHead) return this.#timeOut(`no answer within ${this.#request.answerTimeoutMs} ms`);
    const silentMs = this.#paused ? 0 : this.#monotonicMs() - this.#lastByteMs; // a slow client is not the server's silence
    const leftMs = this.#request.idleTimeoutMs - silentMs;
    if (leftMs <= 0) this.#timeOut(`silent for ${this.#request.idleTimeoutMs} ms within its answer`);
    else this.#rearm(leftMs);
  }

  #timeOut(message: string): void {
    this.#inner.abort();
    this.onFault({ kind: 'timeout', maybeSent: true, message });
  }

  #rearm(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(onTimer, Math.max(1, delayMs), this);
  }

  #finish(): boolean {
    if (this.#done) return false;
    this.#done = true;
    this.#load.underWay -= 1;
    clearTimeout(this.#timer);
    return true;
  }
}

function onTimer(call: TimedCall): void {
  call.onTimeout();
}
