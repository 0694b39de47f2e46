// The audit line, its writer's face towards a gateway thread, and what readers return (SPEC section 8).
import type { RequestLineFacts } from './record.js';

/** A line without `seq`, `prev_hash` and `hash`: JSON text of an object, without its closing brace. The writer adds the three and the brace. */
export type OpenLine = string;

export interface SealedLine {
  readonly seq: number;
  readonly hash: string;
}

export type Done = (error: Error | undefined, sealed: SealedLine | undefined) => void;

/** How a gateway thread hands lines to the one writer. */
export interface AuditAppender {
  /** False once the writer reported a failure (disk full, read-only) or its queue is full: layer 4 refuses with audit_unavailable_fail_closed. */
  readonly healthy: boolean;
  readonly because: string;
  /** Calls `done` once the line is on disk (fdatasync), or with an error. Never throws. Lines of one caller keep their order. */
  append(line: OpenLine, done: Done): void;
  /** The same for the line of a request, which is made here. */
  appendRequest(facts: RequestLineFacts, done: Done): void;
  close(): Promise<void>;
}

/** Joined view of one request: its request line with intent, stream_end and server-request lines of the same decision. */
export interface AuditRecord {
  /** The line's own text, so that its hash can be computed again. */
  readonly text: string;
  readonly line: Readonly<Record<string, unknown>>;
  /** Oldest first. */
  readonly related: readonly Readonly<Record<string, unknown>>[];
}

export type VerifyResult =
  | { readonly kind: 'intact'; readonly lines: number; readonly files: number; readonly lastHash: string }
  | { readonly kind: 'broken'; readonly file: string; readonly line: number; readonly byte: number; readonly seq: number | undefined; readonly problem: 'hash' | 'prev_hash' | 'seq' | 'json' | 'torn'; readonly detail: string };
