// The control plane's resources over a real registry, policy set, approval store and secret file.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LAYER_NAMES } from '../../../src/base/errors/table.js';
import { loadJsonGuard } from '../../../src/base/json/choose.js';
import { PASSED } from '../../../src/chain/context.js';
import { ChainStats } from '../../../src/chain/stats.js';
import { approvalRoutes } from '../../../src/control/approvals.js';
import { identityRoutes } from '../../../src/control/identities.js';
import { layerRoutes } from '../../../src/control/layers.js';
import { KeptCounts } from '../../../src/control/kept-counts.js';
import { metricsRoutes } from '../../../src/control/metrics.js';
import type { ControlParts, RefusedSource } from '../../../src/control/parts.js';
import { policyRoutes } from '../../../src/control/policy.js';
import { reloadRoutes } from '../../../src/control/reload.js';
import { sessionRoutes } from '../../../src/control/sessions.js';
import { secretRoutes } from '../../../src/control/secrets.js';
import { ControlFault, type ControlAnswer, type Route } from '../../../src/control/server.js';
import { statusRoutes } from '../../../src/control/status.js';
import { toolRoutes } from '../../../src/control/tools.js';
import { upstreamRoutes } from '../../../src/control/upstreams.js';
import { parseIdentities } from '../../../src/engines/identity/identity-table.js';
import { loadPolicySet } from '../../../src/engines/policy/policy-set.js';
import type { PolicySet } from '../../../src/engines/policy/types.js';
import { Observations } from '../../../src/engines/registry/observations.js';
import { parseRegistry } from '../../../src/engines/registry/registry-file.js';
import { createToolsReader } from '../../../src/engines/registry/served-tools.js';
import { createSecretFile } from '../../../src/engines/secrets/file-store.js';
import { openApprovalStore } from '../../../src/engines/step-up/approvals-store.js';
import { keepArguments, type ShownArguments } from '../../../src/engines/step-up/arguments-shown.js';
import type { GatewayStats } from '../../../src/threads/messages.js';
import { AGENT_ID, configOf, contextOf, NOW_MS } from '../chain/contexts.js';
import { toolText } from '../../support/gateway-in-process.js';

const URL_ONE = 'http://127.0.0.1:9/mcp';
const reader = createToolsReader(loadJsonGuard());
const registry = parseRegistry(`version: v2\ntools:\n  - name: one\n    description: d\n    upstream: ${URL_ONE}\n    hash: ${reader.describeTool(toolText('one')).hashes.seed}\n    risk_level: high\n    input_schema: {type: object}\n`, 'registry.yaml');
const identities = parseIdentities(`default: ${AGENT_ID}\nidentities:\n  - spiffe_id: ${AGENT_ID}\n    description: an agent\n`, 'identities.yaml', 'poc.local');
const policyText = `package precinct.authz\n\nimport rego.v1\n\nallow if { input.caller_spiffe_id == "${AGENT_ID}"; input.tool_name == "one"; input.arguments.ok == true }\n`;

let dir: string;
let loadedPolicy: ReturnType<typeof loadPolicySet>;
let parts: ControlParts;
let routes: Route[];
let reloaded: string[];
let refused: RefusedSource[];
let endedSessions: unknown[];
let written: PolicySet | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'resources-'));
  reloaded = [];
  refused = [];
  endedSessions = [];
  written = undefined;
  const clock = { nowMs: () => NOW_MS, nowUs: () => NOW_MS * 1000, monotonicMs: () => performance.now() };
  const policy = loadedPolicy = loadPolicySet([{ file: 'policies/a.rego', text: policyText }], { cacheEntries: 0, timeoutMs: 1000, sourceBytesMax: 1 << 20, clock });
  const digests = { policy: policy.digest, registry: registry.digest, rules: 'u', identities: identities.digest, thresholds: 't' };
  const stats = (us: number): GatewayStats => {
    const chain = new ChainStats();
    const ctx = contextOf('{}');
    ctx.verdicts.fill(PASSED);
    ctx.layerUs[0] = us;
    chain.count(ctx, true, undefined);
    chain.count(contextOf('{}'), false, 'authz_policy_denied');
    return { place: { index: us, owner: 1 }, chain: chain.report(), traces: { recorded: us, overLimit: 1 }, breakers: [[`${URL_ONE} one`, { kind: 'open', untilMs: 1 }]], mcpSessions: 2, riskEntries: 1, front: { webSockets: 1, sseStreams: 2, connections: 3, connectionsRefused: 4, requests: 2, bodyBytes: 5, unreadBytes: 7, unreadCut: us, loopLateUs: 250_000, shedding: true, certificateEndsMs: us === 10 ? undefined : 7_000 + us }, digests, heapBytes: 1, upstreams: [{ url: URL_ONE, requests: us, underWay: 1, connections: 2 }, { url: 'http://elsewhere/mcp', requests: 99, underWay: 9, connections: 9 }], engines: { front: 'f', matcher: { engine: 're2', because: 'b' }, json: { engine: 'typescript', because: 'b' }, policy: 'regorus' } };
  };
  const reload = (what: string) => () => {
    reloaded.push(what);
    return Promise.resolve(digests);
  };
  parts = {
    clock, version: '1.2.3', startedMs: NOW_MS - 5000, configFile: 'config/gateway.yaml', stateDir: '.precinct', config: () => configOf(), inForce: () => ({ registry, identities, policy, policyFiles: 1 }),
    listeners: () => [{ kind: 'http', address: '127.0.0.1:9090' }],
    threads: { count: 2, health: () => ({ count: 2, running: 1, stalled: [0], restarts: 3, lastEnd: { thread: 1, reason: 'r', atMs: NOW_MS } }), stats: () => Promise.resolve([stats(10), stats(30)]), identity: () => Promise.resolve([{ riskScore: 0.1, flags: [], rate: { allowed: true, limit: 100, remaining: 99, resetSeconds: 1, retryAfterSeconds: 0 } }, { riskScore: 0.4, flags: ['tainted:sensitive'], rate: { allowed: true, limit: 100, remaining: 50, resetSeconds: 1, retryAfterSeconds: 0 } }]) },
    audit: () => Promise.resolve({ healthy: true, because: '', seq: 7, lastHash: 'h', file: 'audit.jsonl', unresolved: 0 }),
    observations: new Observations({ registry, reader, restored: undefined, persist: () => undefined }),
    upstreams: () => [{ url: URL_ONE, state: 'up', modern: false, capabilities: {}, instructions: undefined, tools: 1, verifiedMs: NOW_MS, error: undefined }],
    greeted: () => ({ modern: false, capabilities: { tools: {} }, instructions: 'read me', protocolVersion: '2025-11-25', versions: ['2025-11-25'], server: { name: 's', version: '1' } }),
    listings: () => ({ sinceMs: NOW_MS - 1000, triedMs: NOW_MS, tookMs: 12.34 }),
    acknowledge: (name) => Promise.resolve(name === 'one'),
    approvals: openApprovalStore({ path: join(dir, 'a.sqlite'), requestTtlMs: 60_000, grantTtlMs: 60_000, pendingPerCallerMax: 5, approvers: () => new Map(), nowMs: NOW_MS }),
    event: () => Promise.resolve(),
    sessions: {
      list: (caller) => Promise.resolve({ total: 5, sessions: [{ serial: 1, key: 'ab'.repeat(32), caller, protocolVersion: '2025-11-25', createdMs: NOW_MS, usedMs: NOW_MS + 1, thread: 0, upstreams: 2, streams: 1 }, { serial: 2, key: 'cd'.repeat(32), caller, protocolVersion: '2025-06-18', createdMs: NOW_MS, usedMs: NOW_MS, thread: undefined, upstreams: 0, streams: 0 }] }),
      count: (prefix) => (prefix.startsWith('ee') ? 2 : 1),
      end: (...which) => {
        endedSessions.push(which);
        return Promise.resolve(1);
      },
    },
    secrets: createSecretFile(join(dir, 's.enc'), Buffer.alloc(32, 1)), traces: () => ({ state: 'on', collector: 'http://127.0.0.1:4318/v1/traces', spans: { exported: 7, failed: 6, dropped: 5 } }), warnings: () => ['mind this'], kept: new KeptCounts(), refused: () => refused, reload: reload('all'), reloadPolicies: reload('policies'), reloadFiles: () => reload('files')().then((given) => ({ digests: given, refused })), notLoaded: () => ['config/gateway.yaml: front.port changed'], writtenPolicies: () => Promise.resolve(written),
  };
  routes = [statusRoutes, toolRoutes, layerRoutes, identityRoutes, policyRoutes, approvalRoutes, sessionRoutes, secretRoutes, reloadRoutes, metricsRoutes, upstreamRoutes].flatMap((of) => of(parts));
});
afterEach(() => {
  parts.approvals.close();
  rmSync(dir, { recursive: true, force: true });
});

async function ask(method: string, path: string, more: { name?: string; query?: string; body?: unknown } = {}): Promise<ControlAnswer> {
  const route = routes.find((one) => one.method === method && one.path === path);
  if (route === undefined) throw new Error(`no route ${method} ${path}`);
  return route.answer({ method, path, name: more.name ?? '', query: new URLSearchParams(more.query ?? ''), body: more.body ?? {} });
}
const json = async (...args: Parameters<typeof ask>): Promise<Record<string, unknown>> => (await ask(...args)).json as Record<string, unknown>;
async function refusal(...args: Parameters<typeof ask>): Promise<unknown> {
  try {
    return (await ask(...args)).status;
  } catch (fault) {
    return fault instanceof ControlFault ? [fault.status, fault.code] : fault;
  }
}

describe('sessions', () => {
  it('are listed without their ids', async () => {
    const time = new Date(NOW_MS).toISOString();
    expect(await json('GET', '/v1/sessions', { query: `caller=${AGENT_ID}` })).toEqual({
      total: 5,
      sessions: [
        { id: 'ab'.repeat(8), caller: AGENT_ID, protocol_version: '2025-11-25', created_at: time, used_at: new Date(NOW_MS + 1).toISOString(), state: 'open', thread: 0, upstreams: 2, streams: 1 },
        { id: 'cd'.repeat(8), caller: AGENT_ID, protocol_version: '2025-06-18', created_at: time, used_at: time, state: 'sleeping', thread: null, upstreams: 0, streams: 0 },
      ],
    });
  });

  it('end by what the list shows, by their whole id, or all of a caller', async () => {
    const id = `01${'0'.repeat(46)}`;
    for (const body of [{ id: 'abababab' }, { id }, { caller: AGENT_ID }]) expect(await json('POST', '/v1/sessions/end', { body })).toEqual({ ended: 1 });
    expect(endedSessions).toEqual([['abababab', '', 'revoked'], [createHash('sha256').update(id).digest('hex'), '', 'revoked'], ['', AGENT_ID, 'revoked']]);
  });

  it.each([[{}, 400, 'member_wrong'], [{ id: 'abababab', caller: AGENT_ID }, 400, 'member_wrong'], [{ id: 'abc' }, 400, 'member_wrong'], [{ id: 'zzzzzzzz' }, 400, 'member_wrong'], [{ id: 7 }, 400, 'member_wrong'], [{ id: 'ee'.repeat(4) }, 409, 'ambiguous']])('named by %j are not ended', async (body, status, code) => {
    expect(await refusal('POST', '/v1/sessions/end', { body })).toEqual([status, code]);
    expect(endedSessions).toEqual([]);
  });
});

describe('status', () => {
  it('says what an operator looks at first, over all threads', async () => {
    expect(await json('GET', '/v1/status')).toMatchObject({
      version: '1.2.3', uptime_s: 5, profile: 'dev', threads: { gateway: 2, running: 1, stalled: [0], restarts: 3, last_end: { thread: 1, reason: 'r', at: new Date(NOW_MS).toISOString() } }, requests: { allowed: 2, denied: 2 }, audit: { seq: 7, healthy: true }, identities: { count: 1, default: AGENT_ID }, warnings: ['mind this'],
      upstreams: [{ url: URL_ONE, state: 'up', tools: 1 }], listeners: [{ kind: 'http' }], state_dir: '.precinct', config_file: 'config/gateway.yaml',
    });
  });

  it('names every file whose present content was refused; the tools only the registry', async () => {
    refused = [{ file: 'config/capability-registry-v2.yaml', line: 3, message: 'wrong', since: '' }, { file: 'config/identities.yaml', message: 'wrong too', since: '' }];
    expect(await json('GET', '/v1/status')).toMatchObject({ refused });
    expect(await json('GET', '/v1/tools')).toMatchObject({ refused: [refused[0]] });
  });

  it('counts layers over all threads', async () => {
    const layers = (await json('GET', '/v1/layers'))['layers'] as Record<string, unknown>[];
    expect(layers.map(({ name }) => name)).toEqual([...LAYER_NAMES]);
    expect(layers[0]).toMatchObject({ step: 1, pass: 2, not_reached: 2, deny: 0, mean_us: 20, max_us: 30 });
    expect(layers.every(({ why }) => typeof why === 'string' && why !== '')).toBe(true);
  });

  it('speaks Prometheus', async () => {
    const { text = '' } = await ask('GET', '/metrics');
    for (const line of ['precinct_requests_total{decision="ALLOW"} 2', 'precinct_codes_total{code="authz_policy_denied"} 2', 'precinct_layer_verdicts_total{layer="request_size_limit",verdict="pass"} 2', 'precinct_audit_healthy 1', `precinct_breaker_state{breaker="${URL_ONE} one"} 2`, 'precinct_mcp_sessions 4', 'precinct_websockets 2', 'precinct_sse_streams 4', 'precinct_mcp_sessions_kept 1', 'precinct_tls_certificate_expiry_timestamp_seconds 7.03']) expect(text).toContain(line);
  });
});

describe('upstreams', () => {
  it('say what each is, how its tools stand, which breakers are not at rest, and what all threads send to it', async () => {
    const { upstreams } = await json('GET', '/v1/upstreams');
    expect(upstreams).toEqual([{
      url: URL_ONE, state: 'up', since: new Date(NOW_MS - 1000).toISOString(), error: null, listed_at: new Date(NOW_MS).toISOString(), tried_at: new Date(NOW_MS).toISOString(), list_ms: 12.3,
      era: 'legacy', protocol_version: '2025-11-25', versions: ['2025-11-25'], server: { name: 's', version: '1' }, capabilities: { tools: {} }, has_instructions: true,
      tools: { served: 1, registered: 1, verified: 0, mismatch: 0, absent: 0, unknown: 1, changed_tools: [], absent_tools: [], unregistered: 0 },
      breakers: [{ tool: 'one', state: 'open', until: new Date(1).toISOString() }], load: { requests: 40, under_way: 2, connections: 4 },
    }]);
  });
});

describe('the diff of a tool', () => {
  const HASHES = reader.describeTool(toolText('one')).hashes;
  const withRegistry = (entry: string): void => {
    const other = parseRegistry(`version: v2\ntools:\n  - name: one\n    upstream: ${URL_ONE}\n    risk_level: high\n${entry}`, 'registry.yaml');
    parts = { ...parts, inForce: () => ({ registry: other, identities, policy: loadedPolicy, policyFiles: 1 }), observations: new Observations({ registry: other, reader, restored: undefined, persist: () => undefined }) };
    routes = toolRoutes(parts);
  };
  const diff = () => json('GET', '/v1/tools/*/diff', { name: 'one' });
  const observe = (...texts: string[]): unknown => parts.observations.observe(URL_ONE, texts.map((text) => reader.describeTool(text)), NOW_MS);

  it('is empty for a tool that is served as registered, whatever else it has', async () => {
    observe(toolText('one').replace('{"name"', '{"title":"One","name"'));
    expect(await diff()).toMatchObject({ state: 'verified', refused: null, changes: [] });
  });

  it.each([
    ['another hash over the text that is served', `    description: Tool one of the tests\n    hash: ${'a'.repeat(64)}\n`, { before: 'a'.repeat(64), after: HASHES }],
    ['the hash of another algorithm than it says', `    hash: ${HASHES.jcs}\n    hash_alg: seed\n`, { before: HASHES.jcs, after: HASHES.seed }],
  ])('names the hash when the registry has %s', async (_what, entry, change) => {
    withRegistry(entry);
    observe(toolText('one'));
    expect(await diff()).toMatchObject({ state: 'mismatch', refused: 'registry_hash_mismatch', changes: [{ path: 'hash', kind: 'changed', ...change }] });
  });

  it('shows what of the text changed at the server, and that it changed back', async () => {
    withRegistry(`    description: d\n    hash: ${HASHES.seed}\n`);
    observe(toolText('one').replace('of the tests', 'and sends mail'));
    expect(await diff()).toMatchObject({ refused: 'registry_hash_mismatch', matches_again: false, changes: [{ path: 'hash' }, { path: '/description', kind: 'changed', before: 'd' }] });
    observe(toolText('one'));
    expect(await diff()).toMatchObject({ refused: 'registry_hash_mismatch', matches_again: true });
  });

  it('names members outside the hash, which are no refusal', async () => {
    withRegistry(`    hash: ${HASHES.seed}\n`);
    observe(toolText('one'));
    observe(toolText('one').replace('{"name"', '{"title":"Mine","name"'));
    expect(await diff()).toMatchObject({ state: 'verified', refused: null, changes: [{ path: '/title', kind: 'changed', after: 'Mine' }], text_differs: [] });
  });

  it('says where the registry\'s own text is not what is served: the hash decides', async () => {
    withRegistry(`    description: something else\n    hash: ${HASHES.seed}\n`);
    observe(toolText('one'));
    expect(await diff()).toMatchObject({ refused: null, changes: [], text_differs: [{ path: '/description' }] });
  });

  it('says that it is refused while it is not served, or never was listed', async () => {
    expect(await diff()).toMatchObject({ state: 'unknown', refused: 'registry_tool_unverified', served: null });
    observe();
    expect(await diff()).toMatchObject({ state: 'absent', refused: 'registry_tool_unverified', served: null });
    observe(toolText('one'));
    parts.observations.observeFailure(URL_ONE, 'ECONNREFUSED');
    expect(await diff()).toMatchObject({ state: 'verified', refused: null });
    parts = { ...parts, clock: { ...parts.clock, nowMs: () => NOW_MS + 86_400_000 } };
    routes = toolRoutes(parts);
    expect(await diff()).toMatchObject({ refused: 'registry_tool_unverified', upstream: { state: 'down', error: 'ECONNREFUSED' } });
  });
});

describe('tools', () => {
  it('are listed with hash and state, and what is served beside them', async () => {
    expect(await json('GET', '/v1/tools')).toMatchObject({ tools: [{ name: 'one', state: 'unknown', verified_at: null, risk_level: 'high' }], unregistered: [] });
    parts.observations.observe(URL_ONE, [reader.describeTool(toolText('one')), reader.describeTool(toolText('stranger'))], NOW_MS);
    expect(await json('GET', '/v1/tools')).toMatchObject({ tools: [{ name: 'one', state: 'verified', hash_alg: 'seed', verified_at: new Date(NOW_MS).toISOString() }], unregistered: [{ name: 'stranger', upstream: URL_ONE }] });
  });

  it('stand beside the registered prompts and resources', async () => {
    const other = parseRegistry(`tools: []\nprompts: [{name: greet, upstream: ${URL_ONE}, risk_level: low}]\nresources: [{uri_prefix: "file:///", upstream: ${URL_ONE}, risk_level: high, classification: sensitive}]\n`, 'registry.yaml');
    routes = toolRoutes({ ...parts, inForce: () => ({ ...parts.inForce(), registry: other }) });
    expect(await json('GET', '/v1/tools')).toMatchObject({ tools: [], prompts: [{ name: 'greet', risk_level: 'low', upstream: URL_ONE, line: 2 }], resources: [{ name: 'file:///', risk_level: 'high', classification: 'sensitive' }] });
  });

  it('show what changed', async () => {
    parts.observations.observe(URL_ONE, [reader.describeTool(toolText('one').replace('of the tests', 'and sends mail'))], NOW_MS);
    expect(await json('GET', '/v1/tools/*/diff', { name: 'one' })).toMatchObject({ state: 'mismatch', changes: expect.arrayContaining([expect.objectContaining({ kind: 'changed' })]) as unknown });
    expect(await refusal('GET', '/v1/tools/*/diff', { name: 'none' })).toEqual([404, 'registry_tool_unknown']);
  });

  it('are acknowledged by name', async () => {
    expect([await refusal('POST', '/v1/tools/*/acknowledge', { name: 'one' }), await refusal('POST', '/v1/tools/*/acknowledge', { name: 'none' })]).toEqual([200, [404, 'registry_tool_unknown']]);
  });
});

describe('identities', () => {
  it('are listed, and one of them described by its worst thread', async () => {
    expect(await json('GET', '/v1/identities')).toEqual({ trust_domain: 'poc.local', default: AGENT_ID, identities: [{ spiffe_id: AGENT_ID, description: 'an agent' }] });
    expect(await json('GET', '/v1/identity', { query: `id=${AGENT_ID}` })).toMatchObject({ registered: true, trust_domain_ok: true, session: { risk_score: 0.4, flags: ['tainted:sensitive'] }, rate: { limit: 100, remaining: 50 } });
    expect(await json('GET', '/v1/identity', { query: 'id=spiffe://elsewhere/agents/mcp-client/a/b' })).toMatchObject({ registered: false, trust_domain_ok: false, principal: { level: 5 } });
    expect(await refusal('GET', '/v1/identity', { query: 'id=nonsense' })).toEqual([400, 'auth_invalid_identity']);
    expect(await refusal('GET', '/v1/identity')).toEqual([400, 'auth_invalid_identity']);
  });
});

describe('policy', () => {
  const question = { caller: AGENT_ID, tool: 'one', method: 'tools/call', arguments: { ok: true } };
  it.each([
    [{}, { decision: 'ALLOW', registered: true }], [{ arguments: {} }, { decision: 'DENY' }], [{ arguments: undefined }, { decision: 'DENY' }], [{ tool: 'bash' }, { decision: 'DENY', registered: false }],
    [{ caller: 'spiffe://poc.local/agents/mcp-client/other/dev' }, { decision: 'DENY' }], [{ method: 'initialize', tool: undefined }, { decision: 'ALLOW' }],
  ])('is tried with %j', async (changes, answer) => {
    expect(await json('POST', '/v1/policy/eval', { body: { ...question, ...changes } })).toMatchObject(answer);
  });

  it('keeps every digit of the arguments, asks without a tool where the method names none, and says what else refuses', async () => {
    const ask = (changes: object): Promise<unknown> => json('POST', '/v1/policy/eval', { body: { ...question, arguments: undefined, ...changes } });
    expect(await ask({ arguments_json: '{"ok":true,"n":9007199254740993}' })).toMatchObject({ decision: 'ALLOW', notes: [] });
    expect(await refusal('POST', '/v1/policy/eval', { body: { ...question, arguments_json: '[1]' } })).toEqual([400, 'member_wrong']);
    expect(await ask({ method: 'tool/call' })).toMatchObject({ decision: 'DENY', notes: [expect.stringMatching(/MCP has no such method/)] });
    expect(await ask({ caller: 'spiffe://poc.local/agents/mcp-client/other/dev' })).toMatchObject({ notes: [expect.stringMatching(/layer 3 refuses it/)] });
    parts.observations.observe(URL_ONE, [reader.describeTool(toolText('one').replace('of the tests', 'and sends mail'))], NOW_MS);
    expect(await ask({})).toMatchObject({ notes: [expect.stringMatching(/agw tools diff one/)] });
  });

  it('permits an anonymous principal nothing, whatever a rule says, as layer 6', async () => {
    const clock = { nowMs: () => NOW_MS, monotonicMs: () => performance.now() };
    const policy = loadPolicySet([{ file: 'policies/a.rego', text: 'package precinct.authz\nimport rego.v1\nallow if input.tool_name == "one"' }], { cacheEntries: 0, timeoutMs: 1000, sourceBytesMax: 1 << 20, clock });
    routes = policyRoutes({ ...parts, inForce: () => ({ ...parts.inForce(), policy }) });
    const ask = (caller: string): Promise<unknown> => json('POST', '/v1/policy/eval', { body: { ...question, caller } });
    expect(await ask(AGENT_ID)).toMatchObject({ decision: 'ALLOW' });
    expect(await ask('spiffe://poc.local/x')).toMatchObject({ decision: 'DENY', reason: expect.stringContaining('principal_level_insufficient') as unknown });
    expect(await ask('spiffe://elsewhere/agents/mcp-client/a/b')).toMatchObject({ decision: 'DENY', notes: [expect.stringContaining('another trust domain')] });
    policy.close();
  });

  it('wants to know who asks for what', async () => {
    expect(await refusal('POST', '/v1/policy/eval', { body: { method: 'tools/call' } })).toEqual([400, 'member_missing']);
    expect(await refusal('POST', '/v1/policy/eval', { body: { caller: 'me', method: 'tools/call' } })).toEqual([400, 'auth_invalid_identity']);
    expect(await refusal('POST', '/v1/policy/eval', { body: { caller: AGENT_ID } })).toEqual([400, 'member_missing']);
  });

  it('is tried as the files say where they differ from what is active, beside what is active, or as it is active alone', async () => {
    const ask = (changes: object): Promise<unknown> => json('POST', '/v1/policy/eval', { body: { ...question, ...changes } });
    expect(await ask({})).toMatchObject({ decision: 'ALLOW', active: true });
    const clock = { nowMs: () => NOW_MS, monotonicMs: () => performance.now() };
    written = loadPolicySet([{ file: 'policies/a.rego', text: 'package precinct.authz\nimport rego.v1\nallow if input.tool_name == "bash"' }], { cacheEntries: 0, timeoutMs: 1000, sourceBytesMax: 1 << 20, clock });
    const closed = vi.spyOn(written, 'close');
    expect(await ask({})).toMatchObject({ decision: 'DENY', active: false, active_decision: 'ALLOW' });
    expect(closed).toHaveBeenCalledOnce();
    expect(await ask({ active: true })).toMatchObject({ decision: 'ALLOW', active: true });
  });

  it('is described and reloaded alone', async () => {
    expect(await json('GET', '/v1/policy')).toMatchObject({ packages: [{ name: 'precinct.authz', file: 'policies/a.rego' }], reads: { cacheable: true } });
    expect(await json('POST', '/v1/policy/reload')).toMatchObject({ files: 1, rules: 1, threads: 2 });
    expect(await json('POST', '/v1/reload')).toMatchObject({ threads: 2, digests: { rules: 'u' }, warnings: expect.arrayContaining([{ message: 'mind this' }]) });
    expect(await json('POST', '/v1/reload/files')).toMatchObject({ refused: [], threads: 2 });
    expect(reloaded).toEqual(['policies', 'all', 'files']);
  });
});

describe('approvals', () => {
  const open = (shown: ShownArguments = keepArguments('{}')) => parts.approvals.reserveOrRequest({ caller: AGENT_ID, tool: 'one', toolHash: 'h', upstream: URL_ONE, argumentsDigest: 'd', mcpSession: undefined }, 9, shown, NOW_MS);
  it('are listed by state and looked up by id', async () => {
    const { requestId } = open();
    expect(await json('GET', '/v1/approvals', { query: 'state=pending' })).toMatchObject({ approvals: [{ id: requestId, state: 'pending', caller: AGENT_ID }], total: 1 });
    expect(await json('GET', '/v1/approvals', { query: 'state=consumed' })).toEqual({ approvals: [], total: 0 });
    expect(await json('GET', '/v1/approvals/*', { name: requestId })).toMatchObject({ approval: { id: requestId } });
    expect(await refusal('GET', '/v1/approvals/*', { name: 'none' })).toEqual([404, 'unknown_request']);
    expect(await refusal('GET', '/v1/approvals', { query: 'state=maybe' })).toEqual([400, 'member_wrong']);
  });

  it('are not decided by somebody unknown, of something unknown, or in some other way', async () => {
    const { requestId } = open();
    const decision = { decision: 'approve', approver: 'mallory', signature: 'AAAA' };
    expect(await refusal('POST', '/v1/approvals/*/decide', { name: requestId, body: decision })).toEqual([403, 'unknown_approver']);
    expect(await refusal('POST', '/v1/approvals/*/decide', { name: 'none', body: decision })).toEqual([404, 'unknown_request']);
    expect(await refusal('POST', '/v1/approvals/*/decide', { name: requestId, body: { ...decision, decision: 'maybe' } })).toEqual([400, 'member_wrong']);
    expect(await refusal('POST', '/v1/approvals/*/decide', { name: requestId, body: { decision: 'approve' } })).toEqual([400, 'member_missing']);
    expect(await json('GET', '/v1/approvals/*', { name: requestId })).toMatchObject({ approval: { state: 'pending' } });
  });

  it('does not approve what nobody can look at, unless that is said', async () => {
    const { requestId: name } = open({ text: '{}', length: 3 });
    const decide = (more: object): Promise<unknown> => refusal('POST', '/v1/approvals/*/decide', { name, body: { decision: 'approve', approver: 'mallory', signature: 'AAAA', ...more } });
    expect([await decide({}), await decide({ accept_unseen: 'yes' }), await decide({ accept_unseen: true }), await decide({ decision: 'deny' })]).toEqual([[409, 'arguments_unseen'], [409, 'arguments_unseen'], [403, 'unknown_approver'], [403, 'unknown_approver']]);
  });

  it('are not decided while the audit log fails, and a decision that it did not take is none that was recorded', async () => {
    const { requestId: name } = open();
    const body = { decision: 'deny', approver: 'alice', signature: 'AAAA' };
    const failing = { ...await parts.audit(), healthy: false, because: 'the disk is full' };
    routes = approvalRoutes({ ...parts, audit: () => Promise.resolve(failing) });
    expect(await refusal('POST', '/v1/approvals/*/decide', { name, body })).toEqual([503, 'audit_unavailable_fail_closed']);
    expect(parts.approvals.get(name, NOW_MS)).toMatchObject({ state: 'pending' });
    const decided = parts.approvals.get(name, NOW_MS);
    const approvals = Object.assign(Object.create(parts.approvals) as typeof parts.approvals, { decide: () => ({ kind: 'ok', request: decided }) });
    routes = approvalRoutes({ ...parts, approvals, event: () => Promise.reject(new Error('the disk is full')) });
    expect(await refusal('POST', '/v1/approvals/*/decide', { name, body })).toEqual([503, 'decision_unrecorded']);
  });
});

describe('secrets', () => {
  it('go in and never come out', async () => {
    const value = 'v3ry-secret-value';
    const put = await json('POST', '/v1/secrets/put', { body: { name: 'token', owner: AGENT_ID, scope: 'github', value } });
    const issued = await json('POST', '/v1/secrets/issue', { body: { name: 'token', ttl_s: 60 } });
    const rotated = await json('POST', '/v1/secrets/rotate', { body: { name: 'token', value: `${value}2` } });
    const listed = await json('GET', '/v1/secrets');
    expect([issued['token'], issued['expires_at']]).toEqual([`$SPIKE{ref:${String(issued['ref'])}}`, new Date(NOW_MS + 60_000).toISOString()]);
    expect(listed).toMatchObject({ secrets: [{ name: 'token', version: 2 }], references: [{ name: 'token' }] });
    expect(JSON.stringify([put, issued, rotated, listed])).not.toContain(value);
    expect(await json('POST', '/v1/secrets/remove', { body: { name: 'token' } })).toEqual({ name: 'token', removed: true });
  });

  it('are refused with the store\'s own code', async () => {
    expect(await refusal('POST', '/v1/secrets/issue', { body: { name: 'none', ttl_s: 60 } })).toEqual([404, 'unknown_secret']);
    expect(await refusal('POST', '/v1/secrets/put', { body: { name: 'x', owner: 'y', scope: 'z' } })).toEqual([400, 'member_missing']);
    expect(await refusal('POST', '/v1/secrets/issue', { body: { name: 'x', ttl_s: 'long' } })).toEqual([400, 'member_wrong']);
  });
});
