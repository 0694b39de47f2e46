// What the exit needs of the gateway.
import type { AuditAppender } from '../audit/types.js';
import type { Clock } from '../base/clock/clock.js';
import type { ArgumentsDigest } from '../base/crypto/arguments-digest.js';
import type { CircuitBreakers } from '../engines/limits/types.js';
import type { SessionRisk } from '../engines/session-risk/types.js';
import type { TracedRequest } from './request-spans.js';
import type { Sampler } from './sampler.js';
import type { Snapshot } from './snapshot.js';
import type { ChainStats } from './stats.js';
import type { Unattended } from './unattended.js';
import type { Unrecorded } from './unrecorded.js';
import type { SharedLines } from './unidentified.js';

/** The control thread's approval store, as the exit needs it. */
export interface GrantKeeper {
  /** Durable; false = the reservation is no longer this call's. */
  consume(requestId: string, token: string): Promise<boolean>;
  release(requestId: string, token: string): void;
  /** The line of the call that consumed it is on disk. */
  recorded(requestId: string): void;
}

export interface ExitServices {
  readonly clock: Clock;
  readonly appender: AuditAppender;
  readonly sharedLines: SharedLines;
  readonly grants: GrantKeeper;
  readonly breakers: CircuitBreakers;
  readonly sessionRisk: SessionRisk;
  readonly stats: ChainStats;
  readonly unattended: Unattended;
  readonly unrecorded: Unrecorded;
  readonly sampler: Sampler;
  /** A request that is recorded as a trace has ended. */
  readonly traced: (request: TracedRequest) => void;
  /** What a record may not repeat of a tool server's word: the rules that found something in it, or that it holds a secret. */
  readonly unfitForRecords: (snapshot: Snapshot, server: string, word: string) => readonly string[];
  readonly resourceMetadataUrl: string;
  /** Keyed with the install's key, or plain by choice. */
  readonly digestArguments: ArgumentsDigest;
  /** A fault outside any layer; for the operational log. */
  readonly onFault: (fault: unknown, decisionId: string) => void;
}
