// One request on its way: ids, evidence, the pinned snapshot and the facts the layers write. All slots exist up front.
import type { TraceContext } from '../base/ids/trace-context.js';
import type { LocatedFinding } from '../engines/dlp/types.js';
import type { Caller } from '../engines/identity/types.js';
import type { GuardAnswer } from '../engines/guard/types.js';
import type { Place } from '../engines/limits/places.js';
import type { RateDecision } from '../engines/limits/types.js';
import type { HashAlg, RegisteredTool } from '../engines/registry/types.js';
import type { McpSession } from '../engines/mcp-session/types.js';
import type { SessionAction, SessionView } from '../engines/session-risk/types.js';
import type { StepUpScore } from '../engines/step-up/types.js';
import type { Inbound } from '../front/types.js';
import type { ParamMark } from '../mcp/param-headers.js';
import type { Call } from '../mcp/types.js';
import { UNDECIDED } from './sampler.js';
import type { Snapshot } from './snapshot.js';

// A layer's verdict while a request runs: an index into the record's VERDICT_NAMES.
export const NOT_REACHED = 0;
export const PASSED = 1;
export const FLAGGED = 2;
export const DENIED = 3;
export const FAULTED = 4;
export const SKIPPED = 5;
export const LAYER_COUNT = 13;

/** What the chain hands to the wire: the message as it goes upstream, and what must not come back. */
export interface Outbound {
  /** Undefined = the body as it came. */
  readonly bytes: Uint8Array | undefined;
  readonly secretValues: readonly string[];
  readonly secretRefs: readonly string[];
}

export interface Facts {
  /** 02. A GET or DELETE has a synthetic call with the method `GET` or `DELETE`. */
  call: Call;
  /** 03 */
  caller: Caller;
  /** bind-session */
  mcpSession: McpSession | 'none';
  /** hold-place */
  place: Place;
  /** 04: the record is open, nothing was written yet. */
  recordOpen: true;
  /**
   * 05: the tool, or the prompt or resource that the registry knows; none for methods that name nothing, and for what is not registered. `marks`: its
   * arguments that travel in headers as well; undefined = none.
   */
  tool: { readonly registered: RegisteredTool; readonly hashAlg: HashAlg | undefined; readonly marks?: readonly ParamMark[] | undefined } | 'none';
  /** 06 */
  permission: { readonly reason: string | undefined; readonly cached: boolean; readonly needed: boolean };
  /** load-session */
  session: SessionView;
  /** 07 */
  findings: readonly LocatedFinding[];
  /** 08: what this call adds to the session once it is forwarded. */
  action: SessionAction | 'none';
  /** 09 */
  stepUp: { readonly score: StepUpScore; readonly grant: Grant | undefined; readonly argumentsDigest: string } | 'none';
  /** 10 */
  guard: GuardAnswer | 'not_asked';
  /** 11 */
  rate: RateDecision;
  /** 12 */
  breaker: { readonly key: string; readonly probe: boolean } | 'none';
  /** 13 */
  outbound: Outbound;
}
export type Fact = keyof Facts;

/** A person's, for this very call: reserved for it until it is consumed at the wire. */
export interface Grant {
  readonly requestId: string;
  readonly token: string;
  readonly approver: string;
}

/** Undefined = the call needs none. */
export function grantOf({ stepUp }: Pick<Context, 'stepUp'>): Grant | undefined {
  return stepUp === undefined || stepUp === 'none' ? undefined : stepUp.grant;
}

type FactSlots = { -readonly [F in Fact]: Facts[F] | undefined };

export interface RequestIds {
  readonly decisionId: string;
  readonly trace: TraceContext;
  readonly spanId: string;
}

export class Context implements FactSlots {
  readonly inbound: Inbound;
  readonly snapshot: Snapshot;
  readonly decisionId: string;
  readonly spanId: string;
  readonly trace: TraceContext;
  /** Decided with the request. */
  sampling = UNDECIDED;
  /** Milliseconds since the epoch at entry: the one clock read that caches and sessions use. */
  readonly nowMs: number;
  /** The same moment, as limits count: a clock that is set back by an hour must not keep callers and tools out for that hour. */
  readonly steadyMs: number;

  call: Call | undefined = undefined;
  caller: Caller | undefined = undefined;
  mcpSession: Facts['mcpSession'] | undefined = undefined;
  place: Place | undefined = undefined;
  recordOpen: true | undefined = undefined;
  tool: Facts['tool'] | undefined = undefined;
  permission: Facts['permission'] | undefined = undefined;
  session: SessionView | undefined = undefined;
  findings: readonly LocatedFinding[] | undefined = undefined;
  action: Facts['action'] | undefined = undefined;
  stepUp: Facts['stepUp'] | undefined = undefined;
  guard: Facts['guard'] | undefined = undefined;
  rate: RateDecision | undefined = undefined;
  breaker: Facts['breaker'] | undefined = undefined;
  outbound: Outbound | undefined = undefined;

  /** Per layer, index = step − 1. */
  readonly verdicts = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  // Plain arrays of doubles: a Float64Array of this size lives outside the heap and costs ten times as much to make.
  readonly layerUs = [0.1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  readonly notes: (string | undefined)[] = [undefined, undefined, undefined, undefined, undefined, undefined, undefined, undefined, undefined, undefined, undefined, undefined, undefined];
  decidedUs = 0;
  /** Of a request that is recorded as a trace: when it went to its tool server, and when all of a whole answer had come. */
  forwardedUs = 0;
  answeredUs = 0;
  /** Where a message went that names nothing registered; for the record. */
  server: string | undefined = undefined;
  /** The gateway thread, by its name in shared memory, that has the request's session: it decides, not this one. */
  sessionOwner: number | undefined = undefined;
  /** Hosts that the call names as destinations, once somebody wanted to know. */
  namedHosts: readonly string[] | undefined = undefined;
  /** Of a large call, digested by the thread that scanned it: megabytes would hold up this one. */
  argumentsDigest: string | undefined = undefined;

  constructor(inbound: Inbound, snapshot: Snapshot, ids: RequestIds, nowMs: number, steadyMs = nowMs) {
    this.inbound = inbound;
    this.snapshot = snapshot;
    this.decisionId = ids.decisionId;
    this.spanId = ids.spanId;
    this.trace = ids.trace;
    this.nowMs = nowMs;
    this.steadyMs = steadyMs;
    this.layerUs[0] = 0;
  }

  get traceId(): string {
    return this.trace.traceId;
  }

  /** Undefined where the caller has no session. */
  get mcpSessionId(): string | undefined {
    return this.mcpSession === undefined || this.mcpSession === 'none' ? undefined : this.mcpSession.id;
  }

  /** The message as it goes upstream. Read it late: the body may have been copied meanwhile. */
  outboundBytes(): Uint8Array {
    return this.outbound?.bytes ?? this.inbound.body;
  }

  /** The layer passes, but the record shows that it saw something. */
  flag(step: number, note: string): void {
    this.verdicts[step - 1] = FLAGGED;
    this.notes[step - 1] = note;
  }

  /** A part that is not configured was not asked; the record says why. */
  skip(step: number, note: string): void {
    this.verdicts[step - 1] = SKIPPED;
    this.notes[step - 1] = note;
  }

  note(step: number, text: string): void {
    this.notes[step - 1] = text;
  }
}
