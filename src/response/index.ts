// The response firewall: what every message from a tool server crosses before it may reach the agent, in this order.
import type { GuardLimits, JsonGuard } from '../base/json/types.js';
import type { DlpScanner } from '../engines/dlp/types.js';
import { screenMessage } from './02-response-scan.js';
import { scrubFor, type Scrub } from './03-scrub-secrets.js';
import type { Screened } from './scanned.js';

export interface ResponseFirewall {
  screen(bytes: Uint8Array): Screened | Promise<Screened>;
}

/** One per request: it knows the secrets that went upstream with it. Tool lists cross 01-tool-list-filter first, where they are put together. */
export function createResponseFirewall(rules: DlpScanner, guard: JsonGuard, limits: GuardLimits, secretValues: readonly string[]): ResponseFirewall {
  const scrub: Scrub = scrubFor(secretValues); // first: an echoed secret is cut out quietly, not reported as a finding of the tool's own
  return { screen: (bytes) => screenMessage(scrub(bytes), rules, guard, limits) };
}
