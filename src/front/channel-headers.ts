// The headers that a message of a channel stands for: it has none of its own, or none that count, so they are what its connection says of all of them.
import { ACCEPT_BOTH, JSON_TYPE } from '../mcp/media-types.js';
import type { InboundHeaders } from './types.js';

const BINARY_TYPE = 'application/octet-stream';
const NOTHING_FORWARDED: InboundHeaders['forwarded'] = Object.freeze([]);

export interface ChannelHeaders {
  readonly text: InboundHeaders;
  /** A binary frame is no JSON: layer 2 refuses it for what it is. */
  readonly binary: InboundHeaders;
}

/** '' = no session. Traces are not taken from what opened the connection: one trace would hold all messages of hours. */
export function channelHeaders(mcpSessionId: string, mcpProtocolVersion: string): ChannelHeaders {
  const text: InboundHeaders = {
    accept: ACCEPT_BOTH, contentType: JSON_TYPE, mcpSessionId, mcpProtocolVersion, mcpMethod: '', mcpName: '', lastEventId: '', traceparent: '', tracestate: '',
    forwarded: NOTHING_FORWARDED, headerless: true,
  };
  return { text, binary: { ...text, contentType: BINARY_TYPE } };
}

export const SESSIONLESS: ChannelHeaders = Object.freeze(channelHeaders('', ''));

/** With the trace of the request that brought the message: that names this one alone. */
export function traced(headers: InboundHeaders, { traceparent, tracestate }: InboundHeaders): InboundHeaders {
  return traceparent === '' ? headers : { ...headers, traceparent, tracestate };
}
