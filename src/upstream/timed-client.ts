// The time-outs of a call, beside whoever waits for it: for clients that have none of their own.
import type { UpstreamCall, UpstreamClient, UpstreamFault, UpstreamRequest, UpstreamSink } from './types.js';

export function withTimeouts(inner: UpstreamClient, monotonicMs: () => number): UpstreamClient {
  return {
    send: (request, sink) => new TimedCall(inner, request, sink, monotonicMs),
    close: () => inner.close(),
  };
}

class TimedCall implements UpstreamCall, UpstreamSink {
  readonly #request: UpstreamRequest;
  readonly #sink: UpstreamSink;
  readonly #monotonicMs: () => number;
  readonly #inner: UpstreamCall;
  #timer: NodeJS.Timeout;
  #hasHead = false;
  #lastByteMs = 0;
  #paused = false;
  #done = false;

  constructor(inner: UpstreamClient, request: UpstreamRequest, sink: UpstreamSink, monotonicMs: () => number) {
    this.#request = request;
    this.#sink = sink;
    this.#monotonicMs = monotonicMs;
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
    clearTimeout(this.#timer);
    return true;
  }
}

function onTimer(call: TimedCall): void {
  call.onTimeout();
}
