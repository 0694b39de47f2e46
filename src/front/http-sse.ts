// The transport of MCP 2024-11-05, HTTP with SSE: GET opens a stream, which names the path that the client POSTs its messages to, and brings all that is sent to it.
import { KEEP_ALIVE_MS } from '../mcp/message-events.js';
import { SSE_HEADERS } from '../mcp/media-types.js';
import { admitChannel } from './admit-channel.js';
import { SESSIONLESS, traced } from './channel-headers.js';
import { InboundMessage } from './inbound.js';
import { readHeaders } from './inbound-headers.js';
import { readPeerEvidence } from './peer-evidence.js';
import { answerPlain } from './plain-answers.js';
import { readFraming } from './read-body.js';
import { matchSse } from './route-path.js';
import { admit, answerOther, corsHeaders, FRAMING_PLAIN, opensStreams, serve, type ChannelLimits, type RouteContext } from './routes.js';
import { SseWire } from './sse-wire.js';
import type { SseStreams } from './sse-streams.js';
import type { HeaderPairs } from './types.js';
import type { HttpRequest, HttpResponse, UwsApp } from './uws-types.js';
import { UwsReply } from './write-outbound.js';

const OK = 200;
const MS_PER_S = 1000;
const ALLOW_STREAM: HeaderPairs = [['allow', 'GET, OPTIONS']];
const ALLOW_MESSAGES: HeaderPairs = [['allow', 'POST, OPTIONS']];
const METHOD_PLAIN = { code: 'method_not_allowed', message: 'GET /sse opens a stream, and a POST to the address that it names sends a message. Streamable HTTP is served at / and /mcp.' };
/** Nothing is decoded: an id is this, byte for byte, or unknown. */
const SESSION_ID = /^sessionId=([0-9a-f-]{1,64})$/;

export interface HttpSse {
  readonly streams: SseStreams;
  readonly limits: ChannelLimits;
}

export function mountHttpSse(app: UwsApp, context: RouteContext, sse: HttpSse): void {
  for (const prefix of ['', '/as/:agent/:env']) {
    app.get(`${prefix}/sse`, (response, request) => serveStream(context, sse, response, request));
    app.post(`${prefix}/messages`, (response, request) => servePost(context, sse, response, request));
    // By name, because a method's own pattern is asked before that for any, also one for every path.
    app.post(`${prefix}/sse`, (response, request) => serveOther(context, response, request));
    app.get(`${prefix}/messages`, (response, request) => serveOther(context, response, request));
    for (const path of ['/sse', '/messages']) app.any(prefix + path, (response, request) => serveOther(context, response, request));
  }
}

function serveStream(context: RouteContext, { streams, limits }: HttpSse, response: HttpResponse, request: HttpRequest): void {
  const route = matchSse(request.getUrl());
  if (!opensStreams(context) || route === undefined) return serve(context, response, request, 'GET');
  const headers = readHeaders(request);
  const admitted = admitChannel(context, limits, response, headers, route);
  if (admitted === undefined) return;
  const { channel, evidence } = admitted;
  const { id, remove } = streams.add(channel, evidence);
  const over = (): void => {
    clearInterval(ticking);
    remove();
    channel.closed();
  };
  const reply = new UwsReply(response, { replyDone: over, replySent: () => undefined, replyWaits: () => undefined, replyLost: () => undefined }, corsHeaders(context.admission.corsOrigin(headers.origin)), limits.idleTimeoutS * MS_PER_S);
  const wire = new SseWire(reply, () => channel.drained());
  const ticking = setInterval(() => wire.tick(), KEEP_ALIVE_MS).unref();
  reply.begin(OK, SSE_HEADERS);
  reply.write(`event: endpoint\ndata: ${route.prefix}/messages?sessionId=${id}\n\n`);
  channel.opened(wire);
}

function servePost(context: RouteContext, { streams }: HttpSse, response: HttpResponse, request: HttpRequest): void {
  const route = matchSse(request.getUrl());
  if (context.state === 'retired' || route === undefined) return serve(context, response, request, 'POST');
  const headers = readHeaders(request);
  const framing = readFraming(headers.contentLength, headers.transferEncoding);
  if (!framing.ok) return answerPlain(response, { status: 400, json: FRAMING_PLAIN, close: true });
  const evidence = readPeerEvidence(response, context.gate.addressOf(response), headers, context, route.agent, route.env);
  // Session and version are the stream's, and nothing is mirrored: of its own headers a message has what it is and its trace.
  const inbound = new InboundMessage('POST', route.path, evidence, { ...traced(SESSIONLESS.text, headers), contentType: headers.contentType }, context.nowUs());
  const id = SESSION_ID.exec(request.getQuery() ?? '')?.[1] ?? '';
  admit(context, response, headers, framing, inbound, (whole, reply) => streams.post(id, whole, reply));
}

function serveOther(context: RouteContext, response: HttpResponse, request: HttpRequest): void {
  const route = matchSse(request.getUrl());
  if (context.state === 'retired' || route === undefined || request.getHeader('transfer-encoding') !== '') return serve(context, response, request, undefined);
  answerOther(context, response, request, readHeaders(request), route.path === '/sse' ? ALLOW_STREAM : ALLOW_MESSAGES, METHOD_PLAIN);
}
