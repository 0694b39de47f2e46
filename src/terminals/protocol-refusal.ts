// What a terminal itself refuses, in the specs' own error codes.
import type { Context } from '../chain/context.js';
import type { Exchange } from '../chain/exchange.js';
import { denyByProtocol, type Deny } from '../chain/verdict.js';
import { isMcpClient } from '../mcp/accept.js';
import { INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND } from '../mcp/rpc-codes.js';
import type { ProtocolError } from '../mcp/types.js';
import { BAD_REQUEST, HTTP_OK, NOT_FOUND } from './answers.js';

const METHOD_NOT_ALLOWED = 405;

export function refuseProtocol(exchange: Exchange, rpcCode: number, httpStatus: number, message: string, more?: Pick<ProtocolError, 'data' | 'remediation'>): void {
  const { call, mcpSession } = exchange.ctx;
  // In a session 404 says that it has ended (2025-11-25, basic/transports): its client would open another, or give up.
  const isInSession = mcpSession !== undefined && mcpSession !== 'none';
  exchange.refuse(denyByProtocol({ rpcCode, httpStatus: httpStatus === NOT_FOUND && isInSession ? HTTP_OK : httpStatus, message, idText: call?.idText, ...more }));
}

export function refuseNotOffered(exchange: Exchange): void {
  refuseProtocol(exchange, METHOD_NOT_FOUND, NOT_FOUND, 'No tool server offers this method.');
}

/** A message, or an HTTP method, that means something in a session alone. */
export function refuseSessionless(exchange: Exchange, message: string, remediation: string): void {
  const idText = exchange.ctx.call?.idText;
  const isMessage = exchange.ctx.inbound.httpMethod === 'POST';
  const more = isMessage ? {} : { headers: { allow: 'POST' } };
  exchange.refuse(denyByProtocol({ rpcCode: INVALID_REQUEST, httpStatus: isMessage ? BAD_REQUEST : METHOD_NOT_ALLOWED, message, remediation, idText }, { reasonCode: 'session_missing', ...more }));
}

/** A client of the older era takes a status other than 200 for a broken transport. */
export function invalidParams({ call, inbound }: Context, reasonCode: string, message: string, remediation: string): Deny {
  const httpStatus = call?.era === 'legacy' && isMcpClient(inbound.headers.accept) ? HTTP_OK : BAD_REQUEST;
  return denyByProtocol({ rpcCode: INVALID_PARAMS, httpStatus, message, remediation, idText: call?.idText }, { reasonCode });
}
