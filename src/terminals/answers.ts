// Small judgements about a tool server's HTTP answer, shared by the terminals.
import type { GatewayConfig } from '../base/config/schema.js';
import type { GuardLimits } from '../base/json/types.js';
import { deny, type Deny } from '../chain/verdict.js';
import type { UpstreamFault } from '../upstream/types.js';

/** A tool's answer may be far larger than a request: only its nesting is bounded as strictly. */
const ANSWER_KEYS_MAX = 5_000_000;

export function isSse(contentType: string): boolean {
  return /^text\/event-stream\s*(;|$)/i.test(contentType);
}

export function isJson(contentType: string): boolean {
  return /^application\/json\s*(;|$)/i.test(contentType);
}

export function limitsOf(config: GatewayConfig): GuardLimits {
  return { depthMax: config.front.json_depth_max, keysMax: ANSWER_KEYS_MAX };
}

export function faultRefusal(fault: UpstreamFault): Deny {
  switch (fault.kind) {
    case 'timeout': return deny('mcp_timeout', { reasonCode: fault.maybeSent ? 'no_answer' : 'not_connected' });
    case 'transport': return deny('mcp_transport_failed', { reasonCode: fault.maybeSent ? 'connection_lost' : 'not_connected' });
    case 'protocol': return deny('mcp_invalid_response', { reasonCode: 'http' });
  }
}
