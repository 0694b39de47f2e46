// Renders a refusal for whoever asked: SPEC section 3's envelope, JSON-RPC error and HTTP status.
import { ERRORS, type ErrorCode } from '../base/errors/table.js';
import { HEADER_MISMATCH, INVALID_PARAMS, METHOD_NOT_FOUND, UNSUPPORTED_VERSION } from './rpc-codes.js';
import type { ProtocolError } from './types.js';

/** The part of a layer's Deny that the wire shows. */
export interface Refusal {
  readonly code: ErrorCode;
  /** A stable machine word that says which of the code's cases this is, e.g. `observed_hash_missing`. */
  readonly reasonCode?: string | undefined;
  /** Replaces the table's public message. Never holds a secret or the caller's raw bytes. */
  readonly message?: string | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly remediation?: string | undefined;
  /** Whole seconds; becomes `Retry-After`. */
  readonly retryAfterSeconds?: number | undefined;
  /** Extra answer headers, lower-case names (X-RateLimit-*, WWW-Authenticate). */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export interface Envelope {
  readonly code: ErrorCode;
  readonly message: string;
  readonly reason_code?: string;
  readonly middleware: string;
  readonly middleware_step: number;
  readonly decision_id: string;
  readonly trace_id: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly remediation?: string;
  readonly docs_url: string;
}

export interface RefusalFacts {
  readonly decisionId: string;
  readonly traceId: string;
  /** Raw JSON text of the request's id; undefined = none (a notification, GET, DELETE, or a body that could not be read). */
  readonly idText: string | undefined;
  readonly isMcpClient: boolean;
  /** URL for WWW-Authenticate (RFC 9728, section 5.1). */
  readonly resourceMetadataUrl: string;
  /** Where the folder docs/ is served; absent or '' = docs_url is its path in the repository. */
  readonly docsBaseUrl?: string | undefined;
}

export interface RenderedRefusal {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

const OVERLOAD_RETRY_SECONDS = 1;
const UNAUTHORIZED = 401;
const OK = 200;
/** Steps whose refusals keep their HTTP status towards MCP clients too (SPEC section 3). */
const STEPS_WITH_STATUS: ReadonlySet<number> = new Set([0, 1, 2, 3, 11, 12]);

export function isProtocolError(cause: Refusal | ProtocolError): cause is ProtocolError {
  return 'rpcCode' in cause;
}

/** The table's remedy is for a body that is no message; these are messages, and wrong otherwise. */
const REMEDIES: Readonly<Record<number, string>> = {
  [METHOD_NOT_FOUND]: 'Call a method of a capability that the gateway names (initialize; in 2026-07-28 server/discover), or register a server that offers it: agw tools add --from URL.',
  [INVALID_PARAMS]: 'Send the params that the message asks for.',
  [HEADER_MISMATCH]: 'Let the header say what the body says.',
  [UNSUPPORTED_VERSION]: 'Use one of the supported versions.',
};

/** A protocol error is layer 2's refusal; its number survives in `error.code`. */
function asRefusal(error: ProtocolError): Refusal {
  return { code: 'mcp_invalid_request', reasonCode: error.reasonCode, message: error.message, details: error.data, remediation: error.remediation ?? REMEDIES[error.rpcCode] };
}

export function envelopeOf(refusal: Refusal, facts: Pick<RefusalFacts, 'decisionId' | 'traceId' | 'docsBaseUrl'>): Envelope {
  const row = ERRORS[refusal.code];
  return {
    code: refusal.code,
    message: refusal.message ?? row.message,
    ...(refusal.reasonCode === undefined ? {} : { reason_code: refusal.reasonCode }),
    middleware: row.middleware,
    middleware_step: row.step,
    decision_id: facts.decisionId,
    trace_id: facts.traceId,
    ...(refusal.details === undefined ? {} : { details: refusal.details }),
    remediation: refusal.remediation ?? row.remediation,
    docs_url: `${docsBase(facts.docsBaseUrl)}docs/error-codes.md#${refusal.code}`,
  };
}

function docsBase(url = ''): string {
  return url === '' || url.endsWith('/') ? url : `${url}/`;
}

/** An MCP client reads most refusals as JSON-RPC errors on 200; where there is no id to answer, only the status can tell it. */
function statusFor(refusal: Refusal, cause: Refusal | ProtocolError, facts: RefusalFacts): number {
  if (isProtocolError(cause)) return cause.httpStatus;
  const row = ERRORS[refusal.code];
  const inBand = facts.isMcpClient && facts.idText !== undefined && !STEPS_WITH_STATUS.has(row.step);
  return inBand ? OK : row.status;
}

/** RFC 6750, section 3, and RFC 9728, section 5.1. */
function challenge(refusal: Refusal, resourceMetadataUrl: string): string {
  const url = resourceMetadataUrl.replace(/[\\"\r\n]/g, '');
  const cause = refusal.code === 'auth_invalid_bearer_token' ? 'error="invalid_token", ' : '';
  return `Bearer ${cause}resource_metadata="${url}"`;
}

function headersFor(refusal: Refusal, status: number, facts: RefusalFacts): [string, string][] {
  const headers: [string, string][] = [['content-type', 'application/json'], ['cache-control', 'no-store']];
  const retryAfter = refusal.retryAfterSeconds ?? (refusal.code === 'gateway_overloaded' ? OVERLOAD_RETRY_SECONDS : undefined);
  if (retryAfter !== undefined) headers.push(['retry-after', String(Math.max(0, Math.ceil(retryAfter)))]);
  const own = Object.entries(refusal.headers ?? {});
  if (status === UNAUTHORIZED && !own.some(([name]) => name === 'www-authenticate')) {
    headers.push(['www-authenticate', challenge(refusal, facts.resourceMetadataUrl)]);
  }
  headers.push(...own);
  return headers;
}

/**
 * Most MCP clients show an error's message alone, to people and to models: so it says the code and the remedy as well. Not where the remedy is the
 * command that approves the call: a model that has a shell must not be handed it.
 */
function messageFor({ code, message, remediation = '' }: Envelope): string {
  return code === 'stepup_approval_required' ? `${message} [${code}]` : `${message} [${code}] ${remediation}`;
}

/**
 * The whole answer to a refused message. The id is spliced in as raw text, so that it keeps its type and every digit. A caller that is no
 * MCP client gets the envelope flat beside `error`; an MCP client does not, because strict SDK schemas refuse extra members.
 */
export function renderRefusal(cause: Refusal | ProtocolError, facts: RefusalFacts): RenderedRefusal {
  const refusal = isProtocolError(cause) ? asRefusal(cause) : cause;
  const envelope = envelopeOf(refusal, facts);
  const status = statusFor(refusal, cause, facts);
  const text = JSON.stringify(envelope);
  const data = isProtocolError(cause) ? JSON.stringify({ ...cause.data, ...envelope }) : text;
  const message = facts.isMcpClient && !isProtocolError(cause) ? messageFor(envelope) : envelope.message;
  const error = `{"code":${isProtocolError(cause) ? cause.rpcCode : ERRORS[refusal.code].status},"message":${JSON.stringify(message)},"data":${data}}`;
  const flat = facts.isMcpClient ? '' : `,${text.slice(1, -1)}`;
  return { status, headers: headersFor(refusal, status, facts), body: `{"jsonrpc":"2.0","id":${facts.idText ?? 'null'},"error":${error}${flat}}` };
}
