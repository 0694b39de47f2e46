// Cumulative risk and taint, per caller and per MCP session; layer 8 judges the worse of the two (SPEC section 7).
import type { Classification, RiskLevel } from '../registry/types.js';

export interface SessionAction {
  readonly tool: string;
  readonly classification: Classification;
  /** The tool is declared to send out. */
  readonly external: boolean;
  readonly riskLevel: RiskLevel;
  readonly destination: string | undefined;
  readonly atMs: number;
}

export interface SessionView {
  /** Session id as recorded: the MCP session's, or `caller` when there is none. */
  readonly id: string;
  /** 0–1, after decay; the worse of caller and session. */
  readonly riskScore: number;
  /** The caller's, in whatever session or in none, oldest first: who opens a new session has not done less. */
  readonly previousActions: readonly SessionAction[];
  /** e.g. `tainted:sensitive`, `risk:high`. */
  readonly flags: readonly string[];
  readonly tainted: boolean;
  /** The tool whose answer brought the taint; for the refusal and the record. */
  readonly taintSource?: string | undefined;
}

export interface SessionThresholds {
  readonly ttlMs: number;
  readonly halfLifeMs: number;
  readonly riskDenyAt: number;
  readonly actionsKept: number;
  readonly sessionsMax: number;
}

export type SessionJudgement =
  | { readonly kind: 'pass' }
  | { readonly kind: 'flag'; readonly flags: readonly string[] }
  | { readonly kind: 'exfiltration'; readonly source: string; readonly destination: string | undefined };

export interface SessionRisk {
  /** Throws SessionTableFull when no place can be had without evicting live taint or risk. */
  load(caller: string, mcpSession: string | undefined, nowMs: number): SessionView;
  /** Would `action` complete a chain from sensitive data to an external destination, or pass the risk threshold? Changes nothing. */
  judge(view: SessionView, action: SessionAction): SessionJudgement;
  /** The destination a call is judged by: the first that is outside, else the first; undefined when there is none. */
  outermost(destinations: readonly string[]): string | undefined;
  /** Adds the action to the caller, and its risk to caller and session. Called once per forwarded call, before anything goes upstream. */
  record(caller: string, mcpSession: string | undefined, action: SessionAction): void;
  /** Sets taint; called before the first byte of an answer that holds classified data leaves. Returns its severity; below 0: such data taints nobody. */
  taint(caller: string, mcpSession: string | undefined, classification: Classification, source: string, nowMs: number): number;
  readonly size: number;
}

/** What config/session_chains.yaml says (parsed by chains.ts). */
export interface SessionChains {
  /** Classifications whose data taints who reads it. */
  readonly taintFrom: readonly Classification[];
  /** Hosts that are inside: `name` or `*.suffix`, lower case. */
  readonly internalDestinations: readonly string[];
  /** What one action adds to the risk, 0–1 each; the parts are added up. */
  readonly risk: {
    readonly level: Readonly<Record<RiskLevel, number>>;
    readonly classification: Readonly<Record<Classification, number>>;
    readonly external: number;
  };
}
