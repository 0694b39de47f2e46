// Small judgements about a tool server's HTTP answer, shared by the terminals.
import type { GatewayConfig } from '../base/config/schema.js';
import { reasonText } from '../base/errors/reasons.js';
import type { GuardLimits } from '../base/json/types.js';
import { deny, type Deny } from '../chain/verdict.js';
import type { BreakerOutcome } from '../engines/limits/types.js';
import { LIST_DEPTH_MAX } from '../engines/registry/served-tools.js';
import type { UpstreamFault, UpstreamSink } from '../upstream/types.js';

/** A transport's refusal is a line. */
const LOST_BYTES_MAX = 4096;
export const HTTP_OK = 200;
export const BAD_REQUEST = 400;
const ACCESS_REFUSED = 'access_refused';
const UNAUTHORIZED = 401;
const FORBIDDEN = 403;
export const NOT_FOUND = 404;
export const SERVER_ERROR_FROM = 500;
export const CLIENT_ERROR_FROM = 400;
/** A tool's answer may be far larger than a request: only its nesting is bounded as strictly. */
const ANSWER_KEYS_MAX = 5_000_000;

/** For what is sent without a wish to hear of it. */
export const NO_SINK: UpstreamSink = Object.freeze({ onHead: () => undefined, onData: () => undefined, onEnd: () => undefined, onFault: () => undefined });

export function limitsOf(config: GatewayConfig): GuardLimits {
  return { depthMax: config.front.json_depth_max, keysMax: ANSWER_KEYS_MAX };
}

/** Of lists, and of what the gateway makes of them: as deep as the definitions that layer 5 knows, or one verified tool would hide its server's others. */
export function listLimitsOf(config: GatewayConfig): GuardLimits {
  return { depthMax: Math.max(config.front.json_depth_max, LIST_DEPTH_MAX), keysMax: ANSWER_KEYS_MAX };
}

/** How servers say that they no longer know a session: 404 as the standard has it (2025-11-25, basic/transports), 400 as many do after a restart. */
export const SESSION_LOST: ReadonlySet<number> = new Set([404, 400]);

/** The code of the error that the SDKs' transports give with that 400; a tool's own errors come with 200. */
const TRANSPORT_ERROR = /"code"\s*:\s*-32000\s*[,}]/;

export function saysSessionLost(body: Uint8Array): boolean {
  return body.length <= LOST_BYTES_MAX && TRANSPORT_ERROR.test(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1'));
}

/**
 * What a handshake that failed says of the tool's server. In a client's session it carries what the client wrote: then only a server that can't be
 * reached or fails is to blame, or one caller could stop a tool for all.
 */
export function blameOf(refusal: Deny, own: boolean): BreakerOutcome {
  const status = refusal.details?.['upstream_status'];
  const failed = refusal.code === 'mcp_timeout' || refusal.code === 'mcp_transport_failed' || (typeof status === 'number' && status >= SERVER_ERROR_FROM);
  return own || failed ? 'failure' : 'neutral';
}

/** No message is looked for in what a server says to who has no right to it. Undefined: it did not say so. */
export function accessRefusal(status: number): Deny | undefined {
  return status === UNAUTHORIZED || status === FORBIDDEN ? deny('mcp_request_failed', { reasonCode: ACCESS_REFUSED, ...reasonText('mcp_request_failed', ACCESS_REFUSED), details: { upstream_status: status } }) : undefined;
}

export function faultRefusal(fault: UpstreamFault): Deny {
  switch (fault.kind) {
    case 'timeout': return deny('mcp_timeout', { reasonCode: fault.maybeSent ? 'no_answer' : 'not_connected' });
    case 'transport': return deny('mcp_transport_failed', { reasonCode: fault.maybeSent ? 'connection_lost' : 'not_connected' });
    case 'protocol': return deny('mcp_invalid_response', { reasonCode: 'http' });
  }
}
