// Ends WebSockets whose clients' proofs have expired, also those that say nothing: one timer for all.
import type { McpSocket } from './mcp-socket.js';
import type { Roll } from './roll.js';

const SWEEP_MS = 1000;

/** Starts looking; call what it returns to stop. */
export function watchExpiry(sockets: Roll<McpSocket>, nowUs: () => number): () => void {
  const timer = setInterval(() => endExpired(sockets, nowUs()), SWEEP_MS).unref();
  return () => clearInterval(timer);
}

export function endExpired(sockets: Pick<Roll<McpSocket>, 'all'>, nowUs: number): void {
  for (const socket of sockets.all()) socket.closeIfExpired(nowUs);
}
