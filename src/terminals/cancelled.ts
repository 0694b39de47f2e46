// notifications/cancelled: the calls it names are told, so that nobody waits for an answer that will not come (2025-11-25, basic/utilities/cancellation).
import { GUARD_OUT_LENGTH, SLOT } from '../base/json/types.js';
import type { Exchange } from '../chain/exchange.js';
import { limitsOf } from './answers.js';
import { comparableId } from './message.js';
import { runningCallsOf } from './running-calls.js';
import type { TerminalServices } from './services.js';

const CANCELLED = 'notifications/cancelled';

export function tellCancelled(exchange: Exchange, services: TerminalServices): void {
  const { call, inbound, snapshot } = exchange.ctx;
  if (call?.method !== CANCELLED) return;
  const calls = runningCallsOf(exchange);
  if (calls === undefined || calls.running.size === 0) return;
  const out = new Uint32Array(GUARD_OUT_LENGTH);
  services.jsonGuard.check(inbound.body, limitsOf(snapshot.config), out);
  const from = out[SLOT.requestId * 2] ?? 0;
  const to = out[SLOT.requestId * 2 + 1] ?? 0;
  if (to === from) return;
  const id = comparableId(Buffer.from(inbound.body.buffer, inbound.body.byteOffset + from, to - from).toString('utf8'));
  for (const running of calls.running) if (running.id === id) running.cancelled();
}
