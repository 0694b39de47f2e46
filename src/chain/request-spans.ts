// A request as a trace: one span for the request, below it one for each layer that saw it, for the tool server, the response firewall and the record.
// Names and attributes: the reference gateway's (gateway.<layer>, mcp.*), and OpenTelemetry's semantic conventions for MCP where those have one.
import type { RequestLineFacts } from '../audit/record.js';
import { ERRORS, isErrorCode, LAYER_NAMES } from '../base/errors/table.js';
import type { SpanFacts } from '../base/telemetry/span-facts.js';
import { METHODS } from '../mcp/methods.js';
import { DENIED, FAULTED, FLAGGED, NOT_REACHED, PASSED, SKIPPED, type Context } from './context.js';

/** What crosses from the request's thread to the one that exports. Never arguments, never what a finding found. */
export interface TracedRequest {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly method: string | undefined;
  readonly tool: string | undefined;
  readonly server: string | undefined;
  readonly decision: 'ALLOW' | 'DENY';
  readonly code: string | undefined;
  readonly reasonCode: string | undefined;
  readonly status: number;
  readonly decisionId: string;
  readonly sessionId: string | undefined;
  readonly spiffeId: string | undefined;
  readonly principal: { readonly level: number; readonly role: string } | undefined;
  readonly riskScore: number;
  /** Rules that found something, each once. */
  readonly rules: readonly string[];
  readonly layers: readonly { readonly verdict: number; readonly us: number; readonly note: string | undefined }[];
  /** Microseconds since the epoch; 0 = that never came. */
  readonly receivedUs: number;
  readonly decidedUs: number;
  readonly forwardedUs: number;
  readonly answeredUs: number;
  readonly respondedUs: number;
  readonly endedUs: number;
  readonly stream: StreamFacts | undefined;
}

export interface StreamFacts {
  readonly bytes: number;
  readonly messages: number;
  readonly code: string | undefined;
}

type Attributes = Record<string, SpanFacts['attributes'][string] | undefined>;

const TEXT_CHARS_MAX = 256; // of a name, which may be as long as a body
const RULES_MAX = 32;
/** How records name what has no method of MCP's. */
const OWN_NAMES: ReadonlySet<string> = new Set(['GET', 'DELETE', 'response']);
const SERVER_ERROR_FROM = 500;
/** By the verdict's code, as the reference gateway names them. */
const RESULTS: Readonly<Record<number, string>> = { [PASSED]: 'allowed', [FLAGGED]: 'flagged', [DENIED]: 'denied', [FAULTED]: 'error', [SKIPPED]: 'skipped' };

export function tracedRequest(ctx: Context, facts: RequestLineFacts, endedUs: number, stream?: StreamFacts): TracedRequest {
  const { layers, principal } = facts;
  return {
    traceId: ctx.traceId, spanId: ctx.spanId, parentSpanId: ctx.trace.parentSpanId, decisionId: ctx.decisionId,
    method: cut(facts.method), tool: cut(facts.tool), server: cut(facts.server), decision: facts.decision, code: facts.code, reasonCode: facts.reasonCode, status: facts.status,
    sessionId: facts.sessionId, spiffeId: facts.spiffeId, principal: principal === undefined ? undefined : { level: principal.level, role: principal.role }, riskScore: facts.riskScore,
    rules: [...new Set(facts.findings.map(({ rule }) => rule))].slice(0, RULES_MAX),
    layers: LAYER_NAMES.map((_, i) => ({ verdict: layers.verdicts[i] ?? NOT_REACHED, us: layers.us[i] ?? 0, note: cut(layers.notes[i]) })),
    receivedUs: facts.receivedUs, decidedUs: facts.decidedUs, forwardedUs: ctx.forwardedUs, answeredUs: ctx.answeredUs, respondedUs: facts.respondedUs, endedUs, stream,
  };
}

/** The request's own span comes first. `newSpanId`: 16 hexadecimal digits. `sessionKey`: the name of a session that does not lead to the id its client holds. */
export function spansOf(request: TracedRequest, newSpanId: () => string, sessionKey: (id: string) => string): SpanFacts[] {
  const { traceId, spanId, sessionId } = request;
  const spans: SpanFacts[] = [requestSpan(request, sessionId === undefined ? undefined : sessionKey(sessionId))];
  const add = (name: string, startUs: number, endUs: number, attributes: Attributes = {}, error?: string, kind: SpanFacts['kind'] = 'internal'): void => {
    spans.push({ traceId, spanId: newSpanId(), parentSpanId: spanId, parentIsRemote: false, name: `gateway.${name}`, kind, startUs, endUs: Math.max(startUs, endUs), error, attributes: given(attributes) });
  };

  // The layers run one after the other until the decision; before them the body was read.
  let atUs = Math.max(request.receivedUs, request.decidedUs - request.layers.reduce((sum, { us }) => sum + us, 0));
  add('body_capture', request.receivedUs, atUs);
  request.layers.forEach(({ verdict, us, note }, i) => {
    const [startUs, name] = [atUs, LAYER_NAMES[i] ?? ''];
    atUs += us;
    if (verdict === NOT_REACHED) return;
    add(name, startUs, atUs, { 'mcp.gateway.step': i + 1, 'mcp.gateway.middleware': name, 'mcp.result': RESULTS[verdict], 'mcp.reason': note }, verdict === FAULTED ? note ?? name : undefined);
  });

  const { forwardedUs, answeredUs, respondedUs, endedUs, stream } = request;
  if (forwardedUs > 0) {
    const streamed = stream === undefined ? respondedUs : endedUs;
    add('proxy', forwardedUs, answeredUs === 0 ? streamed : answeredUs, { 'mcp.server': request.server, 'mcp.stream.messages': stream?.messages, 'mcp.stream.bytes': stream?.bytes }, originOf(request) === 'mcp_transport' ? failureOf(request) : undefined, 'client');
    if (answeredUs > 0 && answeredUs < respondedUs && stream === undefined) add('response_firewall', answeredUs, respondedUs, { 'mcp.result': originOf(request) === 'response_firewall' ? 'denied' : 'allowed' });
  }
  if (stream === undefined) add('audit_commit', respondedUs, endedUs);
  return spans;
}

function requestSpan(request: TracedRequest, sessionKey: string | undefined): SpanFacts {
  const { method, tool, code } = request;
  const isCall = method === 'tools/call';
  // A name that nobody registered is the caller's invention: in the span's own name it would be one more of them (low cardinality).
  const known = isCall && tool !== undefined && request.layers[REGISTRY]?.verdict !== DENIED && request.layers[REGISTRY]?.verdict !== NOT_REACHED;
  return {
    traceId: request.traceId, spanId: request.spanId, parentSpanId: request.parentSpanId, parentIsRemote: request.parentSpanId !== undefined,
    name: known ? `${method} ${tool}` : method === undefined ? 'unread request' : isKnown(method) ? method : 'other method', kind: 'server', startUs: request.receivedUs, endUs: Math.max(request.receivedUs, request.endedUs), error: failureOf(request),
    attributes: given({
      'mcp.method.name': method, [isCall ? 'gen_ai.tool.name' : 'mcp.subject']: tool, 'gen_ai.operation.name': isCall ? 'execute_tool' : undefined,
      'mcp.session.key': sessionKey, 'mcp.spiffe_id': request.spiffeId, 'mcp.decision_id': request.decisionId, 'mcp.principal.level': request.principal?.level, 'mcp.principal.role': request.principal?.role,
      'mcp.result': request.decision === 'ALLOW' ? 'allowed' : 'denied', 'error.type': request.stream?.code ?? code, 'mcp.reason': request.reasonCode, 'http.response.status_code': request.status,
      'mcp.risk_score': request.riskScore, 'mcp.findings.rules': request.rules.length === 0 ? undefined : [...request.rules],
    }),
  };
}

const REGISTRY = LAYER_NAMES.indexOf('tool_registry_verify');

function isKnown(method: string): boolean {
  return METHODS.has(method) || OWN_NAMES.has(method);
}

/** Whose refusal it is, by the error table. */
function originOf({ code, stream }: TracedRequest): string | undefined {
  const reason = stream?.code ?? code;
  return reason !== undefined && isErrorCode(reason) ? ERRORS[reason].middleware : undefined;
}

/** OpenTelemetry's HTTP conventions: what the client did wrong, or was refused, is no error of the server's. An MCP client is told most of them with HTTP 200. */
function failureOf(request: TracedRequest): string | undefined {
  const { code, status, stream } = request;
  if (originOf(request) === 'response_firewall') return undefined; // 502, but a refusal
  const reason = stream?.code ?? code;
  if (reason !== undefined && isErrorCode(reason) && ERRORS[reason].status >= SERVER_ERROR_FROM) return reason;
  return status >= SERVER_ERROR_FROM ? reason ?? String(status) : undefined;
}

function cut(text: string | undefined): string | undefined {
  return text === undefined || text.length <= TEXT_CHARS_MAX ? text : `${text.slice(0, TEXT_CHARS_MAX)}…`;
}

function given(attributes: Attributes): SpanFacts['attributes'] {
  return Object.fromEntries(Object.entries(attributes).filter((entry): entry is [string, SpanFacts['attributes'][string]] => entry[1] !== undefined));
}
