// What stands at the end of the chain: which terminal a message goes to.
import type { Exchange } from '../chain/exchange.js';
import { deny } from '../chain/verdict.js';
import { routeOf } from '../mcp/methods.js';
import { forwardCall } from './call.js';
import { endSession } from './end-session.js';
import { answerHandshake } from './handshake.js';
import { answerList } from './list.js';
import { listen } from './listen.js';
import { forwardNotification } from './notify.js';
import type { TerminalServices } from './services.js';

export function dispatch(exchange: Exchange, services: TerminalServices): void {
  const { call, inbound, tool } = exchange.ctx;
  if (call === undefined) throw new TypeError('a passed chain has a call');
  if (inbound.httpMethod === 'GET') return listen(exchange, services);
  if (inbound.httpMethod === 'DELETE') return endSession(exchange, services);
  if (call.kind !== 'request') return forwardNotification(exchange, services);
  if (tool !== undefined && tool !== 'none') return forwardCall(exchange, tool.registered.upstream, services);
  if (routeOf(call.method) === 'gateway') return answerHandshake(exchange, services);
  if (call.method === 'tools/list') return answerList(exchange, services);
  return forwardElsewhere(exchange, services);
}

/** The capability a method belongs to, as servers declare it (MCP 2025-11-25, basic/lifecycle). */
const CAPABILITY_OF: Readonly<Record<string, string>> = {
  prompts: 'prompts', resources: 'resources', completion: 'completions', logging: 'logging', tasks: 'tasks',
};

/** Methods that name no tool go to the first server that declares their capability, or to the only server there is. */
function forwardElsewhere(exchange: Exchange, services: TerminalServices): void {
  const { call, snapshot } = exchange.ctx;
  const urls = snapshot.registry.upstreams;
  const capability = CAPABILITY_OF[(call?.method ?? '').split('/', 1)[0] ?? ''];
  const url = urls.length === 1 ? urls[0] : urls.find((one) => capability !== undefined && capability in services.tools.upstream(one).capabilities);
  if (url === undefined) {
    const message = 'No tool server offers this method.';
    exchange.refuse(deny('mcp_invalid_request', { message, protocol: { rpcCode: -32601, httpStatus: 404, message, idText: call?.idText } }));
    return;
  }
  forwardCall(exchange, url, services);
}
