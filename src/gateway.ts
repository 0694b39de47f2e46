// The wiring of one gateway thread, by hand, on one screen: who gets what.
import { createArgumentsDigest } from './base/crypto/arguments-digest.js';
import type { AuditAppender } from './audit/types.js';
import type { Clock } from './base/clock/clock.js';
import { reasonText } from './base/errors/reasons.js';
import type { Ids } from './base/ids/ids.js';
import { continueTrace } from './base/ids/trace-context.js';
import type { JsonGuard } from './base/json/types.js';
import type { MessageReader } from './base/workers/message-reader.js';
import { createBatches } from './chain/batch.js';
import { Context } from './chain/context.js';
import { Exchange } from './chain/exchange.js';
import type { ExitServices, GrantKeeper } from './chain/exit-services.js';
import type { TracedRequest } from './chain/request-spans.js';
import { createRunner, type FaultListener } from './chain/run.js';
import type { Sampler } from './chain/sampler.js';
import type { Snapshot } from './chain/snapshot.js';
import { ChainStats } from './chain/stats.js';
import { createCrowd } from './chain/crowd.js';
import { Unattended } from './chain/unattended.js';
import { Unrecorded } from './chain/unrecorded.js';
import { createSharedLines } from './chain/unidentified.js';
import { deny, PASS, type Deny, type Verdict } from './chain/verdict.js';
import type { SharedTable } from './base/shared/table.js';
import type { Authenticator, IdentityResult } from './engines/identity/types.js';
import { createCircuitBreakers } from './engines/limits/circuit-breaker.js';
import { createPlaces } from './engines/limits/places.js';
import { createRateLimiter } from './engines/limits/token-bucket.js';
import type { BreakerState } from './engines/limits/types.js';
import type { Guard } from './engines/guard/types.js';
import { createMcpSessions } from './engines/mcp-session/sessions.js';
import type { SessionHomes } from './engines/mcp-session/homes.js';
import type { PlaceOwner, SessionPlaces } from './engines/mcp-session/places.js';
import type { SessionKeeper } from './engines/mcp-session/types.js';
import { createToolCache } from './engines/registry/served-tools.js';
import type { SentSecrets } from './engines/secrets/sent-secrets.js';
import type { SecretStore } from './engines/secrets/types.js';
import type { SessionRisk } from './engines/session-risk/types.js';
import type { Handle, Inbound, LossCause, Refuse, Reply } from './front/types.js';
import type { ToolVerifier } from './layers/05-tool-registry-verify.js';
import type { Approvals } from './layers/09-step-up-gating.js';
import { buildLayers } from './layers/index.js';
import type { AnswerMemory } from './terminals/answer-memory.js';
import { limitsOf } from './terminals/answers.js';
import { createFirewalls } from './terminals/firewalls.js';
import { dispatch } from './terminals/index.js';
import { createLegs, ownInitializeParams } from './terminals/legs.js';
import { tellsOfChanges } from './terminals/offering.js';
import { OpenStreams } from './terminals/open-streams.js';
import { createRoutes } from './terminals/routes.js';
import type { StreamListener, TerminalServices, ToolKnowledge } from './terminals/services.js';
import { createTaskOwners } from './terminals/task-owners.js';
import type { UpstreamClient } from './upstream/types.js';

const SPAN_ID_BYTES = 8;
const MS_PER_SECOND = 1000;

/** What all gateway threads of the process count in together. */
export interface SharedParts {
  /** This thread's number, 0–255. */
  readonly thread: number;
  readonly buckets: SharedTable;
  readonly breakers: SharedTable;
  readonly places: SessionPlaces;
  readonly homes: SessionHomes;
  readonly tasks: SharedTable;
  /** Another thread's session lost its place. */
  readonly evicted: (place: PlaceOwner) => void;
  /** Hands a request to the thread that has its session; false = there is no such thread any more. */
  readonly handOver: (owner: number, inbound: Inbound, reply: Reply) => boolean;
}

export interface GatewayParts {
  readonly first: Snapshot;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly version: string;
  readonly jsonGuard: JsonGuard;
  readonly appender: AuditAppender;
  readonly authenticator: Authenticator;
  readonly guard: Guard;
  readonly secrets: SecretStore;
  readonly sessionRisk: SessionRisk;
  readonly messageReader: MessageReader;
  readonly shared: SharedParts;
  readonly client: UpstreamClient;
  readonly answerMemory: AnswerMemory;
  readonly sentSecrets: SentSecrets;
  /** The control thread: approvals, and what the tool servers were last seen to serve. */
  readonly approvals: Approvals & GrantKeeper;
  readonly tools: ToolKnowledge & ToolVerifier;
  /** Where MCP sessions are kept beyond this thread's life. */
  readonly keeper: SessionKeeper;
  /** undefined = plain SHA-256. */
  readonly argumentsKey: Buffer | undefined;
  readonly resourceMetadataUrl: string;
  readonly after: (ms: number, run: () => void) => void;
  readonly every: (ms: number, tick: () => void) => () => void;
  readonly sampler: Sampler;
  /** A request that is recorded as a trace has ended. */
  readonly traced: (request: TracedRequest) => void;
  readonly onFault: FaultListener;
  /** A fault outside any layer. */
  readonly onGatewayFault: (fault: unknown, decisionId: string) => void;
}

export type Gateway = ReturnType<typeof buildGateway>;

export function buildGateway(parts: GatewayParts) {
  const { clock, ids, first } = parts;
  const { config } = first;
  let snapshot = first;
  let inFlight = 0;
  let lostTo: LossCause | undefined;

  const rateLimiter = createRateLimiter(parts.shared.buckets);
  const breakers = createCircuitBreakers({
    failuresToOpen: config.breaker.failures_to_open, resetTimeoutMs: config.breaker.reset_timeout_s * MS_PER_SECOND,
    successesToClose: config.breaker.successes_to_close, probesMax: config.breaker.probes_max,
  }, parts.shared.breakers, parts.shared.thread);
  const mcpSessions = createMcpSessions(
    { perCallerMax: config.session.mcp_sessions_per_caller_max, totalMax: config.session.sessions_max, ttlMs: config.session.mcp_session_ttl_s * MS_PER_SECOND },
    {
      thread: parts.shared.thread, places: parts.shared.places, homes: parts.shared.homes, keeper: parts.keeper, newHex: (bytes) => ids.hex(bytes), evicted: parts.shared.evicted,
      ended: (session) => terminals.legs.closeSession(session),
    },
  );
  const stats = new ChainStats();
  const runner = createRunner(
    buildLayers({
      clock, jsonGuard: parts.jsonGuard, authenticator: parts.authenticator, mcpSessions, appender: parts.appender, verifier: parts.tools, sessionRisk: parts.sessionRisk, messageReader: parts.messageReader,
      approvals: parts.approvals, guard: parts.guard, rateLimiter, places: createPlaces(), breakers, secrets: parts.secrets,
    }).layers,
    clock,
    parts.onFault,
  );
  const unattended = new Unattended();
  const { sentSecrets } = parts;
  const firewalls = createFirewalls(parts.jsonGuard, sentSecrets, parts.messageReader);
  const exit: ExitServices = {
    clock, appender: parts.appender, grants: parts.approvals, breakers, sessionRisk: parts.sessionRisk, stats, unattended, sampler: parts.sampler, traced: parts.traced,
    unrecorded: new Unrecorded({ appender: parts.appender, nowUs: clock.nowUs, after: parts.after, onLost: (decisionId) => parts.onGatewayFault(new Error('a call that was forwarded while the audit log failed gets no line'), decisionId) }),
    sharedLines: createSharedLines(parts.appender, () => snapshot.config.audit.unidentified_per_second, (flush, afterMs) => parts.after(afterMs, flush)),
    unfitForRecords: (taken, server, word) => firewalls.of(taken, server).unfit(word), get resourceMetadataUrl() { return parts.resourceMetadataUrl; }, digestArguments: createArgumentsDigest(parts.argumentsKey), onFault: parts.onGatewayFault,
  };
  const isProven: TerminalServices['isProven'] = ({ inbound, caller }) => {
    const judge = (result: IdentityResult): boolean => result.ok && result.caller.spiffeId === caller?.spiffeId;
    const result = parts.authenticator.authenticate(inbound.evidence, snapshot.identities, clock.nowMs());
    return result instanceof Promise ? result.then(judge, () => false) : judge(result);
  };
  const crowd = createCrowd(exit);
  let lastId = 0;
  const terminals: TerminalServices = {
    client: parts.client, jsonGuard: parts.jsonGuard, mcpSessions, sessionRisk: parts.sessionRisk, tools: parts.tools, version: parts.version,
    toolCache: createToolCache(), nextId: () => ++lastId, every: parts.every, nowMs: clock.nowMs, routes: createRoutes(), taskOwners: createTaskOwners(parts.shared.tasks), listeners: new Set(), subscriptions: new Map(), openStreams: new OpenStreams(), isProven, sentSecrets, firewalls, answerMemory: parts.answerMemory,
    legs: createLegs({
      asker: { client: parts.client, guard: parts.jsonGuard, limits: limitsOf(config), answerBytesMax: config.upstream.answer_bytes_max },
      ownInitializeParams: ownInitializeParams(parts.version),
      // A handshake takes no longer than a listing: one server that hangs must not hold up the list of all.
      timeouts: { answerMs: Math.min(config.registry.list_timeout_ms, config.upstream.answer_timeout_ms), idleMs: Math.min(config.registry.list_timeout_ms, config.upstream.idle_timeout_ms) },
      isModern: (url) => {
        const known = parts.tools.upstream(url);
        return known.state === 'unknown' ? undefined : known.modern;
      },
    }),
  };

  const announce = (what: 'tools' | 'prompts' | 'resources'): void => {
    const last = new Map<unknown, StreamListener>(); // the newest stream of each session: an older one may be a connection that is gone
    for (const listener of terminals.listeners) last.set(listener.session ?? listener, listener);
    for (const listener of last.values()) listener.tell(what);
  };

  const enter = (inbound: Inbound, reply: Reply): Exchange => {
    const trace = continueTrace(inbound.headers.traceparent, ids);
    const nowMs = clock.nowMs();
    const ctx = new Context(inbound, snapshot, { decisionId: ids.uuid(), trace, spanId: ids.hex(SPAN_ID_BYTES) }, nowMs, clock.monotonicMs());
    return new Exchange(ctx, reply, exit);
  };

  /** Two threads were asked for a session that slept, and the other one has it. */
  const goesElsewhere = ({ ctx: { sessionOwner, inbound }, reply }: Exchange): boolean =>
    sessionOwner !== undefined && !reply.aborted && parts.shared.handOver(sessionOwner, inbound, reply);

  const conclude = (exchange: Exchange, verdict: Verdict): void => {
    if (!exchange.decided()) return;
    if (exchange.ctx.caller !== undefined) exchange.reply.carrier?.provenUntil(exchange.ctx.caller.expiresMs);
    if (verdict !== PASS) exchange.refuse(verdict as Deny);
    else if (exchange.reply.aborted) exchange.refuse(deny('client_disconnected'));
    else dispatch(exchange, terminals);
  };

  const handleOne: Handle = (inbound, reply) => {
    const exchange = enter(inbound, reply);
    if (reply.aborted) {
      exchange.guard(() => conclude(exchange, deny('client_disconnected')));
      return;
    }
    if (lostTo !== undefined) {
      exchange.lose(lostTo);
      return;
    }
    inFlight++;
    exchange.guard(() => runner.run(exchange.ctx, (verdict) => {
      inFlight--;
      exchange.guard(() => (goesElsewhere(exchange) ? exchange.leaveIt() : conclude(exchange, verdict)));
    }));
  };

  const takeBatch = createBatches({
    guard: parts.jsonGuard, handle: handleOne, sessionVersion: mcpSessions.versionOf, onFault: (fault) => parts.onGatewayFault(fault, 'none: it failed before it had one'),
    limits: () => ({ depthMax: snapshot.config.front.json_depth_max, keysMax: snapshot.config.front.json_keys_max }), answerBytesMax: () => snapshot.config.upstream.answer_bytes_max,
  });
  const handle: Handle = (inbound, reply) => {
    if (!takeBatch(inbound, reply)) handleOne(inbound, reply);
  };

  /** Step 0: the front's own refusals are recorded like any other. */
  const refuse: Refuse = (code, reasonCode, inbound, reply) => {
    const refusal = deny(code, { reasonCode, ...reasonText(code, reasonCode), ...(code === 'gateway_overloaded' ? { retryAfterSeconds: 1 } : {}) });
    if (crowd.refuse(refusal, inbound, reply, clock.nowMs(), snapshot.config.docs.base_url)) return;
    const exchange = enter(inbound, reply);
    exchange.guard(() => conclude(exchange, refusal));
  };

  return {
    handle,
    refuse,
    /** Requests that entered before keep the snapshot they pinned. */
    commit(next: Snapshot): void {
      const before = snapshot.digests;
      snapshot = next;
      if (before.identities !== next.digests.identities) void terminals.openStreams.judgeAll();
      // What a caller may see of them depends on both; of tools the control thread tells, once it has listed them anew.
      if (before.registry === next.digests.registry && before.policy === next.digests.policy) return;
      for (const what of ['prompts', 'resources'] as const) if (next.registry.upstreams.some((url) => tellsOfChanges(parts.tools.upstream(url), what))) announce(what);
    },
    snapshot: () => snapshot,
    announceToolsChanged: () => announce('tools'),
    report: () => ({ chain: stats.report(), breakers: [...breakers.all()].map(([key, state]): [string, BreakerState] => [key, onTheWall(state, clock)]), mcpSessions: mcpSessions.size, riskEntries: parts.sessionRisk.size, traces: parts.sampler.report(), deciding: inFlight }),
    identity: (spiffeId: string) => {
      const view = parts.sessionRisk.load(spiffeId, undefined, clock.nowMs());
      const { per_minute: perMinute, burst } = snapshot.config.rate_limit;
      return { riskScore: view.riskScore, flags: view.flags, rate: rateLimiter.peek(spiffeId, perMinute, burst, clock.monotonicMs()) };
    },
    /** The clients of open streams see a proper end and may connect elsewhere. */
    endStreams: () => terminals.openStreams.endAll(),
    /** Authorities were replaced: streams whose clients they no longer vouch for end now, not when the proof expires. */
    judgeStreams: () => terminals.openStreams.judgeAll(),
    /** The TLS listener was replaced: what it carried without an end is judged, and ends. */
    endTlsStreams: () => terminals.openStreams.endOverTls(clock.nowUs()),
    /** Waits at most `graceMs` for requests whose clients are gone; those of the others are the front's to wait for. */
    idle(graceMs: number): Promise<void> {
      if (unattended.size === 0) return Promise.resolve();
      return new Promise((resolve) => {
        const stop = parts.every(graceMs, () => {
          stop();
          resolve();
        });
        unattended.onNone(() => {
          stop();
          resolve();
        });
      });
    },
    /** This thread is ending: requests whose clients are gone end now, and so does whatever still comes. */
    lose(cause: LossCause): void {
      lostTo = cause;
      unattended.lose(cause);
    },
    evictSession: (serial: number) => mcpSessions.evict(serial),
    hasSession: (id: string) => mcpSessions.has(id),
    describeSessions: (serials: readonly number[]) => mcpSessions.describe(serials),
    dropExpiredSessions: () => mcpSessions.dropExpired(clock.nowMs()),
    flush: () => {
      exit.unrecorded.end();
      exit.sharedLines.flush();
    },
  };
}

/** Breakers reckon by the steady clock; people read until when one is open. */
function onTheWall(state: BreakerState, clock: Clock): BreakerState {
  return state.kind === 'open' ? { ...state, untilMs: state.untilMs + clock.nowMs() - clock.monotonicMs() } : state;
}
