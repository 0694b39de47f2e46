// The errors that are no plain refusal of one family.
import { AdmissionError, StepUpError } from './families.js';
import { PrecinctError, setAside, shown, type Refusal } from './gateway-error.js';
import type { ToolResult } from './tool-result.js';

/** The client cannot be made, or asked, like this. */
export class ConfigurationError extends PrecinctError {
  override readonly name: string = 'ConfigurationError';
}

export interface TransportFacts {
  /** False when the connection was never made, or the request was not sent whole. */
  readonly mayHaveRun: boolean;
  /** `connection`: none, or lost. `status`: an answer that is no MCP. `answer`: one that is too large, or is not what was asked for. */
  readonly kind: 'connection' | 'status' | 'answer';
  readonly httpStatus?: number | undefined;
  /** Seconds. */
  readonly retryAfter?: number | undefined;
  readonly traceId?: string | undefined;
}

/** No MCP answer came back. */
export class TransportError extends PrecinctError implements TransportFacts {
  override readonly name: string = 'TransportError';
  readonly mayHaveRun: boolean;
  readonly kind: TransportFacts['kind'];
  readonly httpStatus: number | undefined;
  readonly retryAfter: number | undefined;
  readonly traceId: string | undefined;

  constructor(message: string, facts: TransportFacts) {
    super(message);
    this.mayHaveRun = facts.mayHaveRun;
    this.kind = facts.kind;
    this.httpStatus = facts.httpStatus;
    this.retryAfter = facts.retryAfter;
    this.traceId = facts.traceId;
  }
}

/** The call's own time is over. */
export class CallTimeoutError extends PrecinctError {
  override readonly name: string = 'CallTimeoutError';
  readonly mayHaveRun: boolean;
  readonly traceId: string | undefined;

  constructor(message: string, facts: { readonly mayHaveRun: boolean; readonly traceId: string | undefined }) {
    super(message);
    this.mayHaveRun = facts.mayHaveRun;
    this.traceId = facts.traceId;
  }
}

/** A JSON-RPC error without the gateway's envelope: the tool server's own, in its words. */
export class ProtocolError extends PrecinctError {
  override readonly name: string = 'ProtocolError';
  readonly rpcCode: number;
  declare readonly data: unknown;
  readonly httpStatus: number | undefined;
  readonly traceId: string | undefined;

  constructor(message: string, facts: { readonly rpcCode: number; readonly data: unknown; readonly httpStatus: number | undefined; readonly traceId: string | undefined }) {
    super(shown(message));
    this.rpcCode = facts.rpcCode;
    setAside(this, { data: facts.data });
    this.httpStatus = facts.httpStatus;
    this.traceId = facts.traceId;
  }
}

/** The tool ran, and says that it failed (`throwOnError`). */
export class ToolError extends PrecinctError {
  override readonly name: string = 'ToolError';
  readonly traceId: string | undefined;
  declare readonly result: ToolResult;

  constructor(result: ToolResult) {
    super(`The tool says that it failed; the record: agw audit explain ${result.traceId}`);
    this.traceId = result.traceId;
    setAside(this, { result });
  }
}

/** The server wants an answer first (2026-07-28): call again with `inputResponses` and `requestState`. */
export class InputRequiredError extends PrecinctError {
  override readonly name: string = 'InputRequiredError';
  declare readonly inputRequests: Readonly<Record<string, unknown>>;
  /** Opaque; goes back as it came. */
  declare readonly requestState: string | undefined;
  readonly traceId: string | undefined;

  constructor(facts: { readonly inputRequests: Readonly<Record<string, unknown>>; readonly requestState: string | undefined; readonly traceId: string | undefined }) {
    super('The server wants an answer before it goes on: call again with inputResponses and requestState.');
    setAside(this, { inputRequests: facts.inputRequests, requestState: facts.requestState });
    this.traceId = facts.traceId;
  }
}

/** The gateway no longer knows the MCP session. Nothing ran. */
export class SessionExpiredError extends AdmissionError {
  override readonly name: string = 'SessionExpiredError';
}

/** Nobody decided in time. The approval request may still be open: repeating the identical call finds it. */
export class ApprovalTimeoutError extends StepUpError {
  override readonly name: string = 'ApprovalTimeoutError';
  readonly requestId: string;
  /** What an approver runs. */
  declare readonly command: string | undefined;

  constructor(refusal: Refusal, approval: { readonly requestId: string; readonly command: string | undefined }) {
    super(refusal);
    this.requestId = approval.requestId;
    setAside(this, { command: approval.command });
  }
}
