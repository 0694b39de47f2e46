// notifications/cancelled: the calls it names are told, so that nobody waits for an answer that will not come (2025-11-25, basic/utilities/cancellation).
import { GUARD_OUT_LENGTH, SLOT } from '../base/json/types.js';
import type { Exchange } from '../chain/exchange.js';
import { limitsOf } from './answers.js';
import { comparableId } from './message.js';
import { runningCallsOf } from './running-calls.js';
import type { TerminalServices } from './services.js';

const CANCELLED = 'notifications/cancelled';

export interface Cancelled {
  /** Comparable. */
  readonly id: string;
  readonly servers: readonly (string | undefined)[];
}

/** Returns the servers whose calls it named. */
export function tellCancelled(exchange: Exchange, services: TerminalServices): Cancelled | undefined {
  const { call, inbound, snapshot } = exchange.ctx;
  if (call?.method !== CANCELLED) return undefined;
  const calls = runningCallsOf(exchange);
  if (calls === undefined || calls.running.size === 0) return undefined;
  const out = new Uint32Array(GUARD_OUT_LENGTH);
  services.jsonGuard.check(inbound.body, limitsOf(snapshot.config), out);
  const from = out[SLOT.requestId * 2] ?? 0;
  const to = out[SLOT.requestId * 2 + 1] ?? 0;
  if (to === from) return undefined;
  const id = comparableId(Buffer.from(inbound.body.buffer, inbound.body.byteOffset + from, to - from).toString('utf8'));
  const named = [...calls.running].filter((running) => running.id === id);
  for (const running of named) running.cancelled();
  return { id, servers: named.map(({ server }) => server) };
}
