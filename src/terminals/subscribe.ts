// subscriptions/listen: one stream for the client, fed by every tool server of 2026-07-28 that has what it asked for, and by the gateway itself.
import { memberAt, textAt } from '../base/json/members.js';
import type { Exchange } from '../chain/exchange.js';
import { CallPolicyFacts } from '../chain/policy-facts.js';
import { NO_WORK } from '../chain/upstream-work.js';
import { deny } from '../chain/verdict.js';
import { findRegistered } from '../engines/registry/find-registered.js';
import { SSE_HEADERS } from '../mcp/media-types.js';
import { dataEvent, messageEvent } from '../mcp/message-events.js';
import { INVALID_PARAMS, INVALID_REQUEST } from '../mcp/rpc-codes.js';
import { acknowledgement, closing, either, honoured, isNothing, listChanged, NOTHING, readListenFilter, underSubscription, wants, type ListenFilter } from '../mcp/subscriptions.js';
import { BAD_REQUEST, HTTP_OK } from './answers.js';
import { LongStream } from './long-stream.js';
import { refuseProtocol } from './protocol-refusal.js';
import type { StreamListener, TerminalServices } from './services.js';
import { UpstreamSubscription } from './upstream-subscription.js';

const SUBSCRIPTIONS_PER_CALLER_MAX = 64; // on each thread; a fleet of one identity fits, and each takes a connection to every server concerned
const READ = 'resources/read';
const NO_ARGUMENTS = (): string => '{}';

export function subscribe(exchange: Exchange, services: TerminalServices): void {
  const { ctx } = exchange;
  if (!exchange.readsEvents) return refuseProtocol(exchange, INVALID_REQUEST, BAD_REQUEST, 'subscriptions/listen answers with a stream.', { remediation: 'Accept text/event-stream.' });
  const asked = readListenFilter(ctx.inbound.body);
  if (typeof asked === 'string') return refuseProtocol(exchange, INVALID_PARAMS, BAD_REQUEST, asked);
  const caller = ctx.caller?.spiffeId ?? '';
  if ((services.subscriptions.get(caller) ?? 0) >= SUBSCRIPTIONS_PER_CALLER_MAX) return exchange.refuse(deny('gateway_overloaded', { reasonCode: 'subscriptions_per_caller', retryAfterSeconds: 1 }));
  const metaText = textAt(ctx.inbound.body, memberAt(ctx.inbound.body, ['params', '_meta'])) ?? '{}';
  const filter = { ...asked, resourceSubscriptions: asked.resourceSubscriptions.filter((uri) => mayRead(exchange, uri, ctx.nowMs)) };
  ctx.inbound.retain();
  // Taken now: many may wait for their first line at once. Given back with the stream, or where none comes with the request.
  const giveBack = takePlace(services.subscriptions, caller);
  exchange.work = { ...NO_WORK, left: giveBack };
  exchange.beforeWire(() => exchange.beginStream(HTTP_OK, SSE_HEADERS, () => start(exchange, services, { filter, metaText, giveBack })));
}

interface Asked {
  readonly filter: ListenFilter;
  readonly metaText: string;
  readonly giveBack: () => void;
}

function start(exchange: Exchange, services: TerminalServices, { filter, metaText, giveBack }: Asked): void {
  const { ctx } = exchange;
  const idText = ctx.call?.idText ?? 'null';
  const stream = new LongStream(exchange, services, { lastEvent: messageEvent(closing(idText)) });
  stream.whenOver(giveBack);
  const concerned = ctx.snapshot.registry.upstreams.filter((url) => services.tools.upstream(url).modern);
  // Of a registered resource only its own server is asked, and believed.
  const filterFor = (url: string): ListenFilter => ({ ...filter, resourceSubscriptions: filter.resourceSubscriptions.filter((uri) => isServedBy(exchange, uri, url)) });
  const promised = concerned.map((url) => honoured(filterFor(url), services.tools.upstream(url).capabilities)).reduce(either, { ...NOTHING, toolsListChanged: filter.toolsListChanged });
  stream.start(messageEvent(acknowledgement(idText, promised)));
  if (isNothing(promised)) return stream.end(); // nothing will ever come
  if (stream.stopped) return;
  hearGateway(stream, idText, promised);
  const listener = { idText, metaText, mayHear: (uri: string, url: string) => isServedBy(exchange, uri, url) && mayRead(exchange, uri, services.nowMs()) };
  for (const url of concerned) new UpstreamSubscription(stream, url, () => filterFor(url), listener).open();
}

/** The gateway's own word that a list is another: a reload, or what it saw at a server. */
function hearGateway(stream: LongStream, idText: string, promised: ListenFilter): void {
  const { listeners } = stream.services;
  const listener: StreamListener = {
    session: undefined,
    tell: (what) => {
      if (!wants(promised, `notifications/${what}/list_changed`, '')) return;
      stream.write(dataEvent(underSubscription(Buffer.from(listChanged(what)), idText)));
    },
  };
  listeners.add(listener);
  stream.whenOver(() => void listeners.delete(listener));
}

/** Who may not read a resource, by layers 5 and 6, learns nothing of when it changes. */
function mayRead(exchange: Exchange, uri: string, nowMs: number): boolean {
  const { caller, session, snapshot } = exchange.ctx;
  if (caller === undefined || session === undefined) return false;
  const sought = findRegistered(snapshot.registry, { method: READ, name: '', uri });
  if (sought.kind === 'ambiguous' || sought.kind === 'names_nothing' || (sought.kind === 'unregistered' && snapshot.config.registry.unregistered === 'refuse')) return false;
  const registered = sought.kind === 'registered' ? sought.registered : undefined;
  return snapshot.policy.decide(new CallPolicyFacts(caller, uri, READ, registered, session, nowMs, NO_ARGUMENTS)).kind === 'allow';
}

function isServedBy({ ctx }: Exchange, uri: string, url: string): boolean {
  const sought = findRegistered(ctx.snapshot.registry, { method: READ, name: '', uri });
  return sought.kind !== 'registered' || sought.registered.upstream === url;
}

/** Of a caller's; returns what gives it back. */
function takePlace(counts: Map<string, number>, caller: string): () => void {
  counts.set(caller, (counts.get(caller) ?? 0) + 1);
  return () => {
    const left = (counts.get(caller) ?? 1) - 1;
    if (left > 0) counts.set(caller, left);
    else counts.delete(caller);
  };
}
