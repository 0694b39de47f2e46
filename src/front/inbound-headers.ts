// Reads all header lines in one pass, because a request is dead once its handler returned. Repeated lines are joined by ", " (RFC 9110,
// section 5.3): a second X-SPIFFE-ID, Authorization or Mcp-Name then names nothing valid, where taking the first would let the second hide.
import type { InboundHeaders } from './types.js';
import type { HttpRequest } from './uws-types.js';

/**
 * Evidence that is there but empty must not pass for no evidence. uWebSockets.js also trims bytes above 0x7f from the end of a value as if
 * they were blanks (elsewhere they stay), so that a value of such bytes alone arrives here as ''.
 */
const UNREADABLE = '(unreadable)';

type Field = Exclude<keyof InboundHeaders, 'forwarded'> | 'authorization' | 'spiffeId' | 'host' | 'origin' | 'contentLength' | 'transferEncoding' | 'upgrade';

const FIELDS: ReadonlyMap<string, Field> = new Map<string, Field>([
  ['accept', 'accept'], ['content-type', 'contentType'], ['mcp-session-id', 'mcpSessionId'], ['mcp-protocol-version', 'mcpProtocolVersion'],
  ['mcp-method', 'mcpMethod'], ['mcp-name', 'mcpName'], ['last-event-id', 'lastEventId'], ['traceparent', 'traceparent'], ['tracestate', 'tracestate'],
  ['authorization', 'authorization'], ['x-spiffe-id', 'spiffeId'], ['host', 'host'], ['origin', 'origin'],
  ['content-length', 'contentLength'], ['transfer-encoding', 'transferEncoding'], ['upgrade', 'upgrade'],
]);
/** An empty value of these is not the same as none. */
const NEVER_EMPTY: ReadonlySet<Field> = new Set<Field>(['authorization', 'spiffeId', 'origin', 'contentLength', 'transferEncoding', 'mcpSessionId', 'mcpProtocolVersion', 'mcpMethod', 'mcpName']);
const FORWARDED_PREFIX = 'mcp-';

export class HeaderIntake implements InboundHeaders {
  accept = '';
  contentType = '';
  mcpSessionId = '';
  mcpProtocolVersion = '';
  mcpMethod = '';
  mcpName = '';
  lastEventId = '';
  traceparent = '';
  tracestate = '';
  authorization = '';
  spiffeId = '';
  host = '';
  origin = '';
  contentLength = '';
  transferEncoding = '';
  upgrade = '';
  hostLines = 0;
  readonly forwarded: (readonly [string, string])[] = [];

  take(name: string, value: string): void {
    const field = FIELDS.get(name);
    if (field === undefined) {
      if (name.startsWith(FORWARDED_PREFIX)) this.forwarded.push([name, value]);
      return;
    }
    if (field === 'host') this.hostLines += 1;
    const said = value === '' && NEVER_EMPTY.has(field) ? UNREADABLE : value;
    this[field] = this[field] === '' ? said : `${this[field]}, ${said}`;
  }
}

export function readHeaders(request: HttpRequest): HeaderIntake {
  const intake = new HeaderIntake();
  request.forEach((name, value) => intake.take(name, value));
  return intake;
}
