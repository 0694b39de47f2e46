// What a call becomes on its way to a server of the other era, and its answer on the way back; and what no such server has a counterpart for.
import { memberAt } from '../base/json/members.js';
import type { ValueSpan } from '../base/json/spans.js';
import type { Context } from '../chain/context.js';
import type { Exchange } from '../chain/exchange.js';
import { CACHEABLE, isMethodNotFound, toLegacyRequest, toModernAnswer, toModernRequest, toPrivate } from '../mcp/other-era.js';
import { findParamMismatch, makeParamHeaders } from '../mcp/param-headers.js';
import { METHODS } from '../mcp/methods.js';
import { HEADER_MISMATCH, INVALID_PARAMS, METHOD_NOT_FOUND } from '../mcp/rpc-codes.js';
import type { Call, Era } from '../mcp/types.js';
import { BAD_REQUEST, CLIENT_ERROR_FROM, HTTP_OK, NOT_FOUND } from './answers.js';
import { clientFacts } from './client-facts.js';
import type { ServerMessage } from './message.js';
import { refuseProtocol } from './protocol-refusal.js';
import type { Leg, TerminalServices } from './services.js';
import { tellServer } from './tell-server.js';
import { unwatch, watch } from './watched-resources.js';

/** A server of 2026-07-28 wants the method in a header, where nothing else may get to. */
const IN_A_HEADER = /^[\x21-\x7e]+$/;

const OF_ITS_ERA = { remediation: 'Call it from a client of the server\'s own version, or do without.' };

/** True when the request has its answer here: the server's era has no such method. */
export function answersUnmappable(exchange: Exchange, leg: Leg): boolean {
  if (leg.mappedTo === undefined) return false;
  const { call } = exchange.ctx;
  const method = call?.method ?? '';
  const row = METHODS.get(method);
  if (row === undefined ? leg.mappedTo === 'legacy' || IN_A_HEADER.test(method) : row.eras.includes(leg.mappedTo)) return false;
  if (leg.mappedTo === 'modern' && (call?.method === 'resources/subscribe' || call?.method === 'resources/unsubscribe')) keepWatching(exchange, leg.url);
  else refuseProtocol(exchange, METHOD_NOT_FOUND, NOT_FOUND, `The tool server that offers this speaks ${leg.mappedTo === 'modern' ? '2026-07-28' : 'an older protocol version'}, which has no such method.`, OF_ITS_ERA);
  return true;
}

/** 2026-07-28 has the watched resources in subscriptions/listen: the session's own streams ask for them. */
function keepWatching(exchange: Exchange, url: string): void {
  const { call, mcpSession } = exchange.ctx;
  if (call === undefined || mcpSession === undefined || mcpSession === 'none') return refuseProtocol(exchange, METHOD_NOT_FOUND, NOT_FOUND, `${call?.method ?? ''} needs a session.`, { remediation: 'Send initialize, and over HTTP name the session in Mcp-Session-Id.' });
  if (call.method === 'resources/unsubscribe') unwatch(mcpSession, url, call.uri);
  else if (!watch(mcpSession, url, call.uri)) return refuseProtocol(exchange, INVALID_PARAMS, BAD_REQUEST, 'This session watches too many resources.', { remediation: 'Let go of some first: resources/unsubscribe.' });
  exchange.json(`{"jsonrpc":"2.0","id":${call.idText ?? 'null'},"result":{}}`);
}

/** False when a header contradicts the arguments it mirrors, or lacks: the request then has its answer (2026-07-28, basic/transports, server validation). */
export function paramHeadersAgree(exchange: Exchange): boolean {
  const { call, inbound, tool } = exchange.ctx;
  if (call === undefined || tool === undefined || tool === 'none' || tool.marks === undefined) return true;
  const wrong = findParamMismatch(tool.marks, inbound.headers.forwarded, inbound.body, argumentsOf(call), call.era === 'modern' && !inbound.headers.headerless);
  if (wrong === undefined) return true;
  refuseProtocol(exchange, HEADER_MISMATCH, BAD_REQUEST, `The header ${wrong} is missing or differs from the arguments.`, { data: { header: wrong } });
  return false;
}

function argumentsOf({ argumentsFrom, argumentsTo }: Call): ValueSpan {
  return { from: argumentsFrom, to: argumentsTo };
}

export function mapRequest(ctx: Context, era: Era, body: Uint8Array, version: string, more?: readonly string[]): Uint8Array {
  return era === 'modern' ? toModernRequest(body, clientFacts(ctx, version), more) : toLegacyRequest(body);
}

/** The leg's headers, with those that mirror arguments: made where the client did not (it speaks an older version, or over WebSocket), or where layer 13 changed what they mirror. */
export function headersWith(ctx: Context, leg: Leg): Readonly<Record<string, string>> {
  const { call, tool, outbound } = ctx;
  if (call === undefined || tool === undefined || tool === 'none' || tool.marks === undefined) return leg.headers;
  const changed = outbound?.bytes;
  const isOwed = leg.mappedTo === 'modern' || (leg.mappedTo === undefined && (changed !== undefined || (call.era === 'modern' && ctx.inbound.headers.headerless)));
  if (!isOwed) return leg.headers;
  const place = changed === undefined ? argumentsOf(call) : memberAt(changed, ['params', 'arguments']) ?? { from: 0, to: 0 };
  return { ...leg.headers, ...makeParamHeaders(tool.marks, ctx.outboundBytes(), place) };
}

/** How an answer is changed for its client; undefined = not at all. */
export function answerMapping({ call }: Context, mappedTo: Era | undefined): ((bytes: Uint8Array) => Uint8Array) | undefined {
  if (call === undefined) return undefined;
  if (mappedTo === 'legacy') return (bytes) => toModernAnswer(bytes, call.method);
  return call.era === 'modern' && CACHEABLE.has(call.method) ? toPrivate : undefined;
}

/**
 * The HTTP status of a whole answer. A client with a handshake takes 404 for a lost session and any other error for the transport's; one
 * of 2026-07-28 is told an unknown method by 404.
 */
export function statusFor({ mcpSession }: Pick<Context, 'mcpSession'>, leg: Leg | undefined, status: number, message: ServerMessage, bytes: Uint8Array): number {
  if (leg?.mappedTo === 'modern') return HTTP_OK;
  if (leg?.mappedTo === 'legacy' && message.isError && isMethodNotFound(bytes)) return NOT_FOUND;
  if (status < CLIENT_ERROR_FROM) return HTTP_OK;
  const inSession = mcpSession !== undefined && mcpSession !== 'none';
  // With the id of the request it is an answer to it, in a session that lives; without one it is the transport's, but for a method that is not there.
  return inSession && message.isError && (message.idText !== 'null' || isMethodNotFound(bytes)) ? HTTP_OK : status;
}

/** A client of 2026-07-28 cancels by closing its stream, which a server with a handshake does not take for that. */
export function tellServerCancelled(services: TerminalServices, ctx: Context, leg: Leg, idText: string): void {
  tellServer(services, ctx, leg, `"method":"notifications/cancelled","params":{"requestId":${idText},"reason":"The client closed its stream."}`);
}
