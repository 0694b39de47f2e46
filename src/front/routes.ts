// From one HTTP request to one `handle`: exact routes, admission, body. Every way in ends here, whatever the method or the Upgrade header.
import type { Admission, Load } from './admission.js';
import { InboundMessage } from './inbound.js';
import { readHeaders, type HeaderIntake } from './inbound-headers.js';
import type { LoopLateness } from './lateness.js';
import type { PeerLoad, Peers } from './peer-load.js';
import { readPeerEvidence } from './peer-evidence.js';
import { answerPlain } from './plain-answers.js';
import { BodyReader, readFraming, type BodyDeadlines, type BodyLimits, type BodyOutcome } from './read-body.js';
import { matchRoute, type Route } from './route-path.js';
import type { Handle, HeaderPairs, Inbound, Probes, Refuse } from './types.js';
import type { HttpRequest, HttpResponse, UwsHandler } from './uws-types.js';
import { UwsReply } from './write-outbound.js';

const MCP_METHODS: ReadonlyMap<string, Inbound['httpMethod']> = new Map<string, Inbound['httpMethod']>([['post', 'POST'], ['get', 'GET'], ['delete', 'DELETE']]);
const ALLOW_MCP: HeaderPairs = [['allow', 'POST, GET, DELETE, OPTIONS']];
const ALLOW_PROBE: HeaderPairs = [['allow', 'GET, HEAD, OPTIONS']];
const NO_HEADERS: HeaderPairs = [];
/** What an allowed web page may send and read (Fetch standard, CORS protocol). */
const CORS_PREFLIGHT: HeaderPairs = [
  ['access-control-allow-methods', 'POST, GET, DELETE'],
  ['access-control-allow-headers', 'accept, authorization, content-type, last-event-id, mcp-method, mcp-name, mcp-protocol-version, mcp-session-id, traceparent, tracestate'],
  ['access-control-max-age', '600'],
];
const NONE_PLAIN = { code: 'not_found', message: 'No such path. MCP is served at / and /mcp.' };
const WEBSOCKET_PLAIN = { code: 'not_found', message: 'WebSocket is not served here.' };
const METHOD_PLAIN = { code: 'method_not_allowed', message: 'This path does not take this HTTP method.' };
const FRAMING_PLAIN = { code: 'bad_framing', message: 'Send one Content-Length, or Transfer-Encoding: chunked alone.' };
const BODY_REASONS = { timed_out: 'body_timeout', too_slow: 'body_too_slow' } as const;
/** Of a body this small the rest may still come: taking in a new connection costs more. */
const UNREAD_BODY_BYTES_MAX = 64 * 1024;
const FAULT_PLAIN = { code: 'gateway_fault', message: 'The gateway failed.' };

export interface RouteContext {
  readonly tls: boolean;
  readonly handle: Handle;
  readonly refuse: Refuse;
  readonly probes: Probes;
  readonly admission: Admission;
  readonly load: Load;
  readonly peers: Peers;
  readonly lateness: LoopLateness;
  readonly limits: BodyLimits;
  readonly deadlines: BodyDeadlines;
  /** Requests of this app under way. */
  readonly active: Set<UwsReply>;
  readonly nowUs: () => number;
  /** `closing`: answers end their connection. `retired`: no request is taken any more (its certificates were replaced). */
  state: 'open' | 'closing' | 'retired';
  /** What `handle` or `refuse` threw; for the operational log. */
  readonly onFault: (error: unknown) => void;
  /** Called whenever `active` has become empty. */
  onIdle: () => void;
}

function corsHeaders(origin: string): HeaderPairs {
  return origin === '' ? NO_HEADERS : [['access-control-allow-origin', origin], ['access-control-expose-headers', 'mcp-session-id'], ['vary', 'origin']];
}

/** A fault of the gateway itself must neither hang the client nor end the thread. */
function guarded(context: RouteContext, reply: UwsReply, run: () => void): void {
  try {
    run();
  } catch (error) {
    context.onFault(error);
    if (reply.began) reply.destroy();
    else reply.send(500, [['content-type', 'application/json']], JSON.stringify(FAULT_PLAIN), true);
  }
}

function answerProbe(context: RouteContext, response: HttpResponse, request: HttpRequest, route: Route & { readonly kind: 'probe' }): void {
  const method = request.getMethod();
  const head = method === 'head';
  if (method === 'options') return answerPlain(response, { status: 204, headers: ALLOW_PROBE });
  if (method !== 'get' && !head) return answerPlain(response, { status: 405, headers: ALLOW_PROBE, json: METHOD_PLAIN, close: true });
  const headers = readHeaders(request);
  // Beyond loopback, load balancers probe by address; on loopback, whoever names another host is a rebound web page.
  if (context.admission.loopbackListener && context.admission.check(headers.host, headers.hostLines, headers.origin) !== undefined) {
    return answerPlain(response, { status: 403, json: { code: 'origin_rejected' }, head });
  }
  const answer = context.probes[route.probe]?.();
  if (answer === undefined) return answerPlain(response, { status: 404, json: NONE_PLAIN, head });
  answerPlain(response, { status: answer.status, headers: [['cache-control', 'no-store']], json: answer.json, head });
}

function leave(context: RouteContext, reply: UwsReply): void {
  context.active.delete(reply);
  if (context.active.size === 0) context.onIdle();
}

function openReply(context: RouteContext, response: HttpResponse, headers: HeaderIntake, peer: PeerLoad, onDone: () => void): UwsReply {
  peer.enter();
  const reply: UwsReply = new UwsReply(response, {
    extraHeaders: corsHeaders(context.admission.corsOrigin(headers.origin)),
    onDone: () => {
      peer.leave();
      onDone();
      leave(context, reply);
    },
  });
  reply.closeAfter = context.state !== 'open';
  context.active.add(reply);
  return reply;
}

function settleBody(context: RouteContext, inbound: InboundMessage, reply: UwsReply, peer: PeerLoad, outcome: BodyOutcome): void {
  // From here on a hang-up is the gateway's to record.
  reply.onAbort(() => undefined);
  if (outcome.kind === 'whole') {
    inbound.setBody(outcome.body, outcome.borrowed);
    return guarded(context, reply, () => context.handle(inbound, reply));
  }
  // The rest of the body will not be read: the connection cannot be used again.
  reply.closeAfter = true;
  inbound.dropBody(outcome.bytes, outcome.kind === 'too_large');
  if (outcome.kind === 'too_large') return guarded(context, reply, () => context.handle(inbound, reply));
  guarded(context, reply, () => context.refuse('gateway_overloaded', outcome.kind === 'no_room' ? peer.full : BODY_REASONS[outcome.kind], inbound, reply));
}

function servePost(context: RouteContext, response: HttpResponse, headers: HeaderIntake, inbound: InboundMessage, peer: PeerLoad, announced: number | undefined): void {
  const giveBack = (): void => {
    peer.giveBytes(reader.reservedBytes);
    reader.reservedBytes = 0;
  };
  const reply = openReply(context, response, headers, peer, () => {
    giveBack();
    reader.cancel();
  });
  const reader: BodyReader = new BodyReader(announced, context.limits, peer, context.deadlines, (outcome) => {
    // Its buffer is gone: the refusal may wait for its record, the room must not.
    if (outcome.kind !== 'whole') giveBack();
    settleBody(context, inbound, reply, peer, outcome);
  });
  reply.onAbort((cause) => {
    inbound.dropBody(reader.bytes, false);
    if (cause === 'gateway') {
      reply.closeAfter = true;
      guarded(context, reply, () => context.refuse('gateway_fault', 'thread_ending', inbound, reply));
      return;
    }
    guarded(context, reply, () => context.handle(inbound, reply));
  });
  reader.start(response);
}

/** Why the thread has no room for one more; undefined = it has. */
function overloadReason(context: RouteContext, peer: PeerLoad, nowUs: number): string | undefined {
  if (context.lateness.isTooLate(nowUs)) return 'event_loop_late';
  if (context.load.full) return 'requests_in_flight';
  return peer.crowded ? 'requests_per_ip' : undefined;
}

/** What is refused here may wait for its record, and must not take the room of what is served meanwhile: it is counted nowhere. */
function refuseEarly(context: RouteContext, response: HttpResponse, headers: HeaderIntake, inbound: InboundMessage, code: 'gateway_overloaded' | 'origin_rejected', reason: string, close: boolean): void {
  const reply: UwsReply = new UwsReply(response, {
    extraHeaders: corsHeaders(context.admission.corsOrigin(headers.origin)),
    onDone: () => leave(context, reply),
  });
  reply.closeAfter = close || context.state !== 'open';
  context.active.add(reply);
  guarded(context, reply, () => context.refuse(code, reason, inbound, reply));
}

function serveMcp(context: RouteContext, response: HttpResponse, request: HttpRequest, route: Route & { readonly kind: 'mcp' }): void {
  const method = MCP_METHODS.get(request.getMethod());
  const headers = readHeaders(request);
  if (method === undefined) return answerOther(context, response, request, headers);
  const framing = readFraming(headers.contentLength, headers.transferEncoding);
  if (!framing.ok) return answerPlain(response, { status: 400, json: FRAMING_PLAIN, close: true });
  const evidence = readPeerEvidence(response, headers, context.tls, route.agent, route.env);
  const inbound = new InboundMessage(method, route.path, evidence, headers, context.nowUs());
  const upgrades = method !== 'POST' && headers.upgrade.toLowerCase().includes('websocket');
  if (upgrades) return answerPlain(response, { status: 404, json: WEBSOCKET_PLAIN, close: true });
  const strange = context.admission.check(headers.host, headers.hostLines, headers.origin);
  if (strange !== undefined) return refuseEarly(context, response, headers, inbound, 'origin_rejected', strange, true);
  const peer = context.peers.of(evidence.ip);
  const overload = overloadReason(context, peer, inbound.receivedUs);
  if (overload !== undefined) return refuseEarly(context, response, headers, inbound, 'gateway_overloaded', overload, (framing.announced ?? Infinity) > UNREAD_BODY_BYTES_MAX);
  if (method === 'POST') return servePost(context, response, headers, inbound, peer, framing.announced);
  const reply = openReply(context, response, headers, peer, () => undefined);
  guarded(context, reply, () => context.handle(inbound, reply));
}

function answerOther(context: RouteContext, response: HttpResponse, request: HttpRequest, headers: HeaderIntake): void {
  const method = request.getMethod();
  if (method !== 'options') return answerPlain(response, { status: 405, headers: ALLOW_MCP, json: METHOD_PLAIN, head: method === 'head', close: method !== 'head' });
  const cors = corsHeaders(context.admission.corsOrigin(headers.origin));
  answerPlain(response, { status: 204, headers: [...ALLOW_MCP, ...cors, ...(cors.length === 0 ? [] : CORS_PREFLIGHT)] });
}

/** The one handler of an app; mounted on every path and method. */
export function createHandler(context: RouteContext): UwsHandler {
  return (response, request) => {
    if (context.state === 'retired') {
      response.close();
      return;
    }
    const route = matchRoute(request.getUrl());
    if (route.kind === 'mcp') return serveMcp(context, response, request, route);
    if (route.kind === 'probe') return answerProbe(context, response, request, route);
    const method = request.getMethod();
    answerPlain(response, { status: 404, json: NONE_PLAIN, head: method === 'head', close: method !== 'head' && method !== 'get' });
  };
}
