// What the front hands to the gateway and what it takes back; nothing of uWebSockets.js is visible here.
import type { PeerEvidence } from '../engines/identity/types.js';
import type { RunningCalls } from '../engines/mcp-session/types.js';

export interface InboundHeaders {
  readonly accept: string;
  readonly contentType: string;
  readonly mcpSessionId: string;
  readonly mcpProtocolVersion: string;
  readonly mcpMethod: string;
  readonly mcpName: string;
  readonly lastEventId: string;
  readonly traceparent: string;
  readonly tracestate: string;
  /** Headers a tool server may see: mcp-param-*, and unknown mcp-* ones; lower-case names, as they came, in order. */
  readonly forwarded: readonly (readonly [string, string])[];
  /** The transport has no headers for each message, or none that count (WebSocket, HTTP+SSE): none mirrors the body, and session and version are those of the connection. */
  readonly headerless: boolean;
}

export interface Inbound {
  readonly httpMethod: 'POST' | 'GET' | 'DELETE';
  /** `/` or `/mcp`, after /as/<agent>/<env> was taken off. */
  readonly path: string;
  readonly evidence: PeerEvidence;
  readonly headers: InboundHeaders;
  /** Valid only until `handle` returns, unless `retain` was called. Empty for GET, DELETE and a body that was too large. */
  readonly body: Uint8Array;
  /** Copies the body once, so that it outlives the handler; idempotent. */
  retain(): void;
  /** Bytes of the body are with a tool server's client. What is lent, and has come back whenever it was, is used again for other bodies after the answer. */
  lendBody?(): void;
  /** Nothing reads them for that loan any more. */
  bodyReturned?(): void;
  /** The body passed front.body_bytes_max; it was dropped at that byte. */
  readonly bodyTooLarge: boolean;
  /** Bytes seen of the body when it was accepted or refused; of a body refused by its Content-Length alone, the bytes announced. */
  readonly bodyBytes: number;
  /** Microseconds since the epoch when the headers were read. */
  readonly receivedUs: number;
  /** One message of a JSON-RPC batch: its answer is whole, and goes back with those of the others. */
  readonly batched?: boolean;
}

export type HeaderPairs = readonly (readonly [string, string])[];

/** Why a request with nobody to blame ends before its answer has come. */
export type EndCause = 'shutdown' | 'certificates_replaced';
/**
 * `gateway`: this thread is ending after a fault; `shutdown`: the gateway was told to stop; `certificates_replaced`: the connection's listener was. The grace
 * of the latter two is over. In all cases an answer can still be given.
 */
export type LossCause = 'gateway' | EndCause;
export type AbortCause = 'client' | LossCause;

/** A connection that carries many messages at once (WebSocket, the stream of HTTP+SSE): what one of them opens ends with it. */
export interface Carrier extends RunningCalls {
  /** A session is open on it: there is one at most. */
  readonly hasSession: boolean;
  /** Messages travel in this session from now on. `end` is called once, when the connection is gone. */
  openSession(id: string, protocolVersion: string, end: () => void): void;
  /** Its client has proven who it is, until then (milliseconds since the epoch). */
  provenUntil(expiresMs: number): void;
}

/** The way back. Whatever is called after `aborted` or after the end is ignored. */
export interface Reply {
  /** Absent where a connection carries one request at a time. */
  readonly carrier?: Carrier;
  /** The client hung up. */
  readonly aborted: boolean;
  /** At most one listener; called at once when already aborted. */
  onAbort(listener: (cause: AbortCause) => void): void;
  /** A whole answer. `close` ends the connection after it. */
  send(status: number, headers: HeaderPairs, body: Uint8Array | string, close?: boolean): void;
  /** Starts a streamed answer. */
  begin(status: number, headers: HeaderPairs): void;
  /** False = the client is slow: stop until onDrain's listener is called. */
  write(chunk: Uint8Array | string): boolean;
  onDrain(listener: () => void): void;
  end(): void;
  /** Cuts the connection, so that the client sees that the answer is not whole. */
  destroy(): void;
}

/**
 * Called once per request. `reply.aborted` is already true when the client hung up before its body was whole: then there is nothing to
 * decide, only a `client_disconnected` record to write.
 */
export type Handle = (inbound: Inbound, reply: Reply) => void;

/** Refusals that are decided outside the chain (step 0) are handed to the gateway too, so that they are recorded. */
export type Refuse = (code: 'gateway_overloaded' | 'origin_rejected' | 'gateway_fault' | 'session_not_found', reasonCode: string, inbound: Inbound, reply: Reply) => void;

/** What GET /health and GET /ready answer; asked even under overload, and without any identity. */
export interface ProbeAnswer {
  readonly status: number;
  readonly json: unknown;
}

export interface Probes {
  health(): ProbeAnswer;
  ready(): ProbeAnswer;
  /** RFC 9728 metadata at /.well-known/oauth-protected-resource; absent = 404. */
  readonly resourceMetadata?: () => ProbeAnswer;
}
