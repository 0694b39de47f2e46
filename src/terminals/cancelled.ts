// notifications/cancelled: the calls it names are told, so that nobody waits for an answer that will not come (2025-11-25, basic/utilities/cancellation).
import { memberAt, textAt } from '../base/json/members.js';
import type { Exchange } from '../chain/exchange.js';
import { comparableId } from '../mcp/message-id.js';
import { runningCallsOf } from './running-calls.js';

const CANCELLED = 'notifications/cancelled';

export interface Cancelled {
  /** Comparable. */
  readonly id: string;
  readonly servers: readonly (string | undefined)[];
}

/** Returns the servers whose calls it named. */
export function tellCancelled(exchange: Exchange): Cancelled | undefined {
  const { call, inbound } = exchange.ctx;
  if (call?.method !== CANCELLED) return undefined;
  const calls = runningCallsOf(exchange);
  if (calls === undefined || calls.running.size === 0) return undefined;
  const idText = textAt(inbound.body, memberAt(inbound.body, ['params', 'requestId']));
  if (idText === undefined) return undefined;
  const id = comparableId(idText);
  const named = [...calls.running].filter((running) => running.id === id);
  for (const running of named) running.cancelled();
  return { id, servers: named.map(({ server }) => server) };
}
