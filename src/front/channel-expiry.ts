// Ends channels whose clients' proofs have expired, also those that say nothing: one timer for all.
import type { McpChannel } from './mcp-channel.js';
import type { Roll } from './roll.js';

const SWEEP_MS = 1000;

/** Starts looking; call what it returns to stop. */
export function watchExpiry(channels: Roll<McpChannel>, nowUs: () => number): () => void {
  const timer = setInterval(() => endExpired(channels, nowUs()), SWEEP_MS).unref();
  return () => clearInterval(timer);
}

export function endExpired(channels: Pick<Roll<McpChannel>, 'all'>, nowUs: number): void {
  for (const channel of channels.all()) channel.closeIfExpired(nowUs);
}
