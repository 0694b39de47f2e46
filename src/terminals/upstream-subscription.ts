// One tool server's subscriptions/listen on behalf of one client's stream: opened, its events passed on under the client's own id, and opened again
// when it breaks. What may have changed while nobody listened is then told as a change.
import { deny } from '../chain/verdict.js';
import { dataEvent, messageEvent } from '../mcp/message-events.js';
import { ACKNOWLEDGED, filterText, honoured, isNothing, NOTHING, possibleChanges, TOOLS_CHANGED, underSubscription, updatedUri, wants, type ListenFilter } from '../mcp/subscriptions.js';
import type { SseEvent } from '../upstream/sse.js';
import { limitsOf, SERVER_ERROR_FROM } from './answers.js';
import type { LongStream, StreamEnd } from './long-stream.js';
import { readServerMessage } from './message.js';
import type { Leg } from './services.js';

const REOPEN_FIRST_MS = 1_000;
const REOPEN_LAST_MS = 60_000; // a server that is gone for long is asked once a minute by each who listens

export interface Listener {
  /** The id the client knows its subscription by, raw; undefined = it has a session, and no subscription. */
  readonly idText: string | undefined;
  /** Raw text of the `_meta` that goes with the request. */
  readonly metaText: string;
  /** Whether this caller may hear of a resource, from this server. */
  readonly mayHear: (uri: string, url: string) => boolean;
}

export class UpstreamSubscription {
  readonly #stream: LongStream;
  readonly #url: string;
  readonly #wanted: () => ListenFilter;
  readonly #listener: Listener;
  /** What was asked of the server this time. */
  #filter: ListenFilter;
  #attempts = 0;
  #openedMs = 0;
  /** It was not heard for a while. */
  #missed = false;
  #stopWaiting: () => void = () => undefined;
  #stopFollowing: () => void = () => undefined;
  /** The stream before this one, until this one is known to be open: nothing falls between them. */
  #stopFormer: () => void = () => undefined;
  /** Of the newest stream: how an older one ends is of no account. */
  #turn = 0;
  /** It was acknowledged. */
  #open = false;

  constructor(stream: LongStream, url: string, wanted: () => ListenFilter, listener: Listener) {
    this.#stream = stream;
    this.#url = url;
    this.#wanted = wanted;
    this.#listener = listener;
    this.#filter = NOTHING;
    stream.whenOver(() => this.#stopWaiting());
  }

  /** What is wanted is something else now. */
  reopen(): void {
    if (this.#open) this.#stopFormer = this.#stopFollowing;
    else this.#stopFollowing(); // nothing came by it yet: two streams at most
    this.#stopWaiting();
    this.open();
  }

  open(): void {
    const { exchange, services } = this.#stream;
    if (this.#stream.stopped) return;
    this.#filter = honoured(this.#wanted(), services.tools.upstream(this.#url).capabilities);
    this.#open = false;
    this.#turn += 1;
    const turn = this.#turn;
    if (isNothing(this.#filter)) return this.#stopFormer();
    services.legs.open(exchange.ctx, this.#url, (leg) => { if (turn === this.#turn) this.#follow(leg, turn); }, () => { if (turn === this.#turn) this.#again(); });
  }

  #follow(leg: Leg, turn: number): void {
    const { exchange, services } = this.#stream;
    if (leg.mappedTo === 'legacy') return; // restarted as one of the other era
    const { upstream } = exchange.ctx.snapshot.config;
    const { 'mcp-name': _name, ...headers } = leg.headers;
    const body = Buffer.from(`{"jsonrpc":"2.0","id":${services.nextId()},"method":"subscriptions/listen","params":{"_meta":${this.#listener.metaText},"notifications":${filterText(this.#filter)}}}`);
    this.#openedMs = services.nowMs();
    this.#stopFollowing = this.#stream.follow(
      // It may stay silent for as long as nothing changes.
      { url: leg.url, httpMethod: 'POST', listens: true, body, headers: { ...headers, 'mcp-method': 'subscriptions/listen' }, answerTimeoutMs: upstream.answer_timeout_ms, idleTimeoutMs: exchange.ctx.snapshot.config.session.mcp_session_ttl_s * 1000 },
      (event) => this.#handle(event, leg, turn),
      (end) => { if (turn === this.#turn) this.#ended(end); },
    );
  }

  async #handle(event: SseEvent, leg: Leg, turn: number): Promise<void> {
    const { exchange, services } = this.#stream;
    if (event.data === undefined || event.data.length === 0) return; // the server's keep-alive; the client has the gateway's own
    const message = readServerMessage(event.data, services.jsonGuard, limitsOf(exchange.ctx.snapshot.config));
    if (message.kind === 'request') return this.#recordQuestion(message.method, leg); // there are none in this era (2026-07-28, basic/transports)
    if (message.kind !== 'notification') return;
    if (message.method === ACKNOWLEDGED) {
      if (turn === this.#turn) this.#acknowledged();
      return;
    }
    if (message.method === TOOLS_CHANGED) void services.tools.refresh(leg.url).catch(() => undefined);
    const uri = updatedUri(event.data);
    if (!wants(this.#filter, message.method, uri) || (uri !== '' && !this.#listener.mayHear(uri, this.#url))) return;
    const own = underSubscription(event.data, this.#listener.idText);
    const screened = await this.#stream.screen(leg, own, own === event.data ? message.escapes : undefined);
    // Nobody waits for a notification: one that may not pass is left out, and its finding is in the stream's record.
    if (screened.kind === 'release' && !this.#stream.stopped) this.#stream.write(dataEvent(screened.bytes));
  }

  #recordQuestion(method: string, leg: Leg): Promise<void> {
    return new Promise((resolve) => this.#stream.exchange.serverRequest(method, leg.url, deny('mcp_invalid_request', { reasonCode: 'client_cannot_answer' }), resolve));
  }

  #acknowledged(): void {
    this.#open = true;
    this.#stopFormer();
    this.#stopFormer = () => undefined;
    if (!this.#missed) return;
    this.#missed = false;
    if (this.#filter.toolsListChanged) void this.#stream.services.tools.refresh(this.#url).catch(() => undefined);
    for (const message of possibleChanges(this.#listener.idText, this.#filter)) this.#stream.write(messageEvent(message));
  }

  /** A server that answered and would not is not asked again. */
  #ended({ began, status }: StreamEnd): void {
    if (!began && status > 0 && status < SERVER_ERROR_FROM) return;
    if (began && this.#stream.services.nowMs() - this.#openedMs >= REOPEN_LAST_MS) this.#attempts = 0;
    this.#again();
  }

  #again(): void {
    const { services } = this.#stream;
    this.#missed = true;
    const waitMs = Math.min(REOPEN_FIRST_MS * 2 ** this.#attempts, REOPEN_LAST_MS);
    this.#attempts += 1;
    this.#stopWaiting = services.every(waitMs, () => {
      this.#stopWaiting();
      this.open();
    });
  }
}
