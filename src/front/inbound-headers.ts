// Reads all header lines in one pass, because a request is dead once its handler returned. Repeated lines are joined by ", " (RFC 9110,
// section 5.3): a second X-SPIFFE-ID, Authorization or Mcp-Name then names nothing valid, where taking the first would let the second hide.
import type { InboundHeaders } from './types.js';
import type { HttpRequest } from './uws-types.js';

/**
 * Evidence that is there but empty must not pass for no evidence. uWebSockets.js also trims bytes above 0x7f from the end of a value as if
 * they were blanks (elsewhere they stay), so that a value of such bytes alone arrives here as ''.
 */
const UNREADABLE = '(unreadable)';

const FORWARDED_PREFIX = 'mcp-';

/** For evidence: an empty value is not the same as none. */
function evident(value: string): string {
  return value === '' ? UNREADABLE : value;
}

function joined(before: string, value: string): string {
  return before === '' ? value : `${before}, ${value}`;
}

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
  readonly headerless = false;

  /** Comparisons and stores by name: a table would hash each name, which is a new text with every request, and store by a key (twice the time). */
  take(name: string, value: string): void {
    switch (name) {
      case 'host':
        this.hostLines += 1;
        this.host = joined(this.host, value);
        return;
      case 'content-type': this.contentType = joined(this.contentType, value); return;
      case 'content-length': this.contentLength = joined(this.contentLength, evident(value)); return;
      case 'accept': this.accept = joined(this.accept, value); return;
      case 'authorization': this.authorization = joined(this.authorization, evident(value)); return;
      case 'x-spiffe-id': this.spiffeId = joined(this.spiffeId, evident(value)); return;
      case 'mcp-method': this.mcpMethod = joined(this.mcpMethod, evident(value)); return;
      case 'mcp-name': this.mcpName = joined(this.mcpName, evident(value)); return;
      case 'mcp-protocol-version': this.mcpProtocolVersion = joined(this.mcpProtocolVersion, evident(value)); return;
      case 'mcp-session-id': this.mcpSessionId = joined(this.mcpSessionId, evident(value)); return;
      case 'traceparent': this.traceparent = joined(this.traceparent, value); return;
      case 'tracestate': this.tracestate = joined(this.tracestate, value); return;
      case 'last-event-id': this.lastEventId = joined(this.lastEventId, value); return;
      case 'origin': this.origin = joined(this.origin, evident(value)); return;
      case 'transfer-encoding': this.transferEncoding = joined(this.transferEncoding, evident(value)); return;
      case 'upgrade': this.upgrade = joined(this.upgrade, value); return;
      default: if (name.startsWith(FORWARDED_PREFIX)) this.forwarded.push([name, value]);
    }
  }
}

export function readHeaders(request: HttpRequest): HeaderIntake {
  const intake = new HeaderIntake();
  request.forEach((name, value) => intake.take(name, value));
  return intake;
}
