// What a gateway thread, the control thread and the audit writer say to each other.
import type { MessagePort } from 'node:worker_threads';
import type { DetailValue } from './record.js';
import type { OpenLine } from './types.js';

/** From a gateway thread: lines in the order they were appended. */
export type ToWriter = { readonly kind: 'append'; readonly lines: readonly OpenLine[] };

/** Answers cover lines in the order they were sent, `count` of them. `messages` counts `append` messages that are now answered whole. */
export type FromWriter =
  | { readonly kind: 'durable'; readonly count: number; readonly messages: number; readonly firstSeq: number; /** 64 hex digits per line, joined. */ readonly hashes: string }
  | { readonly kind: 'failed'; readonly count: number; readonly messages: number; readonly because: string }
  | { readonly kind: 'health'; readonly healthy: boolean; readonly because: string };

export interface AuditHealth {
  readonly healthy: boolean;
  readonly because: string;
}

export interface AuditStatus extends AuditHealth {
  /** Of the last durable line; 0 for an empty log. */
  readonly seq: number;
  readonly lastHash: string;
  readonly file: string;
  /** Intents of an earlier run that this start found without a request line. */
  readonly unresolved: number;
}

export interface AuditWriterOptions {
  readonly dir: string;
  readonly fileBytesMax: number;
  /** Details of the `start` event: version, profile, digests. */
  readonly start: Readonly<Record<string, DetailValue>>;
  /** How often a failed disk is tried again. */
  readonly retryMs?: number;
}

/** From the control thread to the writer thread. */
export type ToWriterThread =
  | { readonly kind: 'connect'; readonly port: MessagePort }
  | { readonly kind: 'status'; readonly id: number }
  | { readonly kind: 'close' };

export type FromWriterThread =
  | { readonly kind: 'status'; readonly id: number; readonly status: AuditStatus }
  | ({ readonly kind: 'health' } & AuditHealth);

/** The writer as the control thread sees it, in a thread of its own or in this one. */
export interface AuditWriterHandle {
  /** A new port for one appender; transfer it to the thread that appends. */
  connect(): MessagePort;
  /** Answers after the first attempt to open the log. */
  status(): Promise<AuditStatus>;
  /** Commits what has arrived, writes the `stop` event, gives the folder free. Close the appenders first. */
  close(): Promise<void>;
  /** Called on every change. */
  onHealth(listener: (health: AuditHealth) => void): void;
}
