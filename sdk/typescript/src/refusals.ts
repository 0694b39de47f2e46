// From a JSON-RPC error, in any of the gateway's three shapes, to the class that says what it is.
import { CODES, FAMILY_OF_STEP } from './codes.js';
import { ProtocolError, SessionExpiredError } from './errors.js';
import { FAMILIES } from './families.js';
import { GatewayError, type PrecinctError, type Refusal } from './gateway-error.js';
import { isObject, numberOf, objectOf, textOf, type JsonObject } from './json.js';

export interface Circumstances {
  readonly httpStatus: number;
  /** Seconds, as the header says. */
  readonly retryAfter: number | undefined;
  readonly traceId: string;
}

const SESSION_NOT_FOUND = 'session_not_found';
const NOT_FOUND = 404;

/** `message` has an `error`, or is an envelope alone. */
export function errorOf(message: JsonObject, circumstances: Circumstances, inSession: boolean): PrecinctError {
  const error = objectOf(message['error']);
  const rpcCode = numberOf(error['code']);
  const envelope = [error['data'], message].find(isEnvelope);
  if (envelope === undefined) {
    if (inSession && circumstances.httpStatus === NOT_FOUND && rpcCode !== -32601) return new SessionExpiredError(bareRefusal(circumstances, rpcCode));
    return new ProtocolError(textOf(error['message']) ?? 'An error without a message.', { rpcCode: rpcCode ?? 0, data: error['data'], httpStatus: circumstances.httpStatus, traceId: circumstances.traceId });
  }
  return refusalError(refusalOf(envelope, circumstances, rpcCode));
}

function refusalError(refusal: Refusal): GatewayError {
  if (refusal.code === SESSION_NOT_FOUND) return new SessionExpiredError(refusal);
  const row = rowOf(refusal.code);
  const family = row?.family ?? (refusal.step === undefined ? undefined : FAMILY_OF_STEP.get(refusal.step));
  return new (family === undefined ? GatewayError : FAMILIES[family])(refusal);
}

/** HTTP status of a refusal as the gateway's table has it; of an unknown code, as it came. */
export function tableStatus({ code, httpStatus, rpcCode }: Refusal): number | undefined {
  return rowOf(code)?.status ?? (rpcCode !== undefined && rpcCode > 0 ? rpcCode : httpStatus);
}

function rowOf(code: string): (typeof CODES)[keyof typeof CODES] | undefined {
  return Object.hasOwn(CODES, code) ? CODES[code as keyof typeof CODES] : undefined;
}

/** The gateway's own words, rather than a tool server's. */
export function isEnvelope(value: unknown): value is JsonObject {
  return isObject(value) && typeof value['code'] === 'string' && typeof value['decision_id'] === 'string';
}

function refusalOf(envelope: JsonObject, { httpStatus, retryAfter, traceId }: Circumstances, rpcCode: number | undefined): Refusal {
  const code = textOf(envelope['code']) ?? '';
  const details = isObject(envelope['details']) ? envelope['details'] : undefined;
  return {
    code,
    message: textOf(envelope['message']) ?? code,
    step: numberOf(envelope['middleware_step']) ?? rowOf(code)?.step,
    middleware: textOf(envelope['middleware']) ?? rowOf(code)?.middleware,
    reasonCode: textOf(envelope['reason_code']),
    decisionId: textOf(envelope['decision_id']),
    traceId: textOf(envelope['trace_id']) ?? traceId,
    details,
    remediation: textOf(envelope['remediation']),
    docsUrl: textOf(envelope['docs_url']),
    retryAfter: longest(retryAfter, numberOf(envelope['retry_after']), numberOf(details?.['retry_after_seconds'])),
    httpStatus,
    rpcCode,
  };
}

function longest(...seconds: readonly (number | undefined)[]): number | undefined {
  const said = seconds.filter((value) => value !== undefined && value >= 0) as number[];
  return said.length === 0 ? undefined : Math.max(...said);
}

/** Of what stands between here and the gateway, or of a tool server that lost its session. */
function bareRefusal({ httpStatus, traceId }: Circumstances, rpcCode: number | undefined): Refusal {
  return {
    code: SESSION_NOT_FOUND, message: 'No such MCP session for this caller.', step: CODES.session_not_found.step, middleware: CODES.session_not_found.middleware, reasonCode: undefined, decisionId: undefined, traceId,
    details: undefined, remediation: 'Open a new session.', docsUrl: undefined, retryAfter: undefined, httpStatus, rpcCode,
  };
}
