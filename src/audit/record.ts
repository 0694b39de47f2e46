// Builds audit lines from templates (SPEC section 8): no walk over an object, every string escaped, member order fixed.
import { frameworkRefsText } from './framework-refs.js';
import { isoMicros, microsText, numberText, remembersLast, quote, quoteAll, quoteKnown, quoteOrNull, quoteToken } from './json-text.js';
import { addLayers, NOTE_CHARS_MAX, type LayerFacts } from './layers-text.js';
import type { OpenLine } from './types.js';

export { VERDICT_NAMES, type LayerFacts } from './layers-text.js';

const FINDINGS_MAX = 100; // as dlp.findings_max by default; the rest is counted

export interface AuditFinding {
  readonly rule: string;
  readonly category: string;
  readonly action: string;
  readonly path: string;
  /** Masked by whoever found it. */
  readonly sample: string;
  readonly decoded: string;
  /** Which way the text went; a request's unless said. */
  readonly direction?: 'request' | 'response' | undefined;
}

export interface DecisionFacts {
  readonly decisionId: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly sessionId: string | undefined;
  readonly spiffeId: string | undefined;
}

export interface CallFacts {
  /** The upstream's URL. */
  readonly server: string | undefined;
  readonly tool: string | undefined;
  readonly method: string | undefined;
  readonly argumentsDigest: string | undefined;
}

export interface RequestLineFacts extends DecisionFacts, CallFacts {
  /** Microseconds since the epoch, all three. `respondedUs` is when the line is built, just before its answer may leave. */
  readonly receivedUs: number;
  readonly decidedUs: number;
  readonly respondedUs: number;
  readonly authMethod: string | undefined;
  readonly principal: { readonly level: number; readonly role: string; readonly capabilities: readonly string[] } | undefined;
  readonly decision: 'ALLOW' | 'DENY';
  /** Absent for an allowed call that succeeded. */
  readonly code: string | undefined;
  readonly reasonCode?: string | undefined;
  readonly layers: LayerFacts;
  readonly riskScore: number;
  readonly findings: readonly AuditFinding[];
  /** HTTP status of the answer. */
  readonly status: number;
  readonly policyDigest: string | undefined;
  readonly registryDigest: string | undefined;
}

function findingsText(findings: readonly AuditFinding[]): string {
  if (findings.length === 0) return '[]';
  let out = '[';
  const kept = Math.min(findings.length, FINDINGS_MAX);
  for (let i = 0; i < kept; i++) {
    const f = findings[i];
    if (f === undefined) continue;
    out += `${i === 0 ? '' : ','}{"rule":${quote(f.rule, NOTE_CHARS_MAX)},"category":${quote(f.category, NOTE_CHARS_MAX)},"action":${quote(f.action, NOTE_CHARS_MAX)}`
      + `,"path":${quote(f.path, NOTE_CHARS_MAX)},"sample":${quote(f.sample, NOTE_CHARS_MAX)},"decoded":${quote(f.decoded, NOTE_CHARS_MAX)}`
      + (f.direction === undefined ? '}' : `,"direction":"${f.direction}"}`);
  }
  return findings.length > kept ? `${out},{"omitted":${findings.length - kept}}]` : out + ']';
}

const principalText = remembersLast((principal: RequestLineFacts['principal']): string => {
  if (principal === undefined) return 'null';
  return `{"level":${numberText(principal.level)},"role":${quote(principal.role)},"capabilities":${quoteAll(principal.capabilities)}}`;
});

function head(type: string, atUs: number): string {
  return `{"type":"${type}","timestamp":"${isoMicros(atUs)}"`;
}

function idsText(d: DecisionFacts): string {
  return `,"decision_id":${quoteToken(d.decisionId)},"trace_id":${quoteToken(d.traceId)},"span_id":${quoteToken(d.spanId)}`;
}

function callerText(d: DecisionFacts): string {
  return `,"session_id":${quoteKnown(d.sessionId)},"spiffe_id":${quoteKnown(d.spiffeId)}`;
}

/** The digest follows. */
function callText(c: CallFacts): string {
  return `,"server":${quoteKnown(c.server)},"tool":${quoteKnown(c.tool)},"method":${quoteKnown(c.method)},"arguments_digest":`;
}

function digestText(digest: string | undefined): string {
  return digest === undefined ? 'null' : quoteToken(digest);
}

function timestampsText(r: RequestLineFacts): string {
  return `,"timestamps":{"received":${microsText(r.receivedUs)},"decided":${microsText(r.decidedUs)},"responded":${microsText(r.respondedUs)}}`;
}

// Runs of members that neighbouring records share: each is one text, made again when one of its members is another.

export const whoAndWhat = remembersLast(
  (r: RequestLineFacts) => `${callerText(r)},"auth_method":${quoteKnown(r.authMethod)},"principal":${principalText(r.principal)}${callText(r)}`,
  (a, b) => a.sessionId === b.sessionId && a.spiffeId === b.spiffeId && a.authMethod === b.authMethod && a.principal === b.principal && a.server === b.server && a.tool === b.tool && a.method === b.method,
);

export const decisionText = remembersLast(
  (r: RequestLineFacts) => `,"decision":"${r.decision}","code":${quoteOrNull(r.code)}${r.reasonCode === undefined ? '' : `,"reason_code":${quote(r.reasonCode)}`},"layers_traversed":[`,
  (a, b) => a.decision === b.decision && a.code === b.code && a.reasonCode === b.reasonCode,
);

export const outcomeText = remembersLast(
  (r: RequestLineFacts) => `],"risk_score":${numberText(r.riskScore)},"findings":${findingsText(r.findings)},"status":${numberText(r.status)},"latency_us":`,
  (a, b) => a.riskScore === b.riskScore && a.findings.length === 0 && b.findings.length === 0 && a.status === b.status,
);

export const rulesText = remembersLast(
  (r: RequestLineFacts) => `,"policy_digest":${quoteKnown(r.policyDigest)},"registry_digest":${quoteKnown(r.registryDigest)}`
    + `,"framework_refs":${frameworkRefsText(r.code)}`,
  (a, b) => a.policyDigest === b.policyDigest && a.registryDigest === b.registryDigest && a.code === b.code,
);

/** The one line of a request, allowed or refused at any layer. request-lines.ts writes the same natively. */
export function requestLine(r: RequestLineFacts): OpenLine {
  const start = head('request', r.respondedUs) + timestampsText(r) + idsText(r) + whoAndWhat(r) + digestText(r.argumentsDigest);
  return addLayers(start + decisionText(r), r.layers) + outcomeText(r) + numberText(r.respondedUs - r.receivedUs) + rulesText(r);
}

/** Unidentified requests above the limit share the line of the first of them: one per source and second. */
export function repeatedLine(first: RequestLineFacts, source: string, repeated: number): OpenLine {
  return `${requestLine(first)},"source":${quote(source)},"repeated":${numberText(repeated)}`;
}

export interface IntentLineFacts extends DecisionFacts, CallFacts {
  readonly atUs: number;
  readonly policyDigest: string | undefined;
  readonly registryDigest: string | undefined;
}

/** Durable before anything of a risky call goes upstream. */
export function intentLine(i: IntentLineFacts): OpenLine {
  return head('intent', i.atUs) + idsText(i) + callerText(i) + callText(i) + digestText(i.argumentsDigest)
    + `,"policy_digest":${quoteOrNull(i.policyDigest)},"registry_digest":${quoteOrNull(i.registryDigest)}`;
}

export interface StreamEndLineFacts extends DecisionFacts {
  readonly atUs: number;
  readonly bytes: number;
  readonly messages: number;
  readonly findings: readonly AuditFinding[];
  /** HTTP status the stream began with, or the refusal's that ended it. */
  readonly status: number;
  /** Why it ended early, e.g. `client_disconnected`; absent when it ended well. */
  readonly code: string | undefined;
}

export function streamEndLine(s: StreamEndLineFacts): OpenLine {
  return head('stream_end', s.atUs) + idsText(s) + callerText(s) + `,"code":${quoteOrNull(s.code)},"bytes":${numberText(s.bytes)},"messages":${numberText(s.messages)}`
    + `,"findings":${findingsText(s.findings)},"status":${numberText(s.status)}`;
}

export interface UnresolvedLineFacts extends CallFacts {
  readonly atUs: number;
  readonly decisionId: string;
  readonly traceId: string | undefined;
  readonly sessionId: string | undefined;
  readonly spiffeId: string | undefined;
  readonly intentSeq: number;
}

/** An intent whose request line never came: the call may have run, nobody was told. Written at the next start. */
export function unresolvedLine(u: UnresolvedLineFacts): OpenLine {
  return head('unresolved', u.atUs) + `,"decision_id":${quote(u.decisionId)},"trace_id":${quoteOrNull(u.traceId)}`
    + `,"session_id":${quoteOrNull(u.sessionId)},"spiffe_id":${quoteOrNull(u.spiffeId)}${callText(u)}${digestText(u.argumentsDigest)},"intent_seq":${numberText(u.intentSeq)}`;
}

export interface ServerRequestLineFacts extends DecisionFacts {
  readonly atUs: number;
  readonly server: string | undefined;
  readonly method: string;
  readonly decision: 'ALLOW' | 'DENY';
  readonly code: string | undefined;
  readonly findings: readonly AuditFinding[];
}

/** A request the tool server made of the client (sampling, elicitation, roots). */
export function serverRequestLine(s: ServerRequestLineFacts): OpenLine {
  return head('server_request', s.atUs) + idsText(s) + callerText(s) + `,"server":${quoteOrNull(s.server)},"method":${quote(s.method)}`
    + `,"decision":"${s.decision}","code":${quoteOrNull(s.code)},"findings":${findingsText(s.findings)}`;
}

export type DetailValue = string | number | boolean | readonly string[];

// The last `,"hash":` of a line is its seal: no detail may carry these names, so that the simplest verifier can cut there.
const SEAL_NAMES = new Set(['hash', 'seq', 'prev_hash']);

function detailText(value: DetailValue): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'number') return numberText(value);
  return typeof value === 'boolean' ? String(value) : quoteAll(value);
}

/** Something that happened to the gateway itself: start, stop, reload, torn tail repaired, certificate replaced, registry change. */
export function eventLine(atUs: number, event: string, details: Readonly<Record<string, DetailValue>>): OpenLine {
  const members = Object.entries(details).map(([name, value]) => `${quote(SEAL_NAMES.has(name) ? `${name}_` : name)}:${detailText(value)}`);
  return `${head('event', atUs)},"event":${quote(event)},"details":{${members.join(',')}}`;
}
