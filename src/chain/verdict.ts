// What a layer says: PASS, or a refusal by its code from the one error table.
import type { ErrorCode } from '../base/errors/table.js';
import type { Refusal } from '../mcp/errors.js';
import type { ProtocolError } from '../mcp/types.js';

export interface Pass {
  readonly kind: 'pass';
}

export interface Deny extends Refusal {
  readonly kind: 'deny';
  /** The refusal is a protocol error: its own JSON-RPC code and HTTP status go before the table's. */
  readonly protocol?: ProtocolError | undefined;
  /** What is wrong is the connection's, and stays so. */
  readonly endsConnection?: true | undefined;
}

export type Verdict = Pass | Deny;

/** The one "go on". The runner compares by identity: anything else stops the chain. */
export const PASS: Pass = Object.freeze({ kind: 'pass' });

/** A refusal with the specs' own error code; `headers` go with the answer. */
export function denyByProtocol(protocol: ProtocolError, more: Pick<Deny, 'reasonCode' | 'headers'> = {}): Deny {
  const reasonCode = more.reasonCode ?? protocol.reasonCode;
  return deny('mcp_invalid_request', { ...more, reasonCode, message: protocol.message, remediation: protocol.remediation, protocol: { ...protocol, reasonCode } });
}

export function deny(code: ErrorCode, more: Omit<Deny, 'kind' | 'code'> = {}): Deny {
  return { kind: 'deny', code, ...more };
}
