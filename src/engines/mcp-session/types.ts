// Legacy MCP sessions (2025-11-25 and older): minted here, bound to the caller, mapped to one session on each tool server.
import type { Classification } from '../registry/types.js';

/** The gateway's session with one tool server on behalf of one client session. */
export interface UpstreamBinding {
  /** Empty when the server works without sessions. */
  readonly sessionId: string;
  readonly protocolVersion: string;
}

/** The taint of a session, as it is kept with it. */
export interface KeptTaint {
  readonly severity: number;
  readonly classification: Classification;
  readonly source: string;
  readonly atMs: number;
}

/** What of a session outlives its thread and its process. */
export interface KeptSession {
  readonly serial: number;
  /** SHA-256 of its id: whoever reads the store learns no id. */
  readonly key: string;
  readonly caller: string;
  readonly protocolVersion: string;
  readonly initializeParams: string;
  readonly createdMs: number;
  readonly usedMs: number;
  readonly taint: KeptTaint | undefined;
}

/** Where sessions are kept, as a gateway thread asks it. */
export interface SessionKeeper {
  /** Kept when it resolves: a process that is killed then has it still. */
  keep(session: KeptSession): Promise<void>;
  /** Undefined: it has ended, or its time has. */
  read(serial: number): Promise<KeptSession | undefined>;
  /** When it resolves, no restart brings the session back. */
  end(serial: number): Promise<void>;
  /** Written soon, not at once. */
  used(serial: number, usedMs: number): void;
  /** Written soon, too. */
  tainted(serial: number, taint: KeptTaint): void;
  /** The session has ended in its thread already. */
  over(serial: number): void;
}

/** Calls under way that their client may cancel by a message of its own. */
export interface RunningCalls {
  readonly running: ReadonlySet<RunningCall>;
  began(call: RunningCall): void;
  over(call: RunningCall): void;
}

export interface McpSession extends RunningCalls {
  readonly id: string;
  /** Unique among all threads and over restarts. */
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
  /** Taint of before a restart, which whoever judges risk does not know yet. */
  inherited: KeptTaint | undefined;
  noteTaint(taint: KeptTaint): void;
  /** `then` is called once, as soon as no call of it runs. */
  whenIdle(then: () => void): void;
}

export interface RunningCall {
  /** The request's id, comparable with the one that a cancellation names. */
  readonly id: string;
  /** URL of the tool server that was sent it. */
  readonly server?: string;
  /** The client wants no answer any more, and its server will send none (2025-11-25, basic/utilities/cancellation). */
  cancelled(): void;
}
