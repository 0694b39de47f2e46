// One gateway thread without its sockets and threads: the real engines around `buildGateway`, driven by messages made by hand.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAppender } from '../../src/audit/appender.js';
import { startAuditWriterHere } from '../../src/audit/spawn-writer.js';
import type { AuditAppender } from '../../src/audit/types.js';
import { systemClock, type Clock } from '../../src/base/clock/clock.js';
import { parseGatewayConfig } from '../../src/base/config/load.js';
import { createHttpClient } from '../../src/base/http-client/post-json.js';
import { createIds } from '../../src/base/ids/ids.js';
import { loadJsonGuard } from '../../src/base/json/choose.js';
import { buildMatcher } from '../../src/base/matcher/choose.js';
import { createMessageReader } from '../../src/base/workers/message-reader.js';
import { createDlpScanner, toPatterns, type ScanPool } from '../../src/engines/dlp/scanner.js';
import { createGuard } from '../../src/engines/guard/guard.js';
import { createAuthenticator } from '../../src/engines/identity/authenticator.js';
import type { PolicySource } from '../../src/engines/policy/types.js';
import { Observations } from '../../src/engines/registry/observations.js';
import { createToolsReader } from '../../src/engines/registry/served-tools.js';
import { openSessionStore } from '../../src/engines/mcp-session/session-store.js';
import { createSentSecrets } from '../../src/engines/secrets/sent-secrets.js';
import { createSecretFile, type SecretFile } from '../../src/engines/secrets/file-store.js';
import { parseChains } from '../../src/engines/session-risk/chains.js';
import { createSessionRisk } from '../../src/engines/session-risk/session-risk.js';
import type { Approver } from '../../src/engines/step-up/approver-keys.js';
import { openApprovalStore } from '../../src/engines/step-up/approvals-store.js';
import type { ApprovalStore } from '../../src/engines/step-up/types.js';
import { buildGateway, type Gateway, type GatewayParts } from '../../src/gateway.js';
import { Sampler } from '../../src/chain/sampler.js';
import { buildSnapshot } from '../../src/jobs/build-snapshot.js';
import { readPolicies, type SnapshotSources, type SourceFile } from '../../src/jobs/read-sources.js';
import { createRegistryRefresh } from '../../src/jobs/registry-refresh.js';
import { AnswerMemory } from '../../src/terminals/answer-memory.js';
import { createSharedMemory, openSharedMemory } from '../../src/threads/shared-memory.js';
import { createToolKnowledge } from '../../src/threads/tool-knowledge.js';
import { createUpstreamClient } from '../../src/upstream/http-client.js';
import { lentMessage, MCP_ACCEPT, RecordedReply, type Posted } from './inbound-reply.js';

export const CALLER = 'spiffe://poc.local/agents/mcp-client/my-agent/dev';

/** One registered tool and what its server serves. */
export interface TestTool {
  readonly name: string;
  readonly url: string;
  /** What is served, where it is not `toolText(name)`. */
  readonly text?: string;
  /** Lines of the registry entry besides name, description, upstream, hash and schema. */
  readonly more?: readonly string[];
}

export function toolText(name: string): string {
  return `{"name":"${name}","description":"Tool ${name} of the tests","inputSchema":{"type":"object","properties":{"text":{"type":"string"}}}}`;
}

export interface InProcessOptions {
  readonly tools: readonly TestTool[];
  /** The registry's text, instead of the tools'. */
  readonly registry?: string;
  /** Further lines of gateway.yaml. */
  readonly config?: readonly string[];
  readonly policies?: readonly PolicySource[];
  /** Registered beside `CALLER`. */
  readonly identities?: readonly string[];
  readonly approvers?: ReadonlyMap<string, Approver>;
  readonly clock?: Clock;
  /** Where large messages are scanned; none = everything inline. */
  readonly scanPool?: ScanPool;
  /** Changes the parts before the gateway is built: a layer that throws, an appender that withholds. */
  readonly change?: (parts: GatewayParts) => Partial<GatewayParts>;
}

export interface InProcessGateway {
  readonly gateway: Gateway;
  readonly approvals: ApprovalStore;
  readonly secrets: SecretFile;
  readonly faults: { readonly where: string; readonly fault: unknown }[];
  /** Hands one message over and takes its bytes away when the handler has returned, as the front does. */
  post(body: string | Uint8Array, posted?: Posted): RecordedReply;
  /** Waits for the end of the answer. */
  ask(body: string | Uint8Array, posted?: Posted): Promise<RecordedReply>;
  /** All durable lines but the writer's own events. */
  lines(): Record<string, unknown>[];
  listTools(): Promise<void>;
  close(): Promise<void>;
}

const DAY_MS = 86_400_000;
const TEST_SCAN_BYTES_MAX = 16 * 1024;

export async function startInProcessGateway(options: InProcessOptions): Promise<InProcessGateway> {
  const dir = mkdtempSync(join(tmpdir(), 'gateway-in-process-'));
  const clock = options.clock ?? systemClock;
  const config = parseGatewayConfig(['profile: dev', 'policy: {dirs: [policies], timeout_ms: 2000}', ...(options.config ?? [])].join('\n'), 'gateway.yaml');
  const jsonGuard = loadJsonGuard();
  const sources = sourcesOf(config, options);
  const snapshotTools = {
    clock,
    scannerFor: (rules: Parameters<typeof toPatterns>[0], actions: Parameters<typeof createDlpScanner>[0]['actions']) => createDlpScanner({
      rules, actions, matcher: buildMatcher(toPatterns(rules), { engine: 're2' }), pool: options.scanPool, inlineBytesMax: TEST_SCAN_BYTES_MAX, findingsMax: 100,
    }),
  };
  const first = buildSnapshot(sources, undefined, snapshotTools);
  const writer = startAuditWriterHere({ dir: join(dir, 'audit'), fileBytesMax: config.audit.file_bytes_max, start: {} });
  const appender: AuditAppender = openAppender(writer.connect(), { queueLinesMax: config.audit.queue_lines_max, durability: config.audit.durability });
  const client = createUpstreamClient({ connectTimeoutMs: config.upstream.connect_timeout_ms, connectionsMax: 16 });
  const reader = createToolsReader(jsonGuard);
  const observations = new Observations({ registry: first.registry, reader, restored: undefined, persist: () => undefined });
  const refresh = createRegistryRefresh({
    client, observations, registry: first.registry, reader, clock, version: '0', listTimeoutMs: () => config.registry.list_timeout_ms, event: () => undefined, holdsSecret: () => false,
    publish: () => publish(),
  });
  const tools = createToolKnowledge((upstream) => refresh.refresh(upstream));
  const publish = (): void => tools.observe(observations.snapshot(), observations.upstreams().map((one) => {
    const facts = refresh.factsOf(one.url);
    return { url: one.url, state: one.state, modern: facts?.modern ?? false, capabilities: facts?.capabilities ?? {}, instructions: facts?.instructions, tools: one.tools.length, verifiedMs: one.verifiedMs, error: one.error };
  }));
  const approvals = openApprovalStore({
    path: join(dir, 'approvals.sqlite'), requestTtlMs: DAY_MS, grantTtlMs: DAY_MS, pendingPerCallerMax: 20, approvers: () => options.approvers ?? new Map<string, Approver>(), nowMs: clock.nowMs(),
  });
  const sessions = openSessionStore({
    path: join(dir, 'sessions.sqlite'), ttlMs: DAY_MS, totalMax: config.session.sessions_max, later: setImmediate, onFault: (fault) => void faults.push({ where: 'sessions', fault }),
  });
  const secrets = createSecretFile(join(dir, 'secrets.enc'), Buffer.alloc(32, 7));
  const http = createHttpClient({ connectionsMax: 4 });
  const faults: { where: string; fault: unknown }[] = [];
  const timers = new Set<NodeJS.Timeout>();
  const views = openSharedMemory(createSharedMemory(config), 1);
  const parts: GatewayParts = {
    answerMemory: new AnswerMemory(config.upstream.inflight_answer_bytes_max), sentSecrets: createSentSecrets(views.sentSecrets), shared: { ...views, thread: 0, evicted: () => undefined, handOver: () => false },
    first, clock, sampler: new Sampler(false, views.traces), traced: () => undefined, ids: createIds(), version: '0', jsonGuard, appender, client, tools, secrets,
    authenticator: createAuthenticator({ profile: config.profile, trustedPeers: [], jwtAudiences: config.identity.jwt_audience, cacheEntries: 100, trustIntermediates: false, x509Bundle: undefined, jwtBundle: undefined }),
    guard: createGuard({
      url: config.guard.url, kind: config.guard.kind, model: config.guard.model, apiKey: undefined, timeoutMs: config.guard.timeout_ms, threshold: 0.3,
      failuresToOpen: config.guard.failures_to_open, resetTimeoutMs: 1000, clock: clock.nowMs,
    }, http),
    sessionRisk: createSessionRisk({ ttlMs: DAY_MS, halfLifeMs: DAY_MS, riskDenyAt: 1, actionsKept: 50, sessionsMax: 1000 }, parseChains(sources.chains.text, sources.chains.file)),
    messageReader: createMessageReader(undefined),
    approvals: {
      reserveOrRequest: (binding, score, shown) => Promise.resolve(approvals.reserveOrRequest(binding, score, shown, clock.nowMs())),
      consume: (id, token) => Promise.resolve(approvals.consume(id, token, clock.nowMs())),
      recorded: (id) => approvals.told(id, 'spent'),
      release: (id, token) => approvals.release(id, token),
    },
    keeper: {
      keep: (session) => sessions.keep(session), read: (serial) => Promise.resolve(sessions.read(serial, clock.nowMs())), end: (serial) => sessions.end([serial]),
      used: (serial, usedMs) => sessions.used([[serial, usedMs]]), tainted: (serial, taint) => sessions.tainted([[serial, taint]]), over: (serial) => sessions.over([serial]),
    },
    argumentsKey: Buffer.alloc(32, 9), resourceMetadataUrl: 'http://127.0.0.1/.well-known/oauth-protected-resource',
    after: (ms, run) => void timers.add(setTimeout(run, ms)),
    every: (ms, tick) => {
      const timer = setInterval(tick, ms);
      return () => clearInterval(timer);
    },
    onFault: (layer, fault) => void faults.push({ where: layer.name, fault }),
    onGatewayFault: (fault) => void faults.push({ where: 'gateway', fault }),
  };
  const gateway = buildGateway({ ...parts, ...options.change?.(parts) });
  await refresh.refreshAll();
  publish();

  const post = (body: string | Uint8Array, posted: Posted = {}): RecordedReply => {
    const reply = new RecordedReply();
    const { inbound, expire } = lentMessage(body, { receivedUs: clock.nowUs(), ...posted });
    gateway.handle(inbound, reply);
    expire();
    return reply;
  };
  return {
    gateway, approvals, secrets, faults, post,
    async ask(body, posted) {
      const reply = post(body, posted);
      await reply.finished;
      return reply;
    },
    lines: () => readLines(join(dir, 'audit')),
    listTools: () => refresh.refreshAll(),
    async close() {
      gateway.flush();
      for (const timer of timers) clearTimeout(timer);
      await appender.close();
      await writer.close();
      await client.close();
      await http.close();
      approvals.close();
      sessions.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export function rpc(method: string, params: unknown = {}, id: unknown = 1): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method, params });
}

export function toolCall(name: string, args: unknown = {}, id: unknown = 1): string {
  return rpc('tools/call', { name, arguments: args }, id);
}

/** The session of a client with a handshake, as what goes with each of its messages. `posted`: what else does. */
export async function openSession(gateway: Pick<InProcessGateway, 'ask'>, { capabilities = {}, name = 't', posted = {} }: { readonly capabilities?: unknown; readonly name?: string; readonly posted?: Posted } = {}): Promise<Posted> {
  const headers = { accept: MCP_ACCEPT, ...posted.headers };
  const reply = await gateway.ask(rpc('initialize', { protocolVersion: '2025-11-25', capabilities, clientInfo: { name, version: '1' } }, 0), { ...posted, headers });
  return { ...posted, headers: { ...headers, mcpSessionId: reply.headers['mcp-session-id'] ?? '', mcpProtocolVersion: '2025-11-25' } };
}

/** Permits the registered caller everything that is registered. */
export const PERMIT_ALL: PolicySource = {
  file: 'policies/tests.rego',
  text: `package precinct.authz\nimport rego.v1\nallow if { input.caller_spiffe_id == "${CALLER}" }\n`,
};

function sourcesOf(config: SnapshotSources['config'], options: InProcessOptions): SnapshotSources {
  const file = (path: string): SourceFile => ({ file: path, text: readFileSync(path, 'utf8') });
  return {
    version: 1, config,
    registry: { file: 'registry.yaml', text: options.registry ?? registryText(options.tools) },
    identities: { file: 'config/identities.yaml', text: [file('config/identities.yaml').text, ...(options.identities ?? []).map((id) => `  - spiffe_id: ${id}`)].join('\n') },
    policies: [...readPolicies(process.cwd(), config).filter(({ file: name }) => !name.endsWith('_test.rego')), ...(options.policies ?? [PERMIT_ALL])],
    rules: readdirSync('config/dlp').sort().map((name) => file(`config/dlp/${name}`)),
    thresholds: file('config/risk_thresholds.yaml'), destinations: file('config/destinations.yaml'), chains: file('config/session_chains.yaml'),
  };
}

function registryText(tools: readonly TestTool[]): string {
  const reader = createToolsReader(loadJsonGuard());
  const entry = ({ name, url, more = [], text = toolText(name) }: TestTool): string => [
    `  - name: ${name}`, `    description: Tool ${name} of the tests`, `    upstream: ${url}`, `    hash: ${reader.describeTool(text).hashes.seed}`,
    ...(more.some((line) => line.startsWith('risk_level:')) ? [] : ['    risk_level: low']), ...more.map((line) => `    ${line}`), '    input_schema: {type: object}',
  ].join('\n');
  return `version: v2\ntools:\n${tools.map(entry).join('\n')}\n`;
}

function readLines(dir: string): Record<string, unknown>[] {
  return readdirSync(dir).filter((name) => name.endsWith('.jsonl')).sort()
    .flatMap((name) => readFileSync(join(dir, name), 'utf8').split('\n').filter((line) => line !== ''))
    .map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ type }) => type !== 'event');
}
