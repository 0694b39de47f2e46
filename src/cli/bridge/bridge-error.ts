// What the bridge itself answers: JSON-RPC errors with a code, whether the call may have run, and a remedy, in the shape of the gateway's own refusals.
import { INVALID_REQUEST, PARSE_ERROR } from '../../mcp/rpc-codes.js';
import { CliFailure } from '../failure.js';
import { NotSent } from './gateway-link.js';

export interface BridgeFault {
  /** error.code: that of an HTTP status, as in every refusal of the gateway; or a protocol error's. */
  readonly number: number;
  readonly code: string;
  readonly message: string;
  readonly remediation: string;
  /** Whether the tool may have run. */
  readonly mayHaveRun: boolean;
}

export const NOT_JSON: BridgeFault = { number: PARSE_ERROR, code: 'bridge_no_json', message: 'The line is not valid JSON.', remediation: 'Send one JSON-RPC message a line, in UTF-8.', mayHaveRun: false };
export const LINE_TOO_LONG: BridgeFault = { number: INVALID_REQUEST, code: 'bridge_line_too_long', message: 'The line is longer than 32 MiB.', remediation: 'Send less in one message.', mayHaveRun: false };
export const ID_IN_USE: BridgeFault = { number: INVALID_REQUEST, code: 'bridge_id_in_use', message: 'A request with this id is under way.', remediation: 'Give each request an id of its own.', mayHaveRun: false };
export const TOO_MANY: BridgeFault = { number: 503, code: 'bridge_busy', message: 'Too many requests are under way in this bridge.', remediation: 'Wait for an answer before you send more; what is under way goes on.', mayHaveRun: false };
export const STOPPED: BridgeFault = { number: 503, code: 'bridge_stopped', message: 'The bridge was stopped before the answer came.', remediation: 'What came of the call is in the log: agw audit search --last 5', mayHaveRun: true };
export const NO_SESSION: BridgeFault = { number: INVALID_REQUEST, code: 'bridge_no_session', message: 'Nothing waits for this answer: there is no session.', remediation: 'Send initialize first.', mayHaveRun: false };
export const NO_ANSWER: BridgeFault = { number: 502, code: 'answer_cut', message: 'The stream ended before the answer came.', remediation: 'What came of the call is in the log: agw audit search --last 5', mayHaveRun: true };

const STATUS_OF: Readonly<Record<string, number>> = { gateway_unreachable: 503, gateway_untrusted: 503, no_identity: 503, timeout: 504, answer_cut: 502, answer_too_large: 502, not_mcp: 502 };
const UNAVAILABLE = 503;

export function faultOf(error: unknown): BridgeFault {
  const failure = error instanceof CliFailure ? error : new CliFailure(error instanceof Error ? error.message : String(error));
  const code = failure.code ?? 'bridge_fault';
  return { number: STATUS_OF[code] ?? UNAVAILABLE, code, message: sentence(failure.message), remediation: failure.remedy ?? 'See the bridge\'s messages on stderr, and: agw status', mayHaveRun: !(failure instanceof NotSent) };
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** `idText`: raw, so that a number stays as it was written. */
export function errorLine(idText: string, { number, code, message, remediation, mayHaveRun }: BridgeFault): Buffer {
  const data = { code, message, middleware: 'bridge', remediation, may_have_run: mayHaveRun };
  const shown = number < 0 ? message : `${message} [${code}] ${remediation}`; // most clients show the message alone
  return Buffer.from(`{"jsonrpc":"2.0","id":${idText},"error":{"code":${number},"message":${JSON.stringify(shown)},"data":${JSON.stringify(data)}}}`);
}
