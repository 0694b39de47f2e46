// From one HTTP request to one `handle`: exact routes, admission, body. Every way in ends here, whatever the method or the Upgrade header.
import type { Admission, Load } from './admission.js';
import type { BodilessAnswers } from './bodiless-answers.js';
import type { BodyMemory } from './body-memory.js';
import type { ConnectionGate } from './connection-gate.js';
import { InboundMessage } from './inbound.js';
import type { McpChannel } from './mcp-channel.js';
import { readHeaders, type HeaderIntake } from './inbound-headers.js';
import type { LoopLateness } from './lateness.js';
import type { PeerLoad, Peers } from './peer-load.js';
import { readPeerEvidence, type ListenerEvidence } from './peer-evidence.js';
import { preflightHeaders } from './preflight.js';
import { answerPlain } from './plain-answers.js';
import { readFraming, type BodyDeadlines, type BodyLimits, type Framing } from './read-body.js';
import { RequestUnderWay } from './request-under-way.js';
import type { Roll } from './roll.js';
import { matchRoute, matchSse, type Route } from './route-path.js';
import { asksForWebSocket } from './websocket-offer.js';
import type { Handle, HeaderPairs, Inbound, Probes, Refuse } from './types.js';
import type { Unread } from './unread.js';
import type { HttpRequest, HttpResponse, UwsApp } from './uws-types.js';
import type { ActiveReply } from './write-outbound.js';

const MCP_METHODS: ReadonlyMap<string, Inbound['httpMethod']> = new Map<string, Inbound['httpMethod']>([['post', 'POST'], ['get', 'GET'], ['delete', 'DELETE']]);
const ALLOW_MCP: HeaderPairs = [['allow', 'POST, GET, DELETE, OPTIONS']];
const ALLOW_PROBE: HeaderPairs = [['allow', 'GET, HEAD, OPTIONS']];
const NO_HEADERS: HeaderPairs = [];
const NONE_PLAIN = { code: 'not_found', message: 'No such path. MCP is served at / and /mcp, and for a named identity at /as/<agent>/<env>, such as /as/my-agent/dev.' };
const NONE_OF_BOTH_PLAIN = { code: 'not_found', message: `${NONE_PLAIN.message} Clients of HTTP with SSE open /sse there.` };
const HTTP_SSE_PLAIN = { code: 'not_found', message: 'HTTP with SSE is not served here; MCP is, at / and /mcp.' };
const WEBSOCKET_PLAIN = { code: 'not_found', message: 'WebSocket is not served here.' };
const UPGRADE_PLAIN = { code: 'bad_upgrade', message: 'A WebSocket needs one Sec-WebSocket-Key, 16 bytes in base64.' };
const METHOD_PLAIN = { code: 'method_not_allowed', message: 'This path does not take this HTTP method.' };
export const FRAMING_PLAIN = { code: 'bad_framing', message: 'Send one Content-Length, or Transfer-Encoding: chunked alone.' };
/** Of a body this small the rest may still come: taking in a new connection costs more. */
const UNREAD_BODY_BYTES_MAX = 64 * 1024;
const LATE = 'event_loop_late';

export interface ChannelLimits {
  /** Open channels of one address, of whatever kind. */
  readonly perIpMax: number;
  /** Of one channel, without an answer yet. */
  readonly requestsMax: number;
  readonly bufferedBytesMax: number;
  readonly idleTimeoutS: number;
}

export interface RouteContext extends ListenerEvidence {
  readonly handle: Handle;
  readonly refuse: Refuse;
  readonly probes: Probes;
  readonly admission: Admission;
  readonly gate: ConnectionGate;
  readonly load: Load;
  readonly peers: Peers;
  readonly lateness: LoopLateness;
  readonly limits: BodyLimits;
  readonly deadlines: BodyDeadlines;
  readonly bodyMemory: BodyMemory;
  readonly unread: Unread;
  readonly bodiless: BodilessAnswers;
  /** Requests of this app under way. */
  readonly active: Roll<ActiveReply>;
  readonly channels: Roll<McpChannel>;
  readonly servesWebSocket: boolean;
  readonly servesHttpSse: boolean;
  /** The id of a request that is refused unread; undefined for what asks for no answer. */
  readonly requestIdOf: (body: Uint8Array) => string | undefined;
  readonly nowUs: () => number;
  /**
   * `closing`: answers end their connection. Its certificates were replaced: `renewed`, the same until the last has ended, and no stream is opened; `retired`, an
   * authority was taken away and no request is taken any more, nor is one of a thread that ends after a fault.
   */
  state: 'open' | 'closing' | 'renewed' | 'retired';
  /** Of the bundle that took this one's place, where that has all of its authorities. */
  handshakeBundle: string;
  /** What `handle` or `refuse` threw; for the operational log. */
  readonly onFault: (error: unknown) => void;
  /** Called whenever `active` has become empty. */
  onIdle: () => void;
}

export function corsHeaders(origin: string): HeaderPairs {
  return origin === '' ? NO_HEADERS : [['access-control-allow-origin', origin], ['access-control-expose-headers', 'mcp-session-id'], ['vary', 'origin']];
}

function answerProbe(context: RouteContext, response: HttpResponse, request: HttpRequest, route: Route & { readonly kind: 'probe' }): void {
  const method = request.getMethod();
  const head = method === 'head';
  if (method === 'options') return answerPlain(response, { status: 204, headers: ALLOW_PROBE, close: !context.bodiless.keep() });
  if (method !== 'get' && !head) return answerPlain(response, { status: 405, headers: ALLOW_PROBE, json: METHOD_PLAIN, close: true });
  const close = head && !context.bodiless.keep();
  const headers = readHeaders(request);
  // Beyond loopback, load balancers probe by address; on loopback, whoever names another host is a rebound web page.
  if (context.admission.loopbackListener && context.admission.check(headers.host, headers.hostLines, headers.origin) !== undefined) {
    return answerPlain(response, { status: 403, json: { code: 'origin_rejected' }, head, close });
  }
  const answer = context.probes[route.probe]?.();
  if (answer === undefined) return answerPlain(response, { status: 404, json: NONE_PLAIN, head, close });
  answerPlain(response, { status: answer.status, headers: [['cache-control', 'no-store']], json: answer.json, head, close });
}

/** Why the thread has no room for one more; undefined = it has. */
export function overloadReason(context: RouteContext, peer: PeerLoad, nowUs: number): string | undefined {
  if (context.lateness.isTooLate(nowUs)) return LATE;
  if (context.load.full) return 'requests_in_flight';
  return peer.crowded ? 'requests_per_ip' : undefined;
}

/** What becomes of a refused request's connection. `drops`: it closes, and first the rest of a body is read and dropped, so that its sender reads the refusal. */
export type Ending = 'stays' | 'closes' | 'drops';

/**
 * What is refused here may wait for its record, and must not take the room of what is served meanwhile: it is counted nowhere. A thread that is late already
 * drops nothing.
 */
export function refuseEarly(context: RouteContext, response: HttpResponse, headers: HeaderIntake, inbound: InboundMessage, code: 'gateway_overloaded' | 'origin_rejected', reason: string, ending: Ending): void {
  const refused = new RequestUnderWay(context, response, inbound, undefined, corsHeaders(context.admission.corsOrigin(headers.origin)), context.handle);
  if (ending === 'drops' && reason !== LATE) refused.dropBody(response);
  refused.refuse(code, reason, ending !== 'stays');
}

function serveMcp(context: RouteContext, response: HttpResponse, request: HttpRequest, route: Route & { readonly kind: 'mcp' }, method: Inbound['httpMethod'] | undefined): void {
  const headers = readHeaders(request);
  if (method === undefined) return answerOther(context, response, request, headers, ALLOW_MCP);
  const framing = readFraming(headers.contentLength, headers.transferEncoding);
  if (!framing.ok) return answerPlain(response, { status: 400, json: FRAMING_PLAIN, close: true });
  const evidence = readPeerEvidence(response, context.gate.addressOf(response), headers, context, route.agent, route.env);
  const inbound = new InboundMessage(method, route.path, evidence, headers, context.nowUs());
  // What could be upgraded never comes here: its key was none, or nothing is.
  const upgrades = method === 'GET' && asksForWebSocket(headers.upgrade);
  if (upgrades && !context.servesWebSocket) return answerPlain(response, { status: 404, json: WEBSOCKET_PLAIN, close: true });
  if (upgrades) return answerPlain(response, { status: 400, json: UPGRADE_PLAIN, close: true });
  admit(context, response, headers, framing, inbound, context.handle);
}

/** Step 0, and then the body: `handle` gets what is whole. */
export function admit(context: RouteContext, response: HttpResponse, headers: HeaderIntake, framing: Framing & { readonly ok: true }, inbound: InboundMessage, handle: Handle): void {
  const strange = context.admission.check(headers.host, headers.hostLines, headers.origin);
  if (strange !== undefined) return refuseEarly(context, response, headers, inbound, 'origin_rejected', strange, framing.announced === 0 ? 'closes' : 'drops');
  const peer = context.peers.of(inbound.evidence.ip);
  const overload = overloadReason(context, peer, inbound.receivedUs);
  if (overload !== undefined) return refuseEarly(context, response, headers, inbound, 'gateway_overloaded', overload, (framing.announced ?? Infinity) > UNREAD_BODY_BYTES_MAX ? 'drops' : 'stays');
  const served = new RequestUnderWay(context, response, inbound, peer, corsHeaders(context.admission.corsOrigin(headers.origin)), handle);
  // Where a body without a length ends, uWebSockets.js reads loosely (any two bytes for a line end, a trailer as the next request, a line without a name as the head's end):
  // a proxy before it may read otherwise, and what lies behind must not become a request.
  if (inbound.httpMethod === 'POST') served.readBody(response, framing.announced, headers.contentLength === '', peer);
  else served.handle();
}

/** OPTIONS, and the methods that the path does not take. */
export function answerOther(context: RouteContext, response: HttpResponse, request: HttpRequest, headers: HeaderIntake, allow: HeaderPairs, plain = METHOD_PLAIN): void {
  const method = request.getMethod();
  if (method !== 'options') return answerPlain(response, { status: 405, headers: allow, json: plain, head: method === 'head', close: method !== 'head' || !context.bodiless.keep() });
  const cors = corsHeaders(context.admission.corsOrigin(headers.origin));
  answerPlain(response, { status: 204, headers: [...allow, ...cors, ...(cors.length === 0 ? [] : preflightHeaders(request.getHeader('access-control-request-headers')))], close: !context.bodiless.keep() });
}

/** Whether a connection may become a stream without an end. */
export function opensStreams({ state }: RouteContext): boolean {
  return state !== 'renewed' && state !== 'retired';
}

export function serve(context: RouteContext, response: HttpResponse, request: HttpRequest, mcpMethod: Inbound['httpMethod'] | undefined): void {
  if (context.state === 'retired' || (mcpMethod === 'GET' && !opensStreams(context))) {
    response.close();
    return;
  }
  // Nobody sends those in chunks but to hide something behind their loose end (serveMcp).
  if (mcpMethod !== 'POST' && request.getHeader('transfer-encoding') !== '') return answerPlain(response, { status: 400, json: FRAMING_PLAIN, head: request.getMethod() === 'head', close: true });
  const path = request.getUrl();
  const route = matchRoute(path);
  if (route.kind === 'mcp') return serveMcp(context, response, request, route, mcpMethod);
  if (route.kind === 'probe') return answerProbe(context, response, request, route);
  const method = request.getMethod();
  const json = context.servesHttpSse ? NONE_OF_BOTH_PLAIN : matchSse(path) === undefined ? NONE_PLAIN : HTTP_SSE_PLAIN;
  answerPlain(response, { status: 404, json, head: method === 'head', close: method === 'head' ? !context.bodiless.keep() : method !== 'get' });
}

/** Takes every path and method of an app. POST has its own handler, because almost every request is one, and asking which it is takes a call. */
export function mountRoutes(app: UwsApp, context: RouteContext): void {
  app.post('/*', (response, request) => serve(context, response, request, 'POST'));
  app.any('/*', (response, request) => serve(context, response, request, MCP_METHODS.get(request.getMethod())));
}
