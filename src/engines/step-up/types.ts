// Step-up: the score, approval requests, and the single-use grant (SPEC section 7).
import type { Classification, RiskLevel } from '../registry/types.js';
import type { ShownArguments } from './arguments-shown.js';

export interface ScoreFacts {
  readonly riskLevel: RiskLevel;
  readonly external: boolean;
  readonly sessionTainted: boolean;
  readonly classification: Classification;
  readonly destination: string | undefined;
  readonly destinationAllowedByTool: boolean;
  readonly destinationAllowedGlobally: boolean;
  /** Words of the name, and of an `action` or `command` argument, say what can't be undone. */
  readonly toolName?: string | undefined;
  readonly action?: string | undefined;
}
export interface StepUpScore {
  readonly total: number;
  readonly impact: number;
  readonly reversibility: number;
  readonly exposure: number;
  readonly novelty: number;
}
export type StepUpGate = 'pass' | 'checked' | 'approval' | 'denied';

/** What a grant is bound to. All members are compared; `argumentsDigest` is SHA-256 of the canonical form of the arguments. */
export interface ApprovalBinding {
  readonly caller: string;
  readonly tool: string;
  readonly toolHash: string;
  readonly upstream: string;
  readonly argumentsDigest: string;
  readonly mcpSession: string | undefined;
}

export interface ApprovalRequest extends ApprovalBinding {
  readonly id: string;
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly score: number;
  readonly state: 'pending' | 'approved' | 'denied' | 'reserved' | 'consumed' | 'expired';
  readonly decidedBy: string | undefined;
  readonly decidedMs: number | undefined;
  readonly reason: string | undefined;
  /** The beginning of the canonical arguments, secrets masked, and how many characters follow; made visible by visibleText. */
  readonly argumentsPreview: string;
  /** Characters of all of the canonical arguments, secrets masked; undefined once they are not kept any more. */
  readonly argumentsLength?: number | undefined;
  /** The first ARGUMENTS_KEPT_MAX of these characters; `get` alone gives them. */
  readonly argumentsText?: string | undefined;
  /** Until when an approved request can be used; `expiresMs` is until when it could be decided. */
  readonly grantExpiresMs?: number | undefined;
}

export type ReserveResult =
  /** A live grant for exactly this binding was reserved for `token`. */
  | { readonly kind: 'reserved'; readonly requestId: string; readonly token: string; readonly approver: string }
  | { readonly kind: 'pending'; readonly requestId: string; readonly expiresMs: number }
  /** `requestId` is '' where none was opened: the caller has as many waiting as it may. */
  | { readonly kind: 'denied'; readonly requestId: string; readonly approver: string; readonly reason: string | undefined };

/** Owned by the control thread; gateway threads call it through a port, so everything is async there. */
export interface ApprovalStore {
  /** Finds a live grant and reserves it, or finds or opens the pending request. Durable before it returns. */
  reserveOrRequest(binding: ApprovalBinding, score: number, shown: ShownArguments, nowMs: number): ReserveResult;
  /** Durable consume of a reservation, before the first byte goes upstream. False = it was not this reservation's any more: refuse. */
  consume(requestId: string, token: string, nowMs: number): boolean;
  /** Gives a reservation back (layers 10–13 refused). */
  release(requestId: string, token: string): void;
  /** The newest of them: as many as one answer holds. */
  list(state: ApprovalRequest['state'] | undefined, nowMs: number): ApprovalRequest[];
  /** All that there are. */
  count(state: ApprovalRequest['state'] | undefined): number;
  get(id: string, nowMs: number): ApprovalRequest | undefined;
  /** Verifies the approver's Ed25519 signature over decisionText(...), requester ≠ approver, not expired, still pending. */
  decide(id: string, decision: 'approve' | 'deny', approver: string, signature: string, reason: string | undefined, nowMs: number): DecideResult;
  /** What no line of the log is known to tell yet: a crash came between. Each becomes a line at the next start, at worst a second one. */
  untold(): readonly Untold[];
  /** Its line is on disk. */
  told(id: string, what: Untold['what']): void;
  close(): void;
}
/** `spent`: its call was on the way; a crash since means that no record of a call names it. */
export interface Untold {
  readonly what: 'decided' | 'spent';
  readonly request: ApprovalRequest;
}
export type DecideResult =
  | { readonly kind: 'ok'; readonly request: ApprovalRequest }
  | { readonly kind: 'unknown_request' | 'already_decided' | 'expired' | 'unknown_approver' | 'bad_signature' | 'self_approval' };
