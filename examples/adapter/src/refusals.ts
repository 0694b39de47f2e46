// What the gateway, or the way to it, says no with, in Courier's error shape. Nothing of a refusal is dropped, and nothing is made to look like another thing.
import { ApprovalTimeoutError, CallTimeoutError, ConfigurationError, GatewayError, InputRequiredError, ProtocolError, TransportError } from '@precinct/sdk';
import { CourierFault, type ErrorBody } from './protocol.js';

const MS_PER_SECOND = 1000;
const INVALID_PARAMS = -32602;
const IDENTITY_STEP = 3;
const [BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, TOO_MANY, FAULT, BAD_GATEWAY, UNAVAILABLE, GATEWAY_TIMEOUT] = [400, 401, 403, 429, 500, 502, 503, 504];
/** The gateway answers these before anything goes to a tool, so that the identical request may come again. */
const NOTHING_RAN: ReadonlySet<number> = new Set([TOO_MANY, UNAVAILABLE]);

export function faultOf(error: unknown): CourierFault {
  if (error instanceof CourierFault) return error;
  if (error instanceof GatewayError) return refused(error);
  if (error instanceof TransportError) return lost(error);
  if (error instanceof CallTimeoutError) {
    return new CourierFault(GATEWAY_TIMEOUT, { type: 'unavailable', code: 'timed_out', message: 'The action did not end in time.', remediation: 'It may have run: look before it is sent again.', trace_id: error.traceId });
  }
  if (error instanceof ProtocolError) {
    return new CourierFault(error.rpcCode === INVALID_PARAMS ? BAD_REQUEST : BAD_GATEWAY, { type: error.rpcCode === INVALID_PARAMS ? 'invalid' : 'failed', code: 'tool_protocol_error', message: error.message, reason: String(error.rpcCode), trace_id: error.traceId });
  }
  if (error instanceof InputRequiredError) {
    return new CourierFault(BAD_GATEWAY, { type: 'failed', code: 'input_required', message: 'The tool asks its caller something, and Courier has no way to ask.', remediation: 'Use a tool that takes all it needs as input.', trace_id: error.traceId });
  }
  if (error instanceof ConfigurationError) return new CourierFault(BAD_GATEWAY, { type: 'unavailable', code: 'adapter_misconfigured', message: 'The adapter can not show the gateway who this agent is.' });
  return new CourierFault(FAULT, { type: 'failed', code: 'adapter_fault', message: 'The adapter failed.' }); // its text may hold anything
}

function refused(error: GatewayError): CourierFault {
  const status = tableStatus(error);
  const { code, message, remediation, decisionId: decision_id, traceId: trace_id, retryAfter } = error;
  const retryable = NOTHING_RAN.has(status) || error instanceof ApprovalTimeoutError;
  const reason = error instanceof ApprovalTimeoutError ? `nobody has decided ${error.requestId}` : error.reasonCode ?? textIn(error.details, 'reason');
  const retry_after_ms = retryAfter === undefined ? undefined : retryAfter * MS_PER_SECOND;
  const body = { type: typeOf(status), code, message, reason, remediation, decision_id, trace_id, retryable, retry_after_ms };
  // 401 tells a client that its own key is wrong; this is the adapter's evidence, or a secret of the gateway's.
  if (error.step === IDENTITY_STEP) return new CourierFault(BAD_GATEWAY, { ...body, type: 'unavailable', message: `The adapter's evidence for this agent was refused: ${message}` });
  return new CourierFault(status === UNAUTHORIZED ? FORBIDDEN : status, body);
}

function textIn(details: GatewayError['details'], name: string): string | undefined {
  const value = details?.[name];
  return typeof value === 'string' ? value : undefined;
}

/** A refusal within HTTP 200 has its status in the JSON-RPC error. */
function tableStatus({ rpcCode, httpStatus }: GatewayError): number {
  return [rpcCode, httpStatus].find((status) => status !== undefined && status >= BAD_REQUEST) ?? FORBIDDEN;
}

function typeOf(status: number): ErrorBody['type'] {
  if (status === TOO_MANY) return 'throttled';
  if (status >= FAULT) return 'unavailable';
  return status === BAD_REQUEST ? 'invalid' : 'denied';
}

function lost({ mayHaveRun, retryAfter, traceId }: TransportError): CourierFault {
  const facts = { type: 'unavailable' as const, trace_id: traceId, retry_after_ms: (retryAfter ?? 1) * MS_PER_SECOND };
  if (mayHaveRun) return new CourierFault(BAD_GATEWAY, { ...facts, code: 'outcome_unknown', message: 'The answer of the gateway did not come whole.', remediation: 'It may have run: look before it is sent again.' });
  return new CourierFault(UNAVAILABLE, { ...facts, code: 'gateway_unreachable', message: 'The gateway can not be reached. Nothing has run.', remediation: 'Send it again.', retryable: true });
}
