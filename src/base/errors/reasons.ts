// What is said instead of a code's own text (table.ts) where the reason calls for another remedy.

export interface ReasonText {
  readonly message: string;
  readonly remediation: string;
}

const REASONS: ReadonlyMap<string, ReasonText> = new Map<string, ReasonText>([
  // The listener shows the certificate of the handshake for as long as its session lives: its holder may have renewed it long ago.
  ['auth_invalid_identity certificate_expired', Object.freeze({ message: 'The certificate of this connection has expired.', remediation: 'Connect anew with the renewed certificate, in a new TLS session: a resumed one still shows the old certificate.' })],
  // A POST to /messages: no session was asked for, so that opening one would not help.
  ['session_not_found stream_unknown', Object.freeze({ message: 'No such open stream for this caller.', remediation: 'Open /sse again, and POST to the address that its endpoint event names.' })],
  // Its log is of no help: the key is the gateway's own.
  ['mcp_request_failed access_refused', Object.freeze({ message: 'The tool\'s server refuses the gateway\'s key, or wants one.', remediation: 'The gateway\'s operator: check headers: under servers: in the registry, and the variable that it names; a changed variable needs a new start of the gateway.' })],
  // It was heard all the time: a longer wait for the first byte would not help.
  ['mcp_timeout total_timeout', Object.freeze({ message: 'The tool\'s answer did not come to an end in time.', remediation: 'Ask for less at once. The gateway\'s operator: upstream.total_timeout_ms.' })],
  ['stepup_denied pending_limit_reached', Object.freeze({ message: 'Too many calls of this caller wait for a person already: no request was opened for this one.', remediation: 'Have an approver decide some of them (agw approvals list), or wait until they expire, and call again. The gateway\'s operator: step_up.pending_per_caller_max.' })],
  ['stepup_denied grant_not_usable', Object.freeze({ message: 'The approval ended before the call could be sent. Nothing was forwarded.', remediation: 'Repeat the identical call: that opens a new request, which a person must approve.' })],
]);

export function reasonText(code: string, reasonCode: string): ReasonText | undefined {
  return REASONS.get(`${code} ${reasonCode}`);
}
