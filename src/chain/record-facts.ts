// What the record says of a request, read from its context: for the intent before the wire, the request line and a stream's end.
import type { AuditFinding, DecisionFacts, IntentLineFacts, RequestLineFacts } from '../audit/record.js';
import { TEXT_CHARS_MAX } from '../audit/json-text.js';
import type { ArgumentsDigest } from '../base/crypto/arguments-digest.js';
import { withheldText } from '../base/text/withheld.js';
import type { LocatedFinding } from '../engines/dlp/types.js';
import { subjectOf } from '../mcp/methods.js';
import { DENIED, FAULTED, grantOf, LAYER_COUNT, type Context } from './context.js';
import type { Deny } from './verdict.js';

const NO_FINDINGS: readonly AuditFinding[] = Object.freeze([]);

/** How the request ended. */
export interface Ending {
  readonly decision: 'ALLOW' | 'DENY';
  /** After the wire it names what went wrong although the call was allowed. */
  readonly refusal: Deny | undefined;
  /** The client hung up. */
  readonly aborted: boolean;
  readonly status: number;
  /** Microseconds since the epoch, as the line is built. */
  readonly nowUs: number;
  readonly argumentsDigest: string | undefined;
  readonly answerFindings: readonly LocatedFinding[];
}

/** Whether the call's intent must be durable before anything of it goes upstream (`audit.intent`). */
export function needsIntent(ctx: Context): boolean {
  const mode = ctx.snapshot.config.audit.intent;
  if (mode === 'none' || ctx.call?.kind !== 'request' || ctx.inbound.httpMethod !== 'POST') return false;
  if (mode === 'all') return true;
  if (ctx.tool === undefined || ctx.tool === 'none') return false;
  const { riskLevel } = ctx.tool.registered;
  return riskLevel === 'high' || riskLevel === 'critical' || grantOf(ctx) !== undefined || (ctx.outbound?.secretRefs.length ?? 0) > 0;
}

/** Undefined = the message has none, or nothing of it was read. */
export function argumentsDigestOf({ argumentsDigest, call, inbound }: Context, digest: ArgumentsDigest): string | undefined {
  if (argumentsDigest !== undefined) return argumentsDigest;
  if (call === undefined || call.argumentsFrom === call.argumentsTo || inbound.body.length === 0) return undefined;
  return digest(inbound.body, call.argumentsFrom, call.argumentsTo);
}

export function decisionFacts(ctx: Context): DecisionFacts {
  return { decisionId: ctx.decisionId, traceId: ctx.traceId, spanId: ctx.spanId, sessionId: ctx.mcpSessionId, spiffeId: ctx.caller?.spiffeId };
}

export function intentFacts(ctx: Context, atUs: number, argumentsDigest: string | undefined): IntentLineFacts {
  const { digests } = ctx.snapshot;
  return { ...decisionFacts(ctx), server: serverOf(ctx), tool: calledName(ctx), method: methodOf(ctx), argumentsDigest, atUs, policyDigest: digests.policy, registryDigest: digests.registry };
}

export function requestFacts(ctx: Context, ending: Ending): RequestLineFacts {
  const { refusal, answerFindings, nowUs } = ending;
  const found = ctx.findings ?? [];
  const findings = found.length + answerFindings.length === 0 ? NO_FINDINGS : found.map(requestFinding).concat(answerFindings.map(answerFinding));
  if (refusal !== undefined) noteRefusal(ctx, refusal);
  const { caller, snapshot, stepUp } = ctx;
  return {
    // Written out: spreading objects into one costs more than the rest of the record.
    decisionId: ctx.decisionId,
    traceId: ctx.traceId,
    spanId: ctx.spanId,
    sessionId: ctx.mcpSessionId,
    spiffeId: caller?.spiffeId,
    server: serverOf(ctx),
    tool: calledName(ctx),
    method: methodOf(ctx),
    argumentsDigest: ending.argumentsDigest,
    receivedUs: ctx.inbound.receivedUs,
    decidedUs: ctx.decidedUs === 0 ? nowUs : ctx.decidedUs,
    respondedUs: nowUs,
    authMethod: caller?.authMethod,
    principal: caller?.principal,
    decision: ending.decision,
    code: refusal?.code ?? (ending.aborted ? 'client_disconnected' : undefined),
    reasonCode: refusal?.reasonCode,
    layers: { verdicts: ctx.verdicts, us: ctx.layerUs, notes: ctx.notes },
    riskScore: stepUp === undefined || stepUp === 'none' ? 0 : stepUp.score.total,
    findings,
    status: ending.status,
    policyDigest: snapshot.digests.policy,
    registryDigest: snapshot.digests.registry,
  };
}

export function answerFinding(finding: LocatedFinding): AuditFinding {
  return { ...requestFinding(finding), direction: 'response' };
}

function requestFinding(finding: LocatedFinding): AuditFinding {
  return { rule: finding.rule, category: finding.category, action: finding.action, path: finding.path, sample: finding.sample, decoded: finding.decoded };
}

/** The refusing layer's note says why, where the layer itself left none. */
function noteRefusal(ctx: Context, refusal: Deny): void {
  for (let i = 0; i < LAYER_COUNT; i++) {
    const verdict = ctx.verdicts[i];
    if ((verdict === DENIED || verdict === FAULTED) && ctx.notes[i] === undefined) ctx.notes[i] = refusal.reasonCode ?? refusal.code;
  }
}

function calledName(ctx: Context): string | undefined {
  if (ctx.call === undefined) return undefined;
  const name = subjectOf(ctx.call);
  return name === '' ? undefined : withoutCredentials(ctx, name, SUBJECT_PATHS);
}

/** Where subjectOf reads. */
const SUBJECT_PATHS: readonly string[] = ['$.params.name', '$.params.uri', '$.params.ref.name', '$.params.ref.uri'];
const METHOD_PATH: readonly string[] = ['$.method'];
const NO_RULES: readonly string[] = [];
const UNSCANNED: readonly string[] = ['not scanned'];
const CREDENTIAL_CHARS_MIN = 8; // such as a URL with a password
const PLAIN_CHARS_MAX = 15; // of a name of these characters alone: no rule finds a shorter one without what stands around it
const PLAIN = /^[\w./-]*$/;
const SCANNED_CHARS_MAX = 2 * TEXT_CHARS_MAX; // the record keeps the half of it
const WHOLE_MESSAGE = '$';
const ASKED_PATHS: readonly string[] = [...METHOD_PATH, WHOLE_MESSAGE];

/** A key in a URI is refused by layer 7, or passed on; the log, which is kept for years, never has it. */
function withoutCredentials(ctx: Context, text: string, paths: readonly string[]): string {
  const { findings } = ctx;
  if (findings !== undefined && findings.length === 0) return text;
  const rules = findings === undefined || findings.some(isPlaceless) ? credentialRules(ctx, text) : rulesAt(findings, paths);
  return withheld(rules, text);
}

/** It stands in several texts, or for findings that are not listed any more: nobody knows where. */
function isPlaceless({ path }: LocatedFinding): boolean {
  return path === WHOLE_MESSAGE;
}

/** Where no finding says: of a request that was refused before layer 7 had seen it, or that it found too much in. */
function credentialRules({ snapshot }: Context, text: string): readonly string[] {
  if (text.length < CREDENTIAL_CHARS_MIN || (text.length <= PLAIN_CHARS_MAX && PLAIN.test(text))) return NO_RULES;
  try {
    return snapshot.requestRules.scanText(text.slice(0, SCANNED_CHARS_MAX), '$').filter(({ category }) => category === 'credentials').map(({ rule }) => rule);
  } catch {
    return UNSCANNED;
  }
}

function rulesAt(findings: readonly LocatedFinding[], paths: readonly string[]): readonly string[] {
  return findings.filter(({ category, path }) => category === 'credentials' && paths.includes(path)).map(({ rule }) => rule);
}

function withheld(rules: readonly string[], text: string): string {
  return rules.length === 0 ? text : withheldText(rules, text.length);
}

/** The method of a request that a tool server made. `unfit`: what it may not be repeated for, whatever was found in its message. */
export function askedMethod(method: string, findings: readonly LocatedFinding[], unfit: readonly string[]): string {
  return withheld([...rulesAt(findings, ASKED_PATHS), ...unfit], method);
}

function serverOf(ctx: Context): string | undefined {
  return ctx.tool === undefined || ctx.tool === 'none' ? ctx.server : ctx.tool.registered.upstream;
}

function methodOf(ctx: Context): string | undefined {
  if (ctx.call === undefined) return undefined;
  return ctx.call.method === '' ? 'response' : withoutCredentials(ctx, ctx.call.method, METHOD_PATH);
}
