// An answer that comes as a stream: event by event through the response firewall, in order, and no faster than the client takes it. One that is nothing
// but its answer, as most are, goes to the client whole: one line in the log and two writes less.
import type { Exchange } from '../chain/exchange.js';
import { deny, type Deny } from '../chain/verdict.js';
import { JSON_HEADERS, SSE_HEADERS } from '../mcp/media-types.js';
import { METHOD_NOT_FOUND } from '../mcp/rpc-codes.js';
import { TOOLS_CHANGED } from '../mcp/subscriptions.js';
import type { Screened } from '../response/scanned.js';
import type { SseEvent } from '../upstream/sse.js';
import { READ_BYTES } from './answer-memory.js';
import { HTTP_OK } from './answers.js';
import { claimAnswer } from './asked.js';
import type { ServerMessage } from './message.js';
import type { MessageScreen } from './message-screen.js';
import type { Leg, TerminalServices } from './services.js';
import { noteEventOwner } from './event-owners.js';
import { EventTurns, type EventReceiver } from './event-turns.js';
import { keepEvent, withData } from './sse-event.js';
import { errorMembers, tellServer } from './tell-server.js';
import { StreamPlace, type RestOfStream } from './rest-of-stream.js';
import type { StreamedCall } from './streamed-call.js';
import { endWithRefusal } from './stream-refusal.js';

/** Servers send the head when a call begins, and the answer when their tool is through. Shorter than the time in which a client would see the head anyway (HEADERS_FLUSH_MS of the front). */
const HEAD_HELD_MS = 25;
/** Nor does it come with the end of the stream: many servers write that by itself, right behind it. */
const ANSWER_HELD_MS = 5;
export const AFTER_ANSWER_MS = 500; // a stream ends with its answer (2025-11-25, basic/transports); one that does not would hold a connection for minutes

export class AnswerStream implements EventReceiver {
  readonly #exchange: Exchange;
  readonly #services: TerminalServices;
  readonly #screen: MessageScreen;
  readonly #call: StreamedCall;
  readonly #leg: Leg;
  #events: EventTurns;
  /** Events whose turn has not come: the stream's head is not out yet, or one before them is still being scanned. */
  #queue: SseEvent[] = [];
  #busy = false;
  /** The client's stream has not been begun: its answer may come soon, and be all of it. */
  #unbegun = false;
  /** It has not. */
  #isLate = false;
  #stopHolding: (() => void) | undefined;
  /** That answer: its event, and its data. */
  #held: { readonly raw: Uint8Array; readonly data: Uint8Array } | undefined;
  /** The client has not taken what it was sent. */
  #clientFull = false;
  /** Of the event that is being screened. */
  #screening = 0;
  /** The stream's line is being written: nothing can be sent or ended yet. */
  #beginning = false;
  #answered = false;
  /** The client has an event's id: it can come back for what follows. */
  #resumable = false;
  readonly #place = new StreamPlace();
  /** The call's, which keeps no room for it where no stream came. Once it is there, what comes was asked for by GET: a server that does not know the place sends what its whole session hears. */
  rest: RestOfStream | undefined;
  /** Its answer was a question to the client: what follows is not this stream's. */
  #handedOn = false;
  #upstreamEnded = false;
  #stopped = false;
  /** What is still being scanned is not waited for. */
  #refused = false;
  /** Why the answer will not come; told once the stream has begun. */
  #cause: Deny | undefined;

  constructor(exchange: Exchange, services: TerminalServices, screen: MessageScreen, call: StreamedCall, leg: Leg) {
    this.#exchange = exchange;
    this.#services = services;
    this.#screen = screen;
    this.#call = call;
    this.#leg = leg;
    this.#events = this.#newEvents();
  }

  #newEvents(): EventTurns {
    return new EventTurns(this.#exchange.ctx.snapshot.config.upstream.answer_bytes_max, this);
  }

  begin(): void {
    if (!this.#exchange.readsEvents || this.#exchange.streams) return;
    this.#unbegun = true;
    this.#hold(HEAD_HELD_MS);
  }

  #hold(ms: number): void {
    this.#stopHolding?.();
    this.#stopHolding = this.#services.every(ms, () => this.#exchange.guard(() => {
      this.#stopHolding?.();
      this.#isLate = true;
      if (!this.#busy) this.#beginNow();
    }));
  }

  /** It is begun now, or never. */
  #heldNoMore(): void {
    this.#unbegun = false;
    this.#stopHolding?.();
  }

  /** What is held goes out first; then what waits, or `act` in its place. */
  #beginNow(act: () => void = () => this.#drain()): void {
    if (!this.#unbegun || this.#exchange.ended) return;
    this.#heldNoMore();
    this.#busy = true;
    this.#beginning = true;
    this.#exchange.beginStream(HTTP_OK, SSE_HEADERS, () => {
      this.#busy = false;
      this.#beginning = false;
      const held = this.#held;
      this.#held = undefined; // a stream may go on, or its client take long: megabytes of an answer that is out must not wait with it
      if (held !== undefined) this.#pass(held.raw);
      act();
    });
  }

  push(chunk: Uint8Array): void {
    this.#events.push(chunk);
    this.#flow();
  }

  /** @internal */
  guard(step: () => void): void {
    this.#exchange.guard(step);
  }

  /** @internal */
  onTooLarge(): void {
    this.#call.fail(deny('mcp_invalid_response', { reasonCode: 'event_too_large' }));
  }

  /** @internal */
  onBehind(): void {
    this.#flow();
  }

  /** @internal */
  onCaughtUp(): void {
    this.#drain();
  }

  /** `cause`: why the server's side ended, where it did not end by itself. Events that came before it still count, the answer may be among them. */
  upstreamEnded(cause: Deny | undefined): void {
    this.#upstreamEnded = true;
    this.#cause = cause;
    this.#drain();
  }

  /** The client has its head, or is about to. */
  get hasBegun(): boolean {
    return this.#exchange.readsEvents && !this.#unbegun;
  }

  /** Drops what has not been handed on. */
  stop(): void {
    this.#stopped = true;
    this.#stopHolding?.();
    this.#queue = [];
    this.#events.stop();
  }

  /** Who is gone takes nothing more, and what waits for nobody must not hold the tool server's connection: the rest is read for the record. */
  clientGone(): void {
    this.#clientFull = false;
    this.#flow();
  }

  /** A refusal after the stream began is its last event, under the request's id. */
  refuse(refusal: Deny): void {
    this.#upstreamEnded = true;
    this.#cause = refusal;
    this.#refused = true;
    if (this.#unbegun) this.#beginNow(() => this.#finishWith(refusal));
    else if (!this.#beginning) this.#finishWith(refusal);
  }

  /** @internal */
  onEvent(event: SseEvent): void {
    if (this.#stopped) return;
    if (!this.#busy && this.#queue.length === 0) this.#take(event);
    else {
      this.#queue.push(keepEvent(event));
      this.#flow();
    }
  }

  /** What waits here, for a scan or a slow client, is not read on from the server: memory stays at one read's worth of events. */
  #flow(): void {
    this.#call.holds(this.#heldBytes(), this.#clientFull);
    this.#call.flow(this.holdsBack);
  }

  get holdsBack(): boolean {
    return this.#clientFull || this.#queue.length > 0 || this.#events.behind || (this.#busy && this.#events.kept > READ_BYTES && this.#call.crowded);
  }

  /** Not counting what two reads bring: so much may be here of the next event when a client turns out to be slow. */
  #heldBytes(): number {
    const bytes = this.#queue.reduce((sum, { raw }) => sum + 2 * raw.length, this.#screening + (this.#upstreamEnded ? 0 : this.#events.kept));
    return bytes > 2 * READ_BYTES ? bytes : 0;
  }

  #drain(): void {
    while (!this.#busy) {
      const next = this.#queue.shift();
      if (next === undefined) break;
      this.#take(next);
    }
    this.#flow();
    if (!this.#busy && this.#upstreamEnded && this.#queue.length === 0 && !this.#events.behind) this.#finish();
  }

  #take(received: SseEvent): void {
    this.#place.note(received);
    const event = this.#exchange.readsEvents ? this.#screen.cleanFraming(received) : received;
    if (event.id !== undefined && event.id !== '') this.#noteId(event.id);
    const message = event.data === undefined || event.data.length === 0 ? undefined : this.#screen.read(event.data);
    if (this.rest !== undefined && this.#leg.shared && (message?.kind !== 'response' || !this.#screen.isOurs(message))) return; // another caller's
    if (!this.#unbegun || (message?.kind === 'response' && this.#held === undefined)) {
      this.#takeRead(event, message);
      return;
    }
    const kept = keepEvent(event);
    this.#beginNow(() => {
      if (!this.#stopped) this.#takeRead(kept, message);
      this.#drain();
    });
  }

  /** `message`: what its data says; undefined where it has none. */
  #takeRead(event: SseEvent, message: ServerMessage | undefined): void {
    if (message === undefined) {
      this.#screen.taint();
      if (event.raw.length > 0) this.#pass(event.raw);
      return;
    }
    switch (message.kind) {
      case 'invalid':
        this.#call.fail(deny('mcp_invalid_response', { reasonCode: message.beyond ?? 'not_json_rpc' }));
        return;
      case 'response':
        if (!this.#screen.isOurs(message)) {
          this.#call.fail(deny('mcp_invalid_response', { reasonCode: 'not_the_answer' }));
          return;
        }
        this.#exchange.answered();
        break;
      case 'request':
        if (!this.#mayAsk(message)) return;
        break;
      case 'notification':
        if (message.method === TOOLS_CHANGED) void this.#services.tools.refresh(this.#leg.url).catch(() => undefined);
        break;
    }
    this.#release(event, message);
  }

  #release(event: SseEvent, message: ServerMessage): void {
    const kept = keepEvent(event); // a scan in the pool ends long after the splitter has taken its bytes back
    const data = kept.data ?? new Uint8Array(0);
    const bytes = message.kind === 'response' ? this.#screen.restore(data, message) : data;
    let now = true;
    this.#busy = true;
    this.#screening = kept.raw.length + data.length;
    this.#screen.release(bytes, bytes === data ? message.escapes : undefined, (screened) => {
      this.#screening = 0;
      if (this.#refused) return;
      this.#busy = false;
      if (screened.kind === 'block') {
        if (message.kind === 'request') this.#exchange.serverRequest(message.method, this.#leg.url, screened.refusal, () => undefined, screened.findings);
        this.#block(screened.refusal);
      }
      else this.#deliver(kept, message, screened, screened.bytes === data);
      if (!now) this.#drain();
    });
    now = false;
  }

  #deliver(event: SseEvent, message: ServerMessage, screened: Screened & { readonly kind: 'release' }, unchanged: boolean): void {
    if (message.kind === 'response') {
      this.#handedOn = this.#call.asksInput(screened.bytes);
      if (this.#handedOn) {
        this.#heldNoMore();
        return;
      }
      this.#answered = true;
    }
    if (!this.#exchange.readsEvents) {
      // Collapsed: of the stream only the answer reaches a caller that reads one JSON document.
      if (message.kind !== 'response') return;
      this.#exchange.settle('success');
      this.#exchange.answer(HTTP_OK, JSON_HEADERS, Buffer.from(screened.bytes));
      this.#endSoon();
      return;
    }
    const raw = unchanged ? event.raw : withData(event, screened.bytes);
    if (this.#unbegun) {
      this.#held = { raw, data: screened.bytes };
      if (this.#upstreamEnded) return;
      if (this.#isLate) this.#beginNow();
      else this.#hold(ANSWER_HELD_MS);
      return;
    }
    if (message.kind !== 'request') {
      this.#pass(raw);
      return;
    }
    this.#busy = true;
    this.#exchange.serverRequest(message.method, this.#leg.url, undefined, () => {
      this.#pass(raw);
      this.#busy = false;
      this.#drain();
    }, screened.findings);
  }

  /** A tool server may ask only a client that has a session to answer in; others get "no such method" in their name. */
  #mayAsk(message: ServerMessage): boolean {
    const { ctx } = this.#exchange;
    const leg = this.#leg;
    if (leg.mappedTo === 'modern') { // such a server asks in its answer, and takes no answers (2026-07-28, basic/transports)
      this.#exchange.serverRequest(message.method, leg.url, deny('mcp_invalid_request', { reasonCode: 'client_cannot_answer' }), () => undefined);
      return false;
    }
    if (ctx.mcpSession !== undefined && ctx.mcpSession !== 'none' && this.#exchange.readsEvents && claimAnswer(ctx.mcpSession, message.idText, leg.url)) return true;
    this.#exchange.serverRequest(message.method, leg.url, deny('mcp_invalid_request', { reasonCode: 'client_cannot_answer' }), () => tellServer(this.#services, ctx, leg, errorMembers(message.idText, METHOD_NOT_FOUND, 'The client cannot answer requests.')));
    return false;
  }

  #pass(raw: Uint8Array): void {
    if (!this.#exchange.readsEvents) return;
    if (this.#exchange.write(raw) || this.#clientFull) return;
    this.#clientFull = true;
    this.#flow();
    this.#exchange.reply.onDrain(() => {
      this.#clientFull = false;
      this.#flow();
    });
  }

  #endSoon(): void {
    const stop = this.#services.every(AFTER_ANSWER_MS, () => {
      stop();
      this.#call.giveUp();
    });
  }

  #block(refusal: Deny): void {
    this.#call.giveUp();
    this.#exchange.settle('success');
    if (this.#unbegun) this.#beginNow(() => this.#finishWith(refusal));
    else this.#finishWith(refusal);
  }

  #finish(): void {
    if (this.#exchange.ended || this.#handedOn) return;
    if (this.#unbegun) {
      if (this.#held === undefined) this.#beginNow();
      else this.#answerWhole(this.#held);
      return;
    }
    if (this.#answered) {
      this.#exchange.settle('success');
      this.#exchange.endStream();
      return;
    }
    // Of a client that is gone but may come back, nobody else asks for the rest: a server gives it once. Who reads no events doesn't come back for them.
    if (this.#cause === undefined && (this.#resumable || (this.#exchange.readsEvents && this.#exchange.reply.aborted))) {
      this.#leaveForLater();
      return;
    }
    if (this.#cause === undefined && this.#call.readsOn(this.#place)) {
      this.#upstreamEnded = false;
      this.#events = this.#newEvents(); // what was begun of an event is void
      this.#flow();
      return;
    }
    const cause = this.#cause ?? deny('mcp_invalid_response', { reasonCode: 'stream_ended_without_answer' });
    this.#call.settleWith(cause);
    this.#finishWith(cause);
  }

  #answerWhole({ raw, data }: { readonly raw: Uint8Array; readonly data: Uint8Array }): void {
    this.#heldNoMore();
    this.#held = undefined;
    this.#exchange.settle('success');
    if (this.#exchange.reply.carrier === undefined) this.#exchange.answer(HTTP_OK, SSE_HEADERS, raw);
    else this.#exchange.answer(HTTP_OK, JSON_HEADERS, data);
  }

  #noteId(id: string): void {
    const { mcpSession, snapshot } = this.#exchange.ctx;
    if (mcpSession !== undefined && mcpSession !== 'none' && snapshot.registry.upstreams.length > 1) noteEventOwner(mcpSession, id, this.#leg.url);
    this.#resumable = this.#canResume();
  }

  /** A server may end a stream before its answer, for the client to ask for the rest by GET and Last-Event-ID (2025-11-25, basic/transports). Behind several servers the gateway asks for it. */
  #canResume(): boolean {
    const { call, mcpSession, snapshot } = this.#exchange.ctx;
    if (this.#exchange.reply.carrier !== undefined) return false; // such a client has one stream, and reads no ids on it
    return this.#exchange.readsEvents && call?.era === 'legacy' && mcpSession !== undefined && mcpSession !== 'none' && this.#leg.sessionBound && snapshot.registry.upstreams.length === 1;
  }

  /** No failure: the answer comes on the session's own stream, or never, which the client's own time limit finds out. */
  #leaveForLater(): void {
    this.#screen.taint();
    this.#exchange.settle('neutral');
    this.#exchange.endStream();
  }

  #finishWith(refusal: Deny): void {
    // What a broken stream still owes can be fetched on the session's own stream (2025-11-25, basic/transports: resumability).
    this.#screen.taint();
    if (!this.#exchange.readsEvents) {
      this.#exchange.refuse(refusal);
      return;
    }
    if (!this.#answered) {
      endWithRefusal(this.#exchange, this.#screen.idText, refusal);
      return;
    }
    this.#exchange.endStream(refusal.code);
  }
}
