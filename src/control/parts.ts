// What the control resources ask: the control thread's state, as functions.
import type { AuditStatus } from '../audit/protocol.js';
import type { Clock } from '../base/clock/clock.js';
import type { GatewayConfig } from '../base/config/schema.js';
import type { ExportedSpans } from '../base/telemetry/span-export.js';
import type { SnapshotDigests } from '../chain/snapshot.js';
import type { IdentityTable } from '../engines/identity/types.js';
import type { ListedSession } from '../engines/mcp-session/session-store.js';
import type { PolicySet } from '../engines/policy/types.js';
import type { Observations } from '../engines/registry/observations.js';
import type { ToolRegistry } from '../engines/registry/types.js';
import type { SecretFile } from '../engines/secrets/file-store.js';
import type { ApprovalStore } from '../engines/step-up/types.js';
import type { GatewayStats, IdentityReport, ListingHistory, ThreadHealth, UpstreamFacts, UpstreamReport } from '../threads/messages.js';
import type { KeptCounts } from './kept-counts.js';

/** What is in force in the control thread; replaced whole by a reload, like the threads' snapshots. */
export interface InForce {
  readonly registry: ToolRegistry;
  readonly identities: IdentityTable;
  readonly policy: PolicySet;
  readonly policyFiles: number;
}

/** A file whose present content was refused: what was in force before still is. */
export interface RefusedSource {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
  readonly message: string;
  readonly remediation?: string;
  /** When it was refused, ISO 8601. */
  readonly since: string;
}

export interface Reloaded {
  readonly digests: SnapshotDigests;
  /** Files whose present content is not in force. */
  readonly refused: readonly RefusedSource[];
}

/** MCP sessions, open or asleep. `caller` and `keyPrefix`: '' = any. */
export interface KeptSessions {
  /** The lately used, and how many there are in all. No thread: it sleeps. */
  list(caller: string): Promise<{ readonly total: number; readonly sessions: readonly (ListedSession & { readonly thread: number | undefined; readonly upstreams: number; readonly streams: number })[] }>;
  count(keyPrefix: string): number;
  /** For good, and on every thread; resolves to how many. */
  end(keyPrefix: string, caller: string, because: string): Promise<number>;
}

/** What becomes of traces. */
export interface TraceReport {
  readonly state: 'off' | 'on' | 'failing';
  readonly collector?: string;
  readonly because?: string;
  readonly spans?: ExportedSpans;
}

export interface ControlParts {
  readonly clock: Clock;
  readonly version: string;
  readonly startedMs: number;
  readonly configFile: string;
  readonly stateDir: string;
  readonly config: () => GatewayConfig;
  readonly inForce: () => InForce;
  readonly listeners: () => readonly { readonly kind: 'http' | 'mtls'; readonly address: string }[];
  readonly threads: { readonly count: number; health(): ThreadHealth; stats(): Promise<GatewayStats[]>; identity(spiffeId: string): Promise<IdentityReport[]> };
  readonly audit: () => Promise<AuditStatus>;
  readonly observations: Observations;
  readonly upstreams: () => readonly UpstreamReport[];
  /** What an upstream said of itself when it was last listed, and how its listings went. */
  readonly greeted: (upstream: string) => UpstreamFacts | undefined;
  readonly listings: (upstream: string) => ListingHistory | undefined;
  /** A person registered the tool again: what its server serves now is listed afresh and lifts the refusal if it matches. False: no such tool. */
  readonly acknowledge: (tool: string) => Promise<boolean>;
  readonly approvals: ApprovalStore;
  /** A line of its own in the audit log: resolves once it is on disk, rejects where it can't be. */
  readonly event: (name: string, details: Readonly<Record<string, string>>) => Promise<void>;
  readonly sessions: KeptSessions;
  readonly secrets: SecretFile;
  /** For sums over all threads that ever were. */
  readonly kept: KeptCounts;
  readonly traces: () => TraceReport;
  readonly warnings: () => readonly string[];
  readonly refused: () => readonly RefusedSource[];
  /** What was written and is not loaded, one sentence each with what loads it. */
  readonly notLoaded: () => readonly string[];
  /** Reject with ControlFault 422 (file, line, column; the other faults in `others`), and nothing changed anywhere. */
  readonly reload: () => Promise<SnapshotDigests>;
  /** The watched files, each for itself: what is wrong stays as it was, and is in `refused`. */
  readonly reloadFiles: () => Promise<Reloaded>;
  readonly reloadPolicies: () => Promise<SnapshotDigests>;
  /** The policy files as they stand, compiled, for the asker to close; undefined where they are what is in force. Throws ControlFault 422 like a reload of them. */
  readonly writtenPolicies: () => Promise<PolicySet | undefined>;
}
