// A stream that stays open for as long as its client listens: kept alive, no faster than the client takes it, and over when the proof of who listens is.
// What tool servers say on it comes in order, each event handled to its end before the next.
import type { Exchange } from '../chain/exchange.js';
import { NO_WORK } from '../chain/upstream-work.js';
import { deny } from '../chain/verdict.js';
import { isSse } from '../mcp/media-types.js';
import { KEEP_ALIVE, KEEP_ALIVE_MS } from '../mcp/message-events.js';
import type { Screened } from '../response/scanned.js';
import type { SseEvent } from '../upstream/sse.js';
import type { UpstreamCall, UpstreamRequest } from '../upstream/types.js';
import { HTTP_OK } from './answers.js';
import { EventTurns, type EventReceiver } from './event-turns.js';
import type { Leg, TerminalServices } from './services.js';
import { keepEvent } from './sse-event.js';

/** What a server's stream was: whether it began at all, and the status it was answered with; 0 = none came. */
export interface StreamEnd {
  readonly began: boolean;
  readonly status: number;
}

export class LongStream {
  readonly exchange: Exchange;
  readonly services: TerminalServices;
  readonly #lastEvent: string | undefined;
  readonly #onTick: () => void;
  readonly #calls = new Set<UpstreamCall>();
  readonly #stopTicking: () => void;
  readonly #whenOver: (() => void)[] = [];
  /** Events that were read and not yet handled. */
  #waiting = 0;
  /** Calls of which more has come than is read in one turn. */
  readonly #behind = new Set<UpstreamCall>();
  #clientFull = false;
  #stopped = false;
  #order: Promise<void> = Promise.resolve();

  /** `lastEvent`: what a client is told when the gateway ends the stream. `onTick`: called with every keep-alive. */
  constructor(exchange: Exchange, services: TerminalServices, { lastEvent, onTick }: { readonly lastEvent?: string; readonly onTick?: () => void } = {}) {
    this.exchange = exchange;
    this.services = services;
    this.#lastEvent = lastEvent;
    this.#onTick = onTick ?? ((): void => undefined);
    this.#stopTicking = services.every(KEEP_ALIVE_MS, () => this.#tick());
    exchange.work = { ...NO_WORK, clientGone: () => this.#stop(() => exchange.endStream('client_disconnected')), giveUp: () => this.#stop(() => undefined) };
  }

  get stopped(): boolean {
    return this.#stopped || this.exchange.reply.aborted;
  }

  readonly end = (): void => this.#stop(() => this.#endWell());

  /** Once the stream has begun. */
  start(firstEvent: string): void {
    this.write(firstEvent);
    const { evidence, receivedUs } = this.exchange.ctx.inbound;
    this.services.openStreams.add(this.end, () => this.#judge(), evidence.tls ? receivedUs : undefined);
    if (this.exchange.reply.aborted) this.#stop(() => this.exchange.endStream('client_disconnected'));
  }

  whenOver(run: () => void): void {
    if (this.#stopped) run();
    else this.#whenOver.push(run);
  }

  /** `onEnd` comes after the last event was handled; not once the client's stream is over, nor after what is returned was called, which ends it. */
  follow(request: UpstreamRequest, onEvent: (event: SseEvent) => Promise<void>, onEnd: (end: StreamEnd) => void = () => undefined): () => void {
    if (this.stopped) return () => undefined;
    let events: EventTurns | undefined;
    let status = 0;
    let isOver = false;
    const end = (): void => this.#inTurn(() => Promise.resolve(onEnd({ began: events !== undefined, status })));
    const done = (): void => {
      this.#calls.delete(call);
      isOver = true;
      if (!this.#behind.has(call)) end();
    };
    const receiver: EventReceiver = {
      onEvent: (event) => (this.#stopped ? events?.stop() : this.#take(keepEvent(event), onEvent)),
      onTooLarge: () => {
        this.#behind.delete(call);
        call.abort();
        done();
      },
      onBehind: () => {
        this.#behind.add(call);
        this.#flow();
      },
      onCaughtUp: () => {
        if (!this.#behind.delete(call)) return;
        this.#flow();
        if (isOver) end();
      },
      guard: (step) => this.exchange.guard(step),
    };
    const call = this.services.client.send(request, {
      onHead: (head, fields) => {
        status = head;
        if (status === HTTP_OK && isSse(fields['content-type'] ?? '')) events = new EventTurns(this.exchange.ctx.snapshot.config.upstream.answer_bytes_max, receiver);
      },
      onData: (chunk) => events?.push(chunk),
      onEnd: done,
      onFault: done,
    });
    this.#calls.add(call);
    return () => {
      events?.stop();
      this.#behind.delete(call);
      if (this.#calls.delete(call)) call.abort();
      this.#flow();
    };
  }

  /** Each message of a server crosses the response firewall before it may be written. */
  async screen(leg: Leg, data: Uint8Array, escapes: boolean | undefined): Promise<Screened> {
    const screened = await this.services.firewalls.of(this.exchange.ctx.snapshot, leg.url).screen(data, escapes);
    this.exchange.addFindings(screened.findings);
    return screened;
  }

  write(bytes: Uint8Array | string): void {
    if (this.exchange.write(bytes) || this.#clientFull) return;
    this.#clientFull = true;
    this.#flow();
    this.exchange.reply.onDrain(() => {
      this.#clientFull = false;
      this.#flow();
    });
  }

  /** A stream lives for hours, and longer than many a certificate: with the proof of who listens ends what he may hear. */
  endIfExpired(): boolean {
    const { caller } = this.exchange.ctx;
    if (caller === undefined || this.services.nowMs() < caller.expiresMs) return false;
    this.#stop(() => this.#endWell('auth_invalid_identity'));
    return true;
  }

  /** An authority may have been taken away, or an identity: with what vouched for the listener ends what he may hear. */
  async #judge(): Promise<void> {
    const { ctx, reply } = this.exchange;
    try {
      if (this.stopped || (await this.services.isProven(ctx))) return;
      reply.carrier?.provenUntil(this.services.nowMs()); // a connection of many messages is this client's as a whole
      this.#stop(() => this.#endWell('auth_invalid_identity'));
    } catch {
      this.#stop(() => this.exchange.cut(deny('gateway_fault')));
    }
  }

  #take(event: SseEvent, handle: (event: SseEvent) => Promise<void>): void {
    this.#waiting += 1;
    this.#flow();
    this.#inTurn(async () => {
      try {
        if (!this.stopped && !this.endIfExpired()) await handle(event);
      } finally {
        this.#waiting -= 1;
        this.#flow();
      }
    });
  }

  #inTurn(step: () => Promise<void>): void {
    this.#order = this.#order.then(() => (this.#stopped ? undefined : step())).catch(() => this.#stop(() => this.exchange.cut(deny('gateway_fault'))));
  }

  #tick(): void {
    if (this.endIfExpired()) return;
    void this.#judge(); // also what was decided before a change, and has begun after it
    this.write(KEEP_ALIVE);
    this.#onTick();
  }

  /** What waits here, for a scan or a slow client, is not read on from the servers. */
  #flow(): void {
    for (const call of this.#calls) {
      if (this.#clientFull || this.#waiting > 0 || this.#behind.size > 0) call.pause();
      else call.resume();
    }
  }

  #endWell(code?: string): void {
    if (this.#lastEvent !== undefined) this.exchange.write(this.#lastEvent);
    this.exchange.endStream(code);
  }

  #stop(end: () => void): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#stopTicking();
    this.services.openStreams.delete(this.end);
    for (const call of this.#calls) call.abort();
    this.#calls.clear();
    for (const run of this.#whenOver) run();
    end();
  }
}
