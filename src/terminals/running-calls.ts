// Where the calls stand that a client may cancel by a message: in its session, or on the connection that carries its stateless messages (WebSocket).
import type { Exchange } from '../chain/exchange.js';
import type { RunningCalls } from '../engines/mcp-session/types.js';

/** Undefined where a client cancels by hanging up. */
export function runningCallsOf({ ctx, reply }: Exchange): RunningCalls | undefined {
  const { mcpSession } = ctx;
  return mcpSession === undefined || mcpSession === 'none' ? reply.carrier : mcpSession;
}
