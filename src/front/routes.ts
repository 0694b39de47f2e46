// From one HTTP request to one `handle`: exact routes, admission, body. Every way in ends here, whatever the method or the Upgrade header.
import type { Admission, Load } from './admission.js';
import { InboundMessage } from './inbound.js';
import { readHeaders, type HeaderIntake } from './inbound-headers.js';
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
const FAULT_PLAIN = { code: 'gateway_fault', message: 'The gateway failed.' };

export interface RouteContext {
  readonly tls: boolean;
  readonly handle: Handle;
  readonly refuse: Refuse;
  readonly probes: Probes;
  readonly admission: Admission;
  readonly load: Load;
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

function openReply(context: RouteContext, response: HttpResponse, headers: HeaderIntake, onDone: () => void): UwsReply {
  context.load.requests += 1;
  const reply: UwsReply = new UwsReply(response, {
    extraHeaders: corsHeaders(context.admission.corsOrigin(headers.origin)),
    onDone: () => {
      context.load.requests -= 1;
      context.active.delete(reply);
      onDone();
      if (context.active.size === 0) context.onIdle();
    },
  });
  reply.closeAfter = context.state !== 'open';
  context.active.add(reply);
  return reply;
}

function settleBody(context: RouteContext, inbound: InboundMessage, reply: UwsReply, outcome: BodyOutcome): void {
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
  const reason = outcome.kind === 'no_room' ? 'inflight_body_bytes' : 'body_timeout';
  guarded(context, reply, () => context.refuse('gateway_overloaded', reason, inbound, reply));
}

function servePost(context: RouteContext, response: HttpResponse, headers: HeaderIntake, inbound: InboundMessage, announced: number | undefined): void {
  const reply = openReply(context, response, headers, () => {
    context.load.bytes -= reader.reservedBytes;
    reader.reservedBytes = 0;
    reader.cancel();
  });
  const reader: BodyReader = new BodyReader(announced, context.limits, context.load, context.deadlines, (outcome) => settleBody(context, inbound, reply, outcome));
  reply.onAbort((cause) => {
    inbound.dropBody(reader.bytes, false);
    if (cause === 'gateway') {
      reply.closeAfter = true;
      guarded(context, reply, () => context.refuse('gateway_fault', 'thread_ending', inbound, reply));
      return;
    }
    guarded(context, reply, () => context.handle(inbound, reply));
  });
  if (refuseEarly(context, headers, inbound, reply)) return;
  reader.start(response);
}

function refuseEarly(context: RouteContext, headers: HeaderIntake, inbound: InboundMessage, reply: UwsReply): boolean {
  const reason = context.admission.check(headers.host, headers.hostLines, headers.origin);
  const full = context.load.overfull;
  if (reason === undefined && !full) return false;
  reply.closeAfter = true;
  reply.onAbort(() => undefined);
  guarded(context, reply, () => {
    if (reason !== undefined) context.refuse('origin_rejected', reason, inbound, reply);
    else context.refuse('gateway_overloaded', 'requests_in_flight', inbound, reply);
  });
  return true;
}

function serveMcp(context: RouteContext, response: HttpResponse, request: HttpRequest, route: Route & { readonly kind: 'mcp' }): void {
  const method = MCP_METHODS.get(request.getMethod());
  const headers = readHeaders(request);
  if (method === undefined) return answerOther(context, response, request, headers);
  const framing = readFraming(headers.contentLength, headers.transferEncoding);
  if (!framing.ok) return answerPlain(response, { status: 400, json: FRAMING_PLAIN, close: true });
  const evidence = readPeerEvidence(response, headers, context.tls, route.agent, route.env);
  const inbound = new InboundMessage(method, route.path, evidence, headers, context.nowUs());
  if (method === 'POST') return servePost(context, response, headers, inbound, framing.announced);
  if (headers.upgrade.toLowerCase().includes('websocket')) return answerPlain(response, { status: 404, json: WEBSOCKET_PLAIN, close: true });
  const reply = openReply(context, response, headers, () => undefined);
  if (refuseEarly(context, headers, inbound, reply)) return;
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
