// Legacy MCP sessions (2025-11-25 and older): minted here, bound to the caller, mapped to one session on each tool server.

/** The gateway's session with one tool server on behalf of one client session. */
export interface UpstreamBinding {
  /** Empty when the server works without sessions. */
  readonly sessionId: string;
  readonly protocolVersion: string;
}

export interface McpSession {
  readonly id: string;
  /** Unique within its thread. */
  readonly serial: number;
  readonly caller: string;
  readonly protocolVersion: string;
  /** Raw JSON text of the client's initialize params; sent on to each tool server when its session is opened. */
  readonly initializeParams: string;
  readonly createdMs: number;
  usedMs: number;
  readonly upstreams: Map<string, UpstreamBinding>;
  /** Told once when the session ends, however it does: its open streams end with it. */
  readonly closers: Set<() => void>;
  /** Requests a tool server made of this client and that wait for its answer: comparable id → upstream URL. */
  readonly asked: Map<string, string>;
  /** Calls under way that this client may cancel. */
  readonly running: ReadonlySet<RunningCall>;
  began(call: RunningCall): void;
  over(call: RunningCall): void;
}

export interface RunningCall {
  /** The request's id, comparable with the one that a cancellation names. */
  readonly id: string;
  /** The client wants no answer any more, and its server will send none (2025-11-25, basic/utilities/cancellation). */
  cancelled(): void;
}
