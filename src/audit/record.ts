// Builds audit lines from templates (SPEC section 8): no walk over an object, every string escaped, member order fixed.
import { LAYER_NAMES } from '../base/errors/table.js';
import { frameworkRefsText } from './framework-refs.js';
import { isoMicros, microsText, numberText, remembersLast, tenthsText, quote, quoteAll, quoteOrNull, quoteToken } from './json-text.js';
import type { OpenLine } from './types.js';

/** Index = the code kept per layer while a request runs. */
export const VERDICT_NAMES = ['not_reached', 'pass', 'flag', 'deny', 'fault', 'skipped'] as const;
const FAULT = VERDICT_NAMES.indexOf('fault');

const NOTE_CHARS_MAX = 256; // a note is a machine word or a short reason, never content
const FINDINGS_MAX = 100; // as dlp.findings_max by default; the rest is counted

/** `,{"step":…,"name":…,"verdict":…,"us":` for each layer and verdict. */
const LAYER_HEAD: readonly (readonly string[])[] = LAYER_NAMES.map((name, i) =>
  VERDICT_NAMES.map((verdict) => `${i === 0 ? '' : ','}{"step":${i + 1},"name":"${name}","verdict":"${verdict}","us":`));

const SHORT_TENTHS = 256; // most layers take less than 25.6 µs
/** A layer's text up to and with its time, by layer, verdict and tenths of a microsecond; made when it is first needed. */
const OPEN_LAYERS = emptyTable();
/** The same with its closing brace. */
const CLOSED_LAYERS = emptyTable();

type LayerTable = readonly (readonly (string | undefined)[][])[];

function emptyTable(): LayerTable {
  return LAYER_HEAD.map((heads) => heads.map(() => []));
}

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

export interface LayerFacts {
  /** 13 verdict codes, index = step − 1. */
  readonly verdicts: ArrayLike<number>;
  /** 13 times in µs; fractions are kept to a tenth. */
  readonly us: ArrayLike<number>;
  /** 13 optional notes: reason code, `skipped` reason, which hash matched. Never content. */
  readonly notes: ArrayLike<string | undefined>;
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
  /** One digest over the whole pinned snapshot, where the caller has one. */
  readonly snapshotDigest?: string | undefined;
}

function layersText(layers: LayerFacts): string {
  let out = '[';
  for (let i = 0; i < LAYER_HEAD.length; i++) {
    const note = layers.notes[i];
    if (note === undefined || note === '') out += timedLayer(CLOSED_LAYERS, '}', i, layers.verdicts[i] ?? 0, layers.us[i] ?? 0);
    else out += timedLayer(OPEN_LAYERS, '', i, layers.verdicts[i] ?? 0, layers.us[i] ?? 0) + noteText(note);
  }
  return out + ']';
}

function timedLayer(table: LayerTable, end: string, i: number, verdict: number, us: number): string {
  const head = LAYER_HEAD[i]?.[verdict] ?? LAYER_HEAD[i]?.[FAULT] ?? '{"us":';
  const tenths = Math.round(us * 10);
  const row = table[i]?.[verdict];
  if (row === undefined || !(tenths >= 0 && tenths < SHORT_TENTHS)) return head + tenthsText(us) + end;
  const known = row[tenths];
  if (known !== undefined) return known;
  const made = Buffer.from(head + tenthsText(us) + end, 'latin1').toString('latin1'); // one flat text, not a chain of pieces
  row[tenths] = made;
  return made;
}

const NOTES_MAX = 1024;
const notes = new Map<string, string>();

/** Notes are machine words, the same few again and again; those that are not may fill the table once. */
function noteText(note: string): string {
  const known = notes.get(note);
  if (known !== undefined) return known;
  const made = `,"note":${quote(note, NOTE_CHARS_MAX)}}`;
  if (notes.size < NOTES_MAX && note.length <= NOTE_CHARS_MAX) notes.set(note, made);
  return made;
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

// Each keeps the text of its own member: neighbouring records agree in most of them.
const callerText = remembersLast(quoteOrNull);
const authText = remembersLast(quoteOrNull);
const serverText = remembersLast(quoteOrNull);
const toolText = remembersLast(quoteOrNull);
const methodText = remembersLast(quoteOrNull);
const policyText = remembersLast(quoteOrNull);
const registryText = remembersLast(quoteOrNull);

function head(type: string, atUs: number): string {
  return `{"type":"${type}","timestamp":"${isoMicros(atUs)}"`;
}

function decisionText(d: DecisionFacts): string {
  return `,"decision_id":${quoteToken(d.decisionId)},"trace_id":${quoteToken(d.traceId)},"span_id":${quoteToken(d.spanId)}`
    + `,"session_id":${quoteOrNull(d.sessionId)},"spiffe_id":${callerText(d.spiffeId)}`;
}

function callText(c: CallFacts): string {
  return `,"server":${serverText(c.server)},"tool":${toolText(c.tool)},"method":${methodText(c.method)},"arguments_digest":${c.argumentsDigest === undefined ? 'null' : quoteToken(c.argumentsDigest)}`;
}

/** The one line of a request, allowed or refused at any layer. */
export function requestLine(r: RequestLineFacts): OpenLine {
  return head('request', r.respondedUs)
    + `,"timestamps":{"received":${microsText(r.receivedUs)},"decided":${microsText(r.decidedUs)},"responded":${microsText(r.respondedUs)}}`
    + decisionText(r)
    + `,"auth_method":${authText(r.authMethod)},"principal":${principalText(r.principal)}`
    + callText(r)
    + `,"decision":"${r.decision}","code":${quoteOrNull(r.code)}`
    + (r.reasonCode === undefined ? '' : `,"reason_code":${quote(r.reasonCode)}`)
    + `,"layers_traversed":${layersText(r.layers)},"risk_score":${numberText(r.riskScore)},"findings":${findingsText(r.findings)}`
    + `,"status":${numberText(r.status)},"latency_us":${numberText(r.respondedUs - r.receivedUs)}`
    + `,"policy_digest":${policyText(r.policyDigest)},"registry_digest":${registryText(r.registryDigest)}`
    + (r.snapshotDigest === undefined ? '' : `,"snapshot_digest":${quote(r.snapshotDigest)}`)
    + `,"framework_refs":${frameworkRefsText(r.code)}`;
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
  return head('intent', i.atUs) + decisionText(i) + callText(i)
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
  return head('stream_end', s.atUs) + decisionText(s) + `,"code":${quoteOrNull(s.code)},"bytes":${numberText(s.bytes)},"messages":${numberText(s.messages)}`
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
    + `,"session_id":${quoteOrNull(u.sessionId)},"spiffe_id":${quoteOrNull(u.spiffeId)}${callText(u)},"intent_seq":${numberText(u.intentSeq)}`;
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
  return head('server_request', s.atUs) + decisionText(s) + `,"server":${quoteOrNull(s.server)},"method":${quote(s.method)}`
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
