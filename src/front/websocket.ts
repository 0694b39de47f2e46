// MCP over WebSocket: which GET becomes a socket (route, Host, Origin, offer, room), and what the library tells of it afterwards.
import { admitChannel } from './admit-channel.js';
import { CLOSE, webSocketWire } from './channel-wire.js';
import { readHeaders } from './inbound-headers.js';
import type { McpChannel } from './mcp-channel.js';
import { answerPlain } from './plain-answers.js';
import { matchRoute } from './route-path.js';
import { opensStreams, serve, type RouteContext, type ChannelLimits } from './routes.js';
import type { HttpRequest, HttpResponse, UwsApp, UwsSocketContext } from './uws-types.js';
import { asksForWebSocket, judgeOffer, readOffer, SUBPROTOCOL } from './websocket-offer.js';

/** Frames are not compressed: a small one could stand for gigabytes, and what is secret beside what is chosen would show in its length. */
const UNCOMPRESSED = 0;
const NO_EXTENSIONS = '';
const NEVER = 0;
/** The library cuts a socket for a longer message without a word. What is too large by less is read to its end, refused and told so. */
const TOLD_BYTES = 1024 * 1024;
/** How the library says why it cut a socket. */
const CUT_TOO_LARGE = 'Received too big message';
const CUT_NOT_UTF8 = 'Received invalid UTF-8';

/** The library lays its own members beside those of an upgraded socket's data. */
interface Carried {
  readonly channel: McpChannel;
}

/** What the library does by itself. */
export function socketSettings(bodyBytesMax: number, idleTimeoutS: number) {
  return {
    compression: UNCOMPRESSED, maxPayloadLength: bodyBytesMax + TOLD_BYTES, idleTimeout: idleTimeoutS, sendPingsAutomatically: true, maxLifetime: NEVER,
    // What is buffered is bounded before anything is written: the library would drop single messages.
    maxBackpressure: NEVER, closeOnBackpressureLimit: false,
  } as const;
}

export function mountWebSocket(app: UwsApp, context: RouteContext, limits: ChannelLimits): void {
  const told = (work: () => void): void => {
    try {
      work();
    } catch (fault) {
      context.onFault(fault);
    }
  };
  app.ws<Carried>('/*', {
    ...socketSettings(context.limits.bodyBytesMax, limits.idleTimeoutS),
    upgrade: (response, request, socket) => serveUpgrade(context, limits, response, request, socket),
    open: (socket) => told(() => socket.getUserData().channel.opened(webSocketWire(socket))),
    message: (socket, message, isBinary) => told(() => socket.getUserData().channel.take(Buffer.from(message), isBinary)),
    ping: (socket) => told(() => socket.getUserData().channel.pinged()),
    drain: (socket) => told(() => socket.getUserData().channel.drained()),
    close: (socket, code, message) => told(() => {
      const { channel } = socket.getUserData();
      channel.closed();
      context.gate.leave();
      if (code !== CLOSE.abnormal) return;
      const cause = Buffer.from(message).toString('latin1');
      if (cause === CUT_TOO_LARGE) channel.recordUnreadable('too_large');
      else if (cause === CUT_NOT_UTF8) channel.recordUnreadable('not_utf8');
    }),
  });
}

function serveUpgrade(context: RouteContext, limits: ChannelLimits, response: HttpResponse, request: HttpRequest, socket: UwsSocketContext): void {
  const headers = readHeaders(request);
  const route = matchRoute(request.getUrl());
  // The library takes any GET with a key of the right length for one.
  if (!opensStreams(context) || route.kind !== 'mcp' || !asksForWebSocket(headers.upgrade)) return serve(context, response, request, 'GET');
  const admitted = admitChannel(context, limits, response, headers, route);
  if (admitted === undefined) return;
  const offer = readOffer(request);
  const wrong = judgeOffer(offer);
  if (wrong !== undefined) return answerPlain(response, { status: wrong.status, headers: wrong.headers, json: { code: 'bad_upgrade', message: wrong.message }, close: true });
  response.upgrade({ channel: admitted.channel }, offer.key, SUBPROTOCOL, NO_EXTENSIONS, socket);
}
