// A gateway thread: builds its engines, opens its front, and swaps snapshots when the control thread says so.
import { join } from 'node:path';
import { getHeapStatistics } from 'node:v8';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { openAppender } from '../audit/appender.js';
import type { AuditConnection } from '../audit/protocol.js';
import { systemClock } from '../base/clock/clock.js';
import { after, every } from '../base/clock/timers.js';
import { readEnvironment } from '../base/config/environment.js';
import { ConfigFault, describeFault } from '../base/config/fault.js';
import { resolveInProject } from '../base/config/load.js';
import type { GatewayConfig } from '../base/config/schema.js';
import { createHttpClient } from '../base/http-client/post-json.js';
import { createIds } from '../base/ids/ids.js';
import { loadJsonGuard } from '../base/json/choose.js';
import { createLog, faultFacts } from '../base/telemetry/log.js';
import { Sampler } from '../chain/sampler.js';
import type { Snapshot } from '../chain/snapshot.js';
import { createAuthenticator, type ReloadableAuthenticator } from '../engines/identity/authenticator.js';
import { createGuard } from '../engines/guard/guard.js';
import { PolicyError } from '../engines/policy/types.js';
import { createSecretFile } from '../engines/secrets/file-store.js';
import { parseChains } from '../engines/session-risk/chains.js';
import { createSessionRisk } from '../engines/session-risk/session-risk.js';
import { startFront, type Front } from '../front/listeners.js';
import { tlsFilesOf } from '../front/tls-files.js';
import { loadUws } from '../front/load-uws.js';
import { SseStreams } from '../front/sse-streams.js';
import { buildGateway, type Gateway } from '../gateway.js';
import { createRequestIdReader } from '../mcp/json-rpc.js';
import { buildSnapshot } from '../jobs/build-snapshot.js';
import type { SnapshotSources } from '../jobs/read-sources.js';
import { AnswerMemory } from '../terminals/answer-memory.js';
import { createSentSecrets } from '../engines/secrets/sent-secrets.js';
import { prepareFor } from '../upstream/http-client.js';
import { createPortClient } from '../upstream/port/port-client.js';
import type { RoutedClient } from '../upstream/routed-client.js';
import { endAfterFault } from './end-after-fault.js';
import { tlsInProject } from './evidence.js';
import { createControlLink } from './control-link.js';
import type { FromGateway, GatewayStats, SourceFault, ThreadSessions, ToGateway } from './messages.js';
import { createScanners } from './scanners.js';
import { ownUrl } from './own-url.js';
import { Relay, type PeerLine } from './relay.js';
import { keepBeating } from './stall-watch.js';
import { openSharedMemory, type SharedMemory } from './shared-memory.js';
import { createToolKnowledge } from './tool-knowledge.js';
import { createToolServerClient } from './tool-servers.js';
import { TraceSender } from './trace-sender.js';
import { endTheRest, letFinish } from './wind-up.js';

export interface GatewayThreadData {
  readonly root: string;
  readonly sources: SnapshotSources;
  readonly policyModule?: WebAssembly.Module;
  readonly audit: AuditConnection;
  readonly control: MessagePort;
  /** To the tool servers that are processes. */
  readonly processes: MessagePort;
  /** This thread is the only one on its ports. */
  readonly exclusive: boolean;
  readonly version: string;
  readonly index: number;
  /** Names this thread in shared memory, among all that ever run. */
  readonly owner: number;
  readonly memory: SharedMemory;
  /** Where this thread shows that its loop turns. */
  readonly beats: SharedArrayBuffer;
  /** Ports that the other threads have; undefined = as configured. */
  readonly ports: { readonly http: number | undefined; readonly mtls: number | undefined };
  readonly peers: readonly PeerLine[];
  /** How many gateway threads there are. */
  readonly threads: number;
  /** Traces go to a collector. */
  readonly traced: boolean;
  readonly secretsKey: Uint8Array;
  readonly argumentsKey: Uint8Array | undefined;
  readonly jwtBundle: string | undefined;
  readonly trustBundle: string | undefined;
}

const MS_PER_SECOND = 1000;
const PERCENT = 100;
const SESSION_SWEEP_MS = 5000; // places of sessions that nobody uses are wanted by others
const GUARD_CONNECTIONS_MAX = 16; // the guard's own breaker and time-out bound what waits

async function main(data: GatewayThreadData): Promise<void> {
  const config = { ...data.sources.config, tls: tlsInProject(data.root, data.sources.config.tls) };
  const log = createLog(config.log_level, `gateway-${data.index}`);
  const clock = systemClock;
  const stateDir = resolveInProject(data.root, config.state_dir);
  const link = createControlLink(data.control);
  const tools = createToolKnowledge(link.refresh);
  const scanners = createScanners(config, join(stateDir, 'cache'), data.argumentsKey, clock, log);
  const jsonGuard = loadJsonGuard();
  const appender = openAppender(data.audit, { queueLinesMax: config.audit.queue_lines_max, durability: config.audit.durability });
  const views = openSharedMemory(data.memory, data.owner);
  const sessionRisk = createSessionRisk(sessionThresholds(config), parseChains(data.sources.chains.text, data.sources.chains.file), views.risk);
  const authenticator = createAuthenticator({
    profile: config.profile, trustedPeers: config.dev.trusted_peers, jwtAudiences: config.identity.jwt_audience, cacheEntries: config.identity.cache_entries,
    trustIntermediates: config.tls.trust_intermediates, x509Bundle: bundle(data.trustBundle, config.tls.trust_bundle_file), jwtBundle: bundle(data.jwtBundle, config.identity.jwt_bundle_file),
  });
  const snapshotTools = { clock, policyModule: data.policyModule, scannerFor: scanners.scannerFor };
  const first = buildSnapshot(data.sources, undefined, snapshotTools);
  prepareFor(upstreamsOf(first));
  const sentSecrets = createSentSecrets(views.sentSecrets);
  const client = createToolServerClient({ config, connectionsMax: config.upstream.connections_max, stdio: createPortClient(data.processes), guard: jsonGuard, servers: first.registry.servers, sentSecrets, clock });
  const guardClient = createHttpClient({ connectionsMax: GUARD_CONNECTIONS_MAX });
  if (config.guard.url !== '') await guardClient.prepare();
  const guard = createGuard(guardConfig(config), guardClient);

  const ids = createIds();
  const traces = new TraceSender((requests) => link.tell({ kind: 'traced', requests }), after);
  let bound: Front['listeners'] = [];
  const gateway = buildGateway({
    first, clock, ids, version: data.version, jsonGuard, appender, authenticator, guard, sessionRisk, messageReader: scanners.messageReader, shared: { ...views, thread: data.index, evicted: (place) => relay.tellEvicted(place), handOver: (owner, inbound, reply) => relay.handOver(owner, inbound, reply) }, client, answerMemory: new AnswerMemory(Math.ceil(config.upstream.inflight_answer_bytes_max / data.threads)), sentSecrets, tools, approvals: link, keeper: link.sessions,
    secrets: createSecretFile(resolveInProject(data.root, config.secrets.file === '' ? join(config.state_dir, 'secrets.enc') : config.secrets.file), Buffer.from(data.secretsKey)),
    argumentsKey: data.argumentsKey === undefined ? undefined : Buffer.from(data.argumentsKey),
    get resourceMetadataUrl() { return `${ownUrl(config, bound)}.well-known/oauth-protected-resource`; },
    after, every, sampler: new Sampler(data.traced, views.traces), traced: (request) => traces.take(request),
    onFault: (layer, fault, ctx) => log.error({ ...faultFacts(fault), layer: layer.name, decision_id: ctx.decisionId }, 'a layer failed; its declared verdict was given'),
    onGatewayFault: (fault, decisionId) => log.error({ ...faultFacts(fault), decision_id: decisionId }, 'the gateway failed on a request'),
  });

  const relay = new Relay({
    has: gateway.hasSession, ownerOf: (id) => views.homes.ownerOf(id), handle: gateway.handle, refuse: gateway.refuse, takePost: (streamId, inbound, reply) => streams.take(streamId, inbound, reply), evict: gateway.evictSession,
    onFault: (fault) => log.error(faultFacts(fault), 'the gateway failed on a request of another thread'),
  });
  const streams = new SseStreams({
    owner: data.owner, newHex: (bytes) => ids.hex(bytes), handle: gateway.handle, refuse: gateway.refuse, handOver: (owner, streamId, inbound, reply) => relay.handOver(owner, inbound, reply, streamId),
  });
  for (const line of data.peers) relay.connect(line);
  const timers = [keepBeating(data.beats, data.index, every), every(SESSION_SWEEP_MS, gateway.dropExpiredSessions)];

  const { uws, because } = loadUws(join(stateDir, 'cache'));
  const front = await startFront({
    config: { websocket: config.websocket, http_sse: config.http_sse, tls: { ...config.tls, port: data.ports.mtls ?? config.tls.port }, front: { ...config.front, port: data.ports.http ?? config.front.port, inflight_body_bytes_max: shareOf(config, data.threads), unread_bytes_max: Math.ceil(config.front.unread_bytes_max / data.threads) } }, uws, streams, handle: relay.handle, refuse: gateway.refuse, exclusive: data.exclusive, nowUs: clock.nowUs,
    requestIdOf: createRequestIdReader(jsonGuard, { depthMax: config.front.json_depth_max, keysMax: config.front.json_keys_max }),
    onFault: (fault) => log.error(faultFacts(fault), 'the front failed on a request'),
    probes: {
      // RFC 9728: enough for a client to learn how to present a token; there is no authorization server to name.
      resourceMetadata: () => ({ status: 200, json: { resource: ownUrl(config, bound), bearer_methods_supported: ['header'], resource_name: 'PRECINCT' } }),
      health: () => ({ status: 200, json: { status: 'ok', version: data.version, profile: config.profile, matcher: scanners.engine(), json: { engine: jsonGuard.engine }, audit: appender.healthy ? 'ok' : 'failing' } }),
      ready: () => (appender.healthy ? { status: 200, json: { status: 'ready' } } : { status: 503, json: { status: 'not_ready', reason: appender.because } }),
    },
  });

  bound = front.listeners;
  const report = (): GatewayStats => ({
    place: { index: data.index, owner: data.owner }, ...gateway.report(), front: front.report(), digests: gateway.snapshot().digests, heapBytes: getHeapStatistics().used_heap_size, upstreams: client.report(),
    engines: { front: `uWebSockets.js (${because})`, matcher: scanners.engine(), json: { engine: jsonGuard.engine, because: jsonGuard.because }, policy: 'regorus (WebAssembly)' },
  });
  const flush = async (): Promise<void> => {
    gateway.flush();
    await appender.close();
    traces.flush(); // a trace ends when its record is written
  };
  endAfterFault({
    front, gateway, relay, flush, log, tell: (reason) => link.tell({ kind: 'crashed', reason }), tellCounts: () => link.tell({ kind: 'last_stats', stats: report() }),
  });
  serveControl(data.control, { index: data.index, gateway, front, relay, authenticator, config, report, tools, link, sessionRisk, snapshotTools, client, log, close: async () => {
    for (const stop of timers) stop();
    relay.close();
    await flush();
    await client.close();
    await guard.close();
    await scanners.close();
  } });
  data.control.postMessage({ kind: 'ready', listeners: front.listeners } satisfies FromGateway);
}

interface ThreadParts {
  readonly index: number;
  readonly gateway: Gateway;
  readonly front: Front;
  readonly relay: Relay;
  readonly authenticator: ReloadableAuthenticator;
  readonly config: GatewayConfig;
  readonly report: () => GatewayStats;
  readonly tools: ReturnType<typeof createToolKnowledge>;
  readonly link: ReturnType<typeof createControlLink>;
  readonly sessionRisk: ReturnType<typeof createSessionRisk>;
  readonly snapshotTools: Parameters<typeof buildSnapshot>[2];
  readonly client: RoutedClient;
  readonly log: ReturnType<typeof createLog>;
  readonly close: () => Promise<void>;
}

function serveControl(port: MessagePort, parts: ThreadParts): void {
  const prepared = new Map<number, { snapshot: Snapshot; sources: SnapshotSources }>();
  const done = (call: number, value: unknown, error?: SourceFault): void => port.postMessage({ kind: 'done', call, value, error } satisfies FromGateway);
  const attempt = (call: number, work: () => unknown): void => {
    try {
      done(call, work());
    } catch (fault) {
      done(call, undefined, sourceFault(fault));
    }
  };

  port.on('message', (message: ToGateway) => {
    switch (message.kind) {
      case 'prepare':
        attempt(message.call, () => {
          const snapshot = buildSnapshot(message.sources, parts.gateway.snapshot(), parts.snapshotTools);
          parseChains(message.sources.chains.text, message.sources.chains.file);
          prepareFor(upstreamsOf(snapshot));
          prepared.set(message.sources.version, { snapshot, sources: message.sources });
          return snapshot.digests;
        });
        return;
      case 'commit':
        attempt(message.call, () => {
          const next = prepared.get(message.version);
          if (next === undefined) throw new Error('nothing is prepared under this version');
          prepared.clear();
          parts.sessionRisk.update(sessionThresholds(next.sources.config), parseChains(next.sources.chains.text, next.sources.chains.file));
          parts.client.setServers(next.snapshot.registry.servers);
          parts.gateway.commit(next.snapshot);
          return next.snapshot.digests;
        });
        return;
      case 'discard':
        prepared.delete(message.version);
        return;
      case 'observations':
        parts.tools.observe(message.observations, message.upstreams);
        if (message.changed) parts.gateway.announceToolsChanged();
        return;
      case 'evidence':
        takeEvidence(message, parts);
        return;
      case 'stats':
        attempt(message.call, parts.report);
        return;
      case 'identity':
        attempt(message.call, () => parts.gateway.identity(message.spiffeId));
        return;
      case 'sessions':
        attempt(message.call, (): ThreadSessions => ({ thread: parts.index, sessions: parts.gateway.describeSessions(message.serials) }));
        return;
      case 'end_sessions':
        attempt(message.call, () => message.serials.forEach(parts.gateway.evictSession));
        return;
      case 'answer':
        parts.link.settle(message.call, message.value, message.error);
        return;
      case 'drain':
        void letFinish(parts, message.graceMs).then(() => done(message.call, undefined));
        return;
      case 'finish':
        void endTheRest(parts).then(() => done(message.call, undefined));
        return;
      case 'peer':
        parts.relay.connect(message.line);
        return;
      case 'close':
        void parts.close().finally(() => port.close());
        return;
    }
  });
}

/** Replaced keys and certificates, each for itself: a bad one leaves the old in force and is said, and holds up no other. */
function takeEvidence({ jwtBundle, trustBundle, replaceTls }: Extract<ToGateway, { kind: 'evidence' }>, { authenticator, config, front, gateway, log }: ThreadParts): void {
  const take = (work: () => void): void => {
    try {
      work();
    } catch (fault) {
      log.error(fault instanceof ConfigFault ? { fault: describeFault(fault) } : faultFacts(fault), 'a replaced certificate or bundle was refused; the old one stays');
    }
  };
  if (jwtBundle !== undefined) take(() => authenticator.reloadJwtBundle({ text: jwtBundle, file: config.identity.jwt_bundle_file }));
  if (trustBundle !== undefined) take(() => authenticator.reloadX509Bundle({ text: trustBundle, file: config.tls.trust_bundle_file }));
  let replaced = false;
  if (replaceTls) take(() => {
    front.replaceTls(tlsFilesOf(config.tls));
    replaced = true;
  });
  void (replaced ? gateway.endTlsStreams() : gateway.judgeStreams());
}

export function sourceFault(fault: unknown): SourceFault {
  if (fault instanceof ConfigFault) return { message: fault.message, file: fault.file, line: fault.line, column: fault.column, remedy: fault.remedy };
  if (fault instanceof PolicyError) return { message: fault.message, file: fault.file, line: fault.line, column: fault.column, remedy: undefined };
  const remedy = fault instanceof Error && 'remedy' in fault && typeof fault.remedy === 'string' ? fault.remedy : undefined;
  return { message: fault instanceof Error ? fault.message : 'unknown fault', file: undefined, line: undefined, column: undefined, remedy };
}

function upstreamsOf({ registry }: Snapshot): string[] {
  return [...registry.upstreams];
}

/** What bodies may take is one for all threads; a thread must be able to hold the largest. */
function shareOf({ front }: GatewayConfig, threads: number): number {
  return Math.min(front.inflight_body_bytes_max, Math.max(front.body_bytes_max, Math.floor(front.inflight_body_bytes_max / threads)));
}

function bundle(text: string | undefined, file: string) {
  return text === undefined ? undefined : { text, file };
}

function sessionThresholds(config: GatewayConfig) {
  const { session } = config;
  return { ttlMs: session.ttl_s * MS_PER_SECOND, halfLifeMs: session.half_life_s * MS_PER_SECOND, riskDenyAt: 1, actionsKept: session.actions_kept, sessionsMax: session.sessions_max };
}

function guardConfig(config: GatewayConfig): Parameters<typeof createGuard>[0] {
  const { guard } = config;
  return {
    url: guard.url, kind: guard.kind, model: guard.model, apiKey: guard.api_key_env === '' ? undefined : readEnvironment().secret(guard.api_key_env),
    timeoutMs: guard.timeout_ms, threshold: guard.threshold_percent / PERCENT, failuresToOpen: guard.failures_to_open, resetTimeoutMs: guard.reset_timeout_s * MS_PER_SECOND, clock: systemClock.monotonicMs,
  };
}

if (parentPort !== null) {
  const data = workerData as GatewayThreadData;
  main(data).catch((fault: unknown) => {
    data.control.postMessage({ kind: 'failed', error: sourceFault(fault) } satisfies FromGateway);
    data.control.close();
  });
}
