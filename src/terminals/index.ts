// What stands at the end of the chain: which terminal a message goes to.
import type { Exchange } from '../chain/exchange.js';
import { counterpartOf } from '../mcp/counterparts.js';
import { METHODS, routeOf } from '../mcp/methods.js';
import { METHOD_NOT_FOUND } from '../mcp/rpc-codes.js';
import type { Call } from '../mcp/types.js';
import { NOT_FOUND } from './answers.js';
import { forwardCall } from './call.js';
import { endSession } from './end-session.js';
import { answerHandshake } from './handshake.js';
import { answerList, listMemberOf } from './list.js';
import { listen } from './listen.js';
import { paramHeadersAgree } from './mapped-call.js';
import { forwardNamed } from './named.js';
import { forwardNotification } from './notify.js';
import { capabilityOf, serversOffering } from './offering.js';
import { refuseNotOffered, refuseProtocol, refuseSessionless } from './protocol-refusal.js';
import type { TerminalServices } from './services.js';
import { setLevel } from './set-level.js';
import { subscribe } from './subscribe.js';
import { forwardTask } from './tasks.js';

export function dispatch(exchange: Exchange, services: TerminalServices): void {
  const { call, inbound, tool } = exchange.ctx;
  if (call === undefined) throw new TypeError('a passed chain has a call');
  if (inbound.httpMethod === 'GET') return listen(exchange, services);
  if (inbound.httpMethod === 'DELETE') return endSession(exchange, services);
  if (call.kind !== 'request') return forwardNotification(exchange, services);
  if (call.method !== 'tools/call' && isOfOtherEra(call)) return refuseProtocol(exchange, METHOD_NOT_FOUND, NOT_FOUND, `${call.era === 'modern' ? '2026-07-28' : 'This protocol version'} has no ${call.method}.`, { remediation: counterpartOf(call.method) });
  if (tool !== undefined && tool !== 'none') return void (paramHeadersAgree(exchange) && forwardCall(exchange, tool.registered.upstream, services));
  if (call.method === 'subscriptions/listen') return subscribe(exchange, services);
  switch (routeOf(call.method)) {
    case 'gateway': return answerHandshake(exchange, services);
    case 'prompt': case 'resource': case 'reference': return forwardNamed(exchange, services);
    case 'task': return forwardTask(exchange, services);
    case 'all': return forwardToAll(exchange, services);
    case 'tool': case 'session': return capabilityOf(call.method) === 'tasks' ? forwardTask(exchange, services) : forwardElsewhere(exchange, services);
  }
}

/** A method the specifications know, and not for this message's era. Who asks for a discovery without saying a version is told all the same. */
function isOfOtherEra({ method, era }: Call): boolean {
  const row = METHODS.get(method);
  return row !== undefined && !row.eras.includes(era) && method !== 'server/discover';
}

/** Callers without a session share the gateway's: one must neither see another's tasks nor choose what another is told. */
const NEEDS_SESSION: ReadonlySet<string> = new Set(['tasks/list', 'logging/setLevel']);

function forwardToAll(exchange: Exchange, services: TerminalServices): void {
  const { call, mcpSession } = exchange.ctx;
  const method = call?.method ?? '';
  if (NEEDS_SESSION.has(method) && call?.era === 'legacy' && mcpSession === 'none') return refuseSessionless(exchange, `${method} needs an MCP session of its own.`, 'Send initialize, and over HTTP name the session in Mcp-Session-Id.');
  const member = listMemberOf(method);
  if (member !== undefined) return answerList(exchange, member, services);
  if (method === 'logging/setLevel') return setLevel(exchange, services);
  forwardElsewhere(exchange, services);
}

/** Methods that name nothing go to the first server that declares their capability, or to the only server there is. */
function forwardElsewhere(exchange: Exchange, services: TerminalServices): void {
  const { ctx } = exchange;
  const [url] = serversOffering(ctx, capabilityOf(ctx.call?.method ?? ''), services);
  if (url === undefined) refuseNotOffered(exchange);
  else forwardCall(exchange, url, services);
}
