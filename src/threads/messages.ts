// What the control thread and a gateway thread say to each other.
import type { TracedRequest } from '../chain/request-spans.js';
import type { SamplerReport } from '../chain/sampler.js';
import type { ChainStatsReport } from '../chain/stats.js';
import type { SnapshotDigests } from '../chain/snapshot.js';
import type { FrontReport } from '../front/listeners.js';
import type { BreakerState, RateDecision } from '../engines/limits/types.js';
import type { SnapshotSources } from '../jobs/read-sources.js';
import type { SessionReport } from '../engines/mcp-session/sessions.js';
import type { KeptSession, KeptTaint } from '../engines/mcp-session/types.js';
import type { ShownArguments } from '../engines/step-up/arguments-shown.js';
import type { ApprovalBinding, ReserveResult } from '../engines/step-up/types.js';
import type { ObservationSnapshot } from '../engines/registry/observations.js';
import type { UpstreamKnowledge } from '../terminals/services.js';
import type { ProcessReport } from '../upstream/stdio/stdio-server.js';
import type { UpstreamLoad } from '../upstream/types.js';
import type { PeerLine } from './relay.js';

export interface UpstreamReport extends UpstreamKnowledge {
  readonly tools: number;
  readonly verifiedMs: number;
  readonly error: string | undefined;
  /** Where the gateway runs the server itself. */
  readonly process?: ProcessReport | undefined;
}

/** What an upstream said of itself when it was last listed. */
export interface UpstreamFacts {
  readonly modern: boolean;
  readonly capabilities: Readonly<Record<string, unknown>>;
  readonly instructions: string | undefined;
  readonly protocolVersion: string;
  readonly versions: readonly string[];
  /** What the server calls itself. Never evidence for anything. */
  readonly server: { readonly name: string; readonly version: string };
}

export interface ListingHistory {
  /** Since when it is up, or down. */
  readonly sinceMs: number;
  /** Of the last listing, whatever came of it. */
  readonly triedMs: number;
  readonly tookMs: number;
}

/** Two-phase swap: every thread prepares, then every thread commits; a fault in the first phase changes nothing anywhere. */
export type ToGateway =
  | { readonly kind: 'prepare'; readonly call: number; readonly sources: SnapshotSources }
  | { readonly kind: 'commit'; readonly call: number; readonly version: number }
  | { readonly kind: 'discard'; readonly version: number }
  | { readonly kind: 'observations'; readonly observations: ObservationSnapshot; readonly upstreams: readonly UpstreamReport[]; readonly changed: boolean }
  | { readonly kind: 'evidence'; readonly jwtBundle: string | undefined; readonly trustBundle: string | undefined; readonly replaceTls: boolean }
  | { readonly kind: 'stats'; readonly call: number }
  | { readonly kind: 'identity'; readonly call: number; readonly spiffeId: string }
  | { readonly kind: 'sessions'; readonly call: number; readonly serials: readonly number[] }
  | { readonly kind: 'end_sessions'; readonly call: number; readonly serials: readonly number[] }
  | { readonly kind: 'answer'; readonly call: number; readonly value: unknown; readonly error: string | undefined }
  | { readonly kind: 'peer'; readonly line: PeerLine }
  | { readonly kind: 'drain'; readonly call: number; readonly graceMs: number }
  | { readonly kind: 'finish'; readonly call: number }
  | { readonly kind: 'close' };

export interface GatewayStats {
  /** Whose these are: the thread that takes another's place is another owner. */
  readonly place: { readonly index: number; readonly owner: number };
  readonly chain: ChainStatsReport;
  readonly traces: SamplerReport;
  readonly breakers: readonly (readonly [string, BreakerState])[];
  readonly mcpSessions: number;
  readonly riskEntries: number;
  readonly front: FrontReport;
  readonly engines: { readonly front: string; readonly matcher: { engine: string; because: string }; readonly json: { engine: string; because: string }; readonly policy: string };
  readonly digests: SnapshotDigests;
  /** In use by this thread's JavaScript. */
  readonly heapBytes: number;
  readonly upstreams: readonly UpstreamLoad[];
}

export interface ThreadHealth {
  readonly count: number;
  readonly running: number;
  /** Threads whose event loop stands still. */
  readonly stalled: readonly number[];
  /** Threads that ended and were, or are to be, replaced. */
  readonly restarts: number;
  readonly lastEnd: { readonly thread: number; readonly reason: string; readonly atMs: number } | undefined;
}

export interface IdentityReport {
  readonly riskScore: number;
  readonly flags: readonly string[];
  readonly rate: RateDecision;
}

export type FromGateway =
  | { readonly kind: 'ready'; readonly listeners: readonly { readonly kind: 'http' | 'mtls'; readonly address: string; readonly port: number }[] }
  | { readonly kind: 'failed'; readonly error: SourceFault }
  | { readonly kind: 'crashed'; readonly reason: string }
  | { readonly kind: 'last_stats'; readonly stats: GatewayStats }
  | { readonly kind: 'done'; readonly call: number; readonly value: unknown; readonly error: SourceFault | undefined }
  | { readonly kind: 'ask'; readonly call: number; readonly question: Question }
  | { readonly kind: 'release_grant'; readonly requestId: string; readonly token: string }
  | { readonly kind: 'grant_recorded'; readonly requestId: string }
  | { readonly kind: 'traced'; readonly requests: readonly TracedRequest[] }
  | ({ readonly kind: 'sessions_told' } & SessionsTold);

/** What became of sessions, for which nobody waits. */
export interface SessionsTold {
  readonly used: readonly (readonly [serial: number, usedMs: number])[];
  readonly tainted: readonly (readonly [serial: number, taint: KeptTaint])[];
  readonly over: readonly number[];
}

export interface ThreadSessions {
  readonly thread: number;
  readonly sessions: readonly SessionReport[];
}

export interface SourceFault {
  readonly message: string;
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly column: number | undefined;
  readonly remedy: string | undefined;
}

/** What a gateway thread waits for the control thread to answer. */
export type Question =
  | { readonly kind: 'reserve'; readonly binding: ApprovalBinding; readonly score: number; readonly shown: ShownArguments }
  | { readonly kind: 'consume'; readonly requestId: string; readonly token: string }
  | { readonly kind: 'refresh'; readonly upstream: string }
  | { readonly kind: 'keep_session'; readonly session: KeptSession }
  | { readonly kind: 'read_session'; readonly serial: number }
  | { readonly kind: 'end_session'; readonly serial: number };

export interface AnswerOf {
  readonly reserve: ReserveResult;
  readonly consume: boolean;
  readonly refresh: null;
  readonly keep_session: null;
  readonly read_session: KeptSession | undefined;
  readonly end_session: null;
}
