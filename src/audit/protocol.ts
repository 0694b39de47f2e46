// What a gateway thread, the control thread and the audit writer say to each other.
import type { MessagePort } from 'node:worker_threads';
import type { DetailValue } from './record.js';

/** What an appender needs to reach the writer. Lines and answers go through the lane; the port carries what is rare. */
export interface AuditConnection {
  /** In the transfer list when the connection goes to another thread. */
  readonly port: MessagePort;
  /** A ring of lines (lane.ts), of this connection alone. */
  readonly lane: SharedArrayBuffer;
  /** How the writer sleeps (bell.ts), the same for all. */
  readonly bell: SharedArrayBuffer;
}

/** Says nothing but: look into the lane. */
export const NUDGE = 0;

export type ToWriter = typeof NUDGE;

/** The reason of failed lines is posted before their outcome stands in the lane. */
export type FromWriter = typeof NUDGE | ({ readonly kind: 'health' } & AuditHealth);

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
  /** `audit.durability` of the gateway threads. With `async` none waits for its lines, and they gather longer; whoever does wait asks for a commit. */
  readonly durability?: 'group' | 'async';
  /** How often a failed disk is tried again. */
  readonly retryMs?: number;
}

/** What the writer thread starts with. */
export interface WriterThreadData {
  readonly options: AuditWriterOptions;
  readonly bell: SharedArrayBuffer;
}

/** From the control thread to the writer thread; each is followed by a call of the bell. */
export type ToWriterThread =
  | { readonly kind: 'connect'; readonly connection: AuditConnection }
  | { readonly kind: 'status'; readonly id: number }
  | { readonly kind: 'close' };

export type FromWriterThread =
  | { readonly kind: 'status'; readonly id: number; readonly status: AuditStatus }
  | ({ readonly kind: 'health' } & AuditHealth);

/** The writer as the control thread sees it, in a thread of its own or in this one. */
export interface AuditWriterHandle {
  /** For one appender. */
  connect(): AuditConnection;
  /** Answers after the first attempt to open the log. */
  status(): Promise<AuditStatus>;
  /** Commits what has arrived, writes the `stop` event, gives the folder free. Close the appenders first. */
  close(): Promise<void>;
  /** Called on every change. */
  onHealth(listener: (health: AuditHealth) => void): void;
  /** Resolves to why, once it has ended without having been asked to: it comes not back, as a disk does. Never otherwise. */
  readonly died: Promise<string>;
}
