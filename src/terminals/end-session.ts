// DELETE: the client ends its session, for good; so do its sessions with the tool servers.
import type { Exchange } from '../chain/exchange.js';
import { deny } from '../chain/verdict.js';
import { refuseSessionless } from './protocol-refusal.js';
import type { TerminalServices } from './services.js';

const NO_CONTENT = 204;

export function endSession(exchange: Exchange, services: TerminalServices): void {
  const session = exchange.ctx.mcpSession;
  if (session === undefined || session === 'none') {
    if (exchange.ctx.call?.era === 'modern') refuseSessionless(exchange, 'DELETE ends a session, and 2026-07-28 has none.', 'Close the stream of what is to end: a call, a subscription.');
    else refuseSessionless(exchange, 'DELETE ends a session: name it in Mcp-Session-Id.', 'Send the Mcp-Session-Id that the answer to initialize carried; without a session there is nothing to end.');
    return;
  }
  services.mcpSessions.end(session).then(
    () => exchange.answer(NO_CONTENT, [], ''),
    () => exchange.refuse(deny('session_unavailable_fail_closed', { reasonCode: 'session_not_ended', retryAfterSeconds: 1 })),
  ).catch((fault: unknown) => exchange.fault(fault));
}
