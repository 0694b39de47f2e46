// The one exit: whatever became of a request, it leaves here, exactly once, with exactly one request line, durable before its first byte.
import { intentLine, requestLine, repeatedLine, serverRequestLine, streamEndLine, type RequestLineFacts } from '../audit/record.js';
import { sourceOf } from '../base/text/source-of.js';
import type { LocatedFinding } from '../engines/dlp/types.js';
import type { BreakerOutcome } from '../engines/limits/types.js';
import type { EndCause, HeaderPairs, LossCause, Reply } from '../front/types.js';
import { isMcpClient } from '../mcp/accept.js';
import { renderRefusal, type RenderedRefusal } from '../mcp/errors.js';
import { JSON_HEADERS } from '../mcp/media-types.js';
import { sharingKind } from './crowd.js';
import { grantOf, type Context, type Grant } from './context.js';
import { answeredId, GRANT_NOT_USABLE, STOPPED, UNRECORDED } from './exit-refusals.js';
import type { ExitServices } from './exit-services.js';
import { answerFinding, argumentsDigestOf, askedMethod, decisionFacts, intentFacts, needsIntent, requestFacts } from './record-facts.js';
import { tracedRequest, type StreamFacts } from './request-spans.js';
import { NO_WORK, type UpstreamWork } from './upstream-work.js';
import { deny, type Deny } from './verdict.js';

const HTTP_CLIENT_CLOSED = 499;
const ANSWER_FINDINGS_MAX = 1000; // a stream may go on for hours, its line is one

/** `opening`: the line of a stream's beginning is being written. */
type Phase = 'deciding' | 'forwarded' | 'sealing' | 'opening' | 'streaming' | 'ended';

export class Exchange {
  readonly ctx: Context;
  readonly reply: Reply;
  readonly #services: ExitServices;
  #phase: Phase = 'deciding';
  /** Its tool server may have it. */
  #forwarded = false;
  /** How a stream ends whose end came while it was opening. */
  #endOnceOpen: (() => void) | undefined = undefined;
  #outcome: BreakerOutcome = 'neutral';
  /** Its grant, once that may have been consumed. */
  #spent: Grant | undefined;
  #argumentsDigest: string | undefined = undefined;
  #streamBytes = 0;
  #streamMessages = 0;
  #streamStatus = 0;
  #unattended = false;
  #answerFindings: LocatedFinding[] = [];
  /** The request's line, of a stream that is recorded as a trace: it ends with the stream. */
  #openedWith: RequestLineFacts | undefined = undefined;
  /** Set by the terminal that has any. */
  work: UpstreamWork = NO_WORK;

  constructor(ctx: Context, reply: Reply, services: ExitServices) {
    this.ctx = ctx;
    this.reply = reply;
    this.#services = services;
    reply.onAbort((cause) => {
      if (cause === 'client') this.#leftAlone();
      else this.lose(cause);
    });
  }

  get ended(): boolean {
    return this.#phase === 'ended' || this.#phase === 'sealing';
  }

  /** Its answer is a stream that has begun. */
  get streams(): boolean {
    return this.#phase === 'streaming';
  }

  /** Its answer is still to be chosen. */
  #isOpen(): boolean {
    return this.#phase === 'deciding' || this.#phase === 'forwarded';
  }

  get mcpClient(): boolean {
    return isMcpClient(this.ctx.inbound.headers.accept);
  }

  /** It takes its answer event by event, where the tool server gives it so. */
  get readsEvents(): boolean {
    return this.mcpClient && this.ctx.inbound.batched !== true;
  }

  /** Whatever is thrown past the layers, the request still leaves through this exit. */
  guard(step: () => void): void {
    try {
      step();
    } catch (fault) {
      this.fault(fault);
    }
  }

  /** What was thrown past the layers becomes this request's answer. */
  fault(fault: unknown): void {
    this.#services.onFault(fault, this.ctx.decisionId);
    if (this.#phase === 'ended') this.reply.destroy(); // its record is written; an answer that could not be given is cut, not left hanging
    else this.refuse(deny('gateway_fault'));
    this.work.giveUp();
  }

  /** Its thread is ending, or its connection: whatever it waits for, it leaves now. */
  lose(cause: LossCause): void {
    if (cause === 'gateway') this.fault(new Error('the thread is ending after a fault'));
    else this.guard(() => this.#stop(cause));
  }

  #stop(cause: EndCause): void {
    if (this.ended) return;
    if (this.ctx.decidedUs === 0) this.decided();
    this.refuse(this.#phase === 'deciding' ? STOPPED[cause].beforeTheWire : STOPPED[cause].after);
    this.work.giveUp();
  }

  /** The client is gone. What does not end by that goes on, and must be known to whoever waits for the thread's last record. */
  #leftAlone(): void {
    this.guard(() => this.work.clientGone());
    if (this.ended) return;
    this.#unattended = true;
    this.#services.unattended.add(this);
  }

  /** Another thread decides it, and writes its record. */
  leaveIt(): void {
    this.#phase = 'ended';
  }

  /**
   * The chain has spoken. What the record needs of the body is taken now: its bytes are gone once the handler returns.
   * False = too late, the request has left already; what was reserved for it meanwhile is given back.
   */
  decided(): boolean {
    if (this.ended) {
      this.#releaseGrant();
      return false;
    }
    this.ctx.decidedUs = this.#services.clock.nowUs();
    if (this.ctx.caller !== undefined) this.#sample(false);
    this.#argumentsDigest = argumentsDigestOf(this.ctx, this.#services.digestArguments);
    return true;
  }

  /** The breaker's lesson of this call; the last word before the exit counts. */
  settle(outcome: BreakerOutcome): void {
    this.#outcome = outcome;
  }

  /** All of a whole answer has come, or nothing more will. */
  answered(): void {
    if (this.ctx.sampling.recorded) this.ctx.answeredUs = this.#services.clock.nowUs();
  }

  addFindings(findings: readonly LocatedFinding[]): void {
    const room = ANSWER_FINDINGS_MAX - this.#answerFindings.length;
    if (room > 0) this.#answerFindings.push(...findings.slice(0, room));
  }

  /** A refusal by the chain, the wire or the firewall. */
  refuse(refusal: Deny): void {
    if (this.#phase === 'streaming' || this.#phase === 'opening') {
      this.cut(refusal);
      return;
    }
    if (this.ended) return;
    const rendered = this.#render(refusal);
    const headers: HeaderPairs = refusal.protocol === undefined || refusal.headers === undefined ? rendered.headers : [...rendered.headers, ...Object.entries(refusal.headers)];
    // Before the wire a refusal is the decision; after it the decision to allow stands and the code says what went wrong.
    const decision = this.#phase === 'forwarded' ? 'ALLOW' : 'DENY';
    this.#settleBreaker();
    this.work.decided();
    // A client that cancelled wants no answer, and where its connection is still there one would arrive (2025-11-25, basic/utilities/cancellation).
    const body = refusal.code === 'client_disconnected' && this.reply.carrier !== undefined ? '' : rendered.body;
    this.#seal(decision, refusal, rendered.status, () => this.reply.send(rendered.status, headers, body, this.ctx.inbound.bodyTooLarge || refusal.endsConnection === true));
  }

  #render(refusal: Deny): RenderedRefusal {
    const { ctx } = this;
    return renderRefusal(refusal.protocol ?? refusal, {
      decisionId: ctx.decisionId,
      traceId: ctx.traceId,
      idText: answeredId(ctx.call, refusal, this.reply.carrier !== undefined),
      isMcpClient: this.mcpClient,
      resourceMetadataUrl: this.#services.resourceMetadataUrl,
      docsBaseUrl: ctx.snapshot.config.docs.base_url,
    });
  }

  /** Everything that must be durable before the first byte goes upstream: the grant's end, the intent. Then `go`. */
  beforeWire(go: () => void): void {
    if (this.ended) return;
    const { ctx } = this;
    const grant = grantOf(ctx);
    if (grant === undefined) {
      this.#recordIntent(go);
      return;
    }
    ctx.inbound.retain();
    this.#spent = grant;
    this.#services.grants.consume(grant.requestId, grant.token).then(
      (consumed) => this.guard(() => (consumed ? this.#recordIntent(go) : this.refuse(GRANT_NOT_USABLE))),
      () => this.refuse(deny('stepup_unavailable_fail_closed', { reasonCode: 'grant_not_consumed' })),
    );
  }

  #recordIntent(go: () => void): void {
    const { ctx } = this;
    if (this.ended) return;
    if (ctx.action !== undefined && ctx.action !== 'none' && ctx.caller !== undefined) {
      this.#services.sessionRisk.record(ctx.caller.spiffeId, ctx.mcpSessionId, ctx.action);
    }
    if (!needsIntent(ctx)) {
      this.#forward(go);
      return;
    }
    ctx.inbound.retain();
    this.#services.appender.append(intentLine(intentFacts(ctx, this.#services.clock.nowUs(), this.#argumentsDigest)), (error) => {
      if (error === undefined) this.#forward(go);
      else this.refuse(deny('audit_unavailable_fail_closed', { reasonCode: 'intent' }));
    });
  }

  /** Whatever waited before it, a fault of what follows must end as this request's answer, not as the thread's. Who left meanwhile sends nothing. */
  #forward(go: () => void): void {
    if (this.ended) return;
    this.#phase = 'forwarded';
    this.#forwarded = true;
    if (this.ctx.sampling.recorded) this.ctx.forwardedUs = this.#services.clock.nowUs();
    this.guard(go);
  }

  /** A whole answer: its line is durable before its first byte. `code` names what went wrong although the call was allowed. */
  answer(status: number, headers: HeaderPairs, body: Uint8Array | string, code?: Deny): void {
    if (!this.#isOpen()) return;
    this.#settleBreaker();
    this.work.decided();
    this.#seal('ALLOW', code, status, () => this.reply.send(status, headers, body));
  }

  json(text: string, status = 200): void {
    this.answer(status, JSON_HEADERS, text);
  }

  /** A stream: the request line is durable before its first byte; then `ready`. */
  beginStream(status: number, headers: HeaderPairs, ready: () => void): void {
    if (!this.#isOpen()) return;
    this.#streamStatus = status;
    this.#phase = 'opening';
    this.#seal('ALLOW', undefined, status, () => {
      this.#phase = 'streaming';
      this.reply.begin(status, headers);
      if (this.#endOnceOpen !== undefined) {
        this.#endOnceOpen();
        return;
      }
      ready();
      // Whoever hung up while the line was being written could not end a stream that had not begun.
      if (this.reply.aborted) this.work.clientGone();
    });
    this.#answerFindings = []; // what was found so far stands in the request's line
  }

  /** False = the client is slow. */
  write(bytes: Uint8Array | string): boolean {
    if (this.#phase !== 'streaming') return true;
    this.#streamBytes += typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.length;
    this.#streamMessages++;
    return this.reply.write(bytes);
  }

  /** Ends a stream: its stream_end line is durable before its last byte. */
  endStream(code?: string): void {
    this.#closeStream(code, () => this.reply.end());
  }

  /** Ends a stream so that the client sees that it is not whole. */
  cut(cause: Deny): void {
    this.#closeStream(cause.code, () => this.reply.destroy());
  }

  /** A request the tool server made of the client has its own line; it is passed on once that is durable. `findings`: of the request. */
  serverRequest(method: string, server: string, refusal: Deny | undefined, then: () => void, findings: readonly LocatedFinding[] = []): void {
    const unfit = this.#services.unfitForRecords(this.ctx.snapshot, server, method);
    this.#services.appender.append(
      serverRequestLine({ ...decisionFacts(this.ctx), atUs: this.#services.clock.nowUs(), server, method: askedMethod(method, findings, unfit), decision: refusal === undefined ? 'ALLOW' : 'DENY', code: refusal?.code, findings: findings.map(answerFinding) }),
      (error) => this.guard(() => (error === undefined ? then() : this.#endUnrecorded())),
    );
  }

  /** What waited for the line goes on no more: nothing may be held for it. */
  #endUnrecorded(): void {
    this.refuse(UNRECORDED);
    this.work.giveUp();
  }

  #closeStream(code: string | undefined, release: () => void): void {
    if (this.#phase === 'opening') this.#endOnceOpen ??= () => this.#closeStream(code, release);
    if (this.#phase !== 'streaming') return;
    this.#phase = 'ended';
    this.#settleBreaker();
    this.work.decided();
    const reason = this.reply.aborted && code !== 'gateway_fault' ? 'client_disconnected' : code;
    const stream: StreamFacts = { bytes: this.#streamBytes, messages: this.#streamMessages, code: reason };
    const line = streamEndLine({ ...decisionFacts(this.ctx), ...stream, atUs: this.#services.clock.nowUs(), findings: this.#answerFindings.map(answerFinding), status: this.#streamStatus });
    this.#services.appender.append(line, (error) => {
      this.#leave();
      if (error === undefined) release();
      else this.reply.destroy();
      if (this.#openedWith !== undefined) this.#trace(this.#openedWith, stream);
    });
  }

  /** Its last record is written. */
  #leave(): void {
    this.work.left();
    if (this.#unattended) this.#services.unattended.remove(this);
    const { place } = this.ctx;
    if (place === undefined) return;
    place.taken -= 1;
    this.ctx.place = undefined;
  }

  #seal(decision: 'ALLOW' | 'DENY', refusal: Deny | undefined, status: number, release: () => void): void {
    const { ctx } = this;
    if (this.#phase !== 'opening') this.#phase = 'sealing';
    if (decision === 'DENY') this.#releaseGrant();
    const aborted = this.reply.aborted;
    const facts = requestFacts(ctx, {
      decision, refusal, aborted, status: aborted ? HTTP_CLIENT_CLOSED : status, nowUs: this.#services.clock.nowUs(), argumentsDigest: this.#argumentsDigest, answerFindings: this.#answerFindings,
    });
    this.#services.stats.count(ctx, decision === 'ALLOW', facts.code);
    let strangersOwn = false;
    const done = (error: Error | undefined): void => {
      if (this.#phase === 'sealing') this.#phase = 'ended';
      const begins = this.#phase === 'opening' && error === undefined;
      if (begins && ctx.sampling.recorded) this.#openedWith = facts;
      let told = facts;
      if (strangersOwn) this.#sample(true);
      if (error === undefined) this.guard(release);
      else told = this.#refuseUnrecorded(facts);
      if (error === undefined) this.#grantRecorded();
      if (this.#phase === 'ended') this.#leave(); // else a stream has begun
      if (!begins && ctx.sampling.recorded) this.#trace(told);
    };
    if (ctx.caller === undefined) {
      const { ip } = ctx.inbound.evidence;
      const shared = { decisionId: ctx.decisionId, traceId: ctx.traceId, text: (repeated: number) => repeatedLine(facts, ip, repeated) };
      this.#services.sharedLines.append(sourceOf(ip), sharingKind(facts.code ?? '', facts.reasonCode), ctx.nowMs, () => {
        strangersOwn = true; // who shares another's has no record that a trace would lead to
        return requestLine(facts);
      }, shared, done);
      return;
    }
    this.#services.appender.appendRequest(facts, done);
  }

  /** A grant that was reserved but never came to the wire is still good. */
  #releaseGrant(): void {
    const grant = grantOf(this.ctx);
    if (grant !== undefined && this.#spent === undefined) this.#services.grants.release(grant.requestId, grant.token);
  }

  #grantRecorded(): void {
    if (this.#spent !== undefined) this.#services.grants.recorded(this.#spent.requestId);
  }

  #settleBreaker(): void {
    const { breaker } = this.ctx;
    if (breaker === undefined || breaker === 'none') return;
    this.#services.breakers.settle(breaker.key, breaker.probe, this.#outcome, this.#services.clock.monotonicMs());
  }

  /** Returns what the client was told. */
  #refuseUnrecorded(facts: RequestLineFacts): RequestLineFacts {
    const refusal = this.#forwarded ? UNRECORDED : deny('audit_unavailable_fail_closed');
    const rendered = this.#render(refusal);
    const told = this.reply.aborted ? facts : { ...facts, code: refusal.code, reasonCode: refusal.reasonCode, status: rendered.status };
    if (this.#forwarded) this.#services.unrecorded.keep(told, () => this.#grantRecorded());
    if (this.#phase === 'opening') this.#settleBreaker(); // a stream's lesson comes with its end, and this one has none
    this.#phase = 'ended';
    this.reply.send(rendered.status, rendered.headers, rendered.body);
    this.work.decided();
    this.work.giveUp();
    return told;
  }

  #sample(stranger: boolean): void {
    const { ctx } = this;
    ctx.sampling = this.#services.sampler.decide(ctx.trace, ctx.snapshot.config.telemetry, ctx.nowMs, stranger);
  }

  /** No trace is worth a request. */
  #trace(facts: RequestLineFacts, stream?: StreamFacts): void {
    try {
      this.#services.traced(tracedRequest(this.ctx, facts, this.#services.clock.nowUs(), stream));
    } catch (fault) {
      this.#services.onFault(fault, this.ctx.decisionId);
    }
  }
}
