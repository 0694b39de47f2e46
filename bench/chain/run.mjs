// The chain bench: one governed call in process, without sockets: what governing costs, layer by layer.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Bench } from 'tinybench';
import { createLane, LaneReceiver, LaneSender } from '../../dist/audit/lane.js';
import { Sampler } from '../../dist/chain/sampler.js';
import { requestLine } from '../../dist/audit/record.js';
import { createRequestLines } from '../../dist/audit/request-lines.js';
import { LAYER_NAMES } from '../../dist/base/errors/table.js';
import { parseGatewayConfig } from '../../dist/base/config/load.js';
import { systemClock } from '../../dist/base/clock/clock.js';
import { createIds } from '../../dist/base/ids/ids.js';
import { loadJsonGuard } from '../../dist/base/json/choose.js';
import { createAuthenticator } from '../../dist/engines/identity/authenticator.js';
import { createSecretFile } from '../../dist/engines/secrets/file-store.js';
import { createSentSecrets } from '../../dist/engines/secrets/sent-secrets.js';
import { parseChains } from '../../dist/engines/session-risk/chains.js';
import { createSessionRisk } from '../../dist/engines/session-risk/session-risk.js';
import { seedHash } from '../../dist/engines/registry/hashes.js';
import { buildGateway } from '../../dist/gateway.js';
import { buildSnapshot } from '../../dist/jobs/build-snapshot.js';
import { createSharedMemory, openSharedMemory } from '../../dist/threads/shared-memory.js';
import { AnswerMemory } from '../../dist/terminals/answer-memory.js';
import { createScanners } from '../../dist/threads/scanners.js';
import { bytesPerCall } from '../support/allocations.mjs';
import { readOptions } from '../support/options.mjs';
import { saveResult } from '../support/results.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const values = readOptions({ ms: 3000, body: 1024, json: false, allowed: false, allocations: false, save: null });
const CALLER = 'spiffe://poc.local/agents/mcp-client/bench/dev';
const URL_OF_TOOL = 'http://127.0.0.1:1/mcp';
const SCHEMA = '{"type":"object","properties":{"text":{"type":"string"}}}';
const dir = mkdtempSync(join(tmpdir(), 'precinct-chain-'));

const config = parseGatewayConfig(JSON.stringify({ profile: 'dev', rate_limit: { per_minute: 100_000_000, burst: 100_000_000 } }), 'gateway.yaml');
const scanners = createScanners(config, dir, undefined);
const first = buildSnapshot(sources(), undefined, { clock: systemClock, scannerFor: scanners.scannerFor });
const chains = parseChains(readFileSync(join(ROOT, 'config/session_chains.yaml'), 'utf8'), 'session_chains.yaml');
const sessionLimits = { ttlMs: 3_600_000, halfLifeMs: 900_000, riskDenyAt: 1, actionsKept: 50, sessionsMax: 1000 };
const answer = Buffer.from(`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"${'lorem ipsum '.repeat(29)}"}],"resultType":"complete"}}`);
const verified = { kind: 'verified', alg: 'seed', verifiedMs: Number.MAX_SAFE_INTEGER, changedMembers: [] };
const shared = openSharedMemory(createSharedMemory(config), 1);
const lane = createLane();
const [sender, receiver, requestLines] = [new LaneSender(lane), new LaneReceiver(lane), createRequestLines()];
const gateway = buildGateway({
  shared: { ...shared, thread: 0, evicted: () => undefined },
  answerMemory: new AnswerMemory(config.upstream.inflight_answer_bytes_max), sentSecrets: createSentSecrets(shared.sentSecrets), first, clock: systemClock, sampler: new Sampler(false, shared.traces), traced: () => undefined, ids: createIds(), version: 'bench', jsonGuard: loadJsonGuard(),
  // The log and the tool server are only the other ends of the chain here: the wire bench has the real ones.
  appender: { healthy: true, because: '', append: (_line, done) => done(undefined, undefined), appendRequest, close: async () => undefined },
  client: { send: (_request, sink) => {
    sink.onHead(200, { 'content-type': 'application/json' });
    sink.onData(answer);
    sink.onEnd();
    return { abort: () => undefined, pause: () => undefined, resume: () => undefined };
  }, close: async () => undefined },
  authenticator: createAuthenticator({ profile: 'dev', trustedPeers: [], jwtAudiences: [], trustIntermediates: false, cacheEntries: 1000 }),
  guard: { configured: false, classify: async () => ({ kind: 'unavailable', reason: 'none' }), close: async () => undefined },
  secrets: createSecretFile(join(dir, 'secrets.enc'), Buffer.alloc(32, 1)), sessionRisk: createSessionRisk(sessionLimits, chains, shared.risk),
  approvals: { reserveOrRequest: async () => ({ kind: 'denied', requestId: '', approver: '', reason: undefined }), recorded() {}, consume: async () => false, release: () => undefined },
  tools: { stateOf: () => verified, refresh: async () => undefined, presentable: (_tool, served) => served.text, upstream: (url) => ({ url, state: 'up', modern: true, capabilities: {}, instructions: undefined }) },
  argumentsKey: Buffer.alloc(32, 2), resourceMetadataUrl: 'http://127.0.0.1/', after: () => undefined, every: () => () => undefined,
  onFault: (layer, fault) => { throw new Error(`layer ${layer.name} failed`, { cause: fault }); }, onGatewayFault: (fault) => { throw fault; },
});

/** As the gateway's own appender sends a line, to a writer that keeps none. */
function appendRequest(facts, done) {
  const sent = (requestLines !== undefined && sender.sendRequest(requestLines, facts, false)) || sender.send(requestLine(facts), false);
  if (!sent) {
    receiver.refuse();
    receiver.publish();
    while (sender.take() !== undefined);
  }
  done(undefined, undefined);
}

const allowed = message('echo');
const denied = message('unknown_tool');
if (post(allowed) !== 200 || post(denied) !== 403) throw new Error('the bench\'s own calls are not decided as they should be');

if (values.allocations) process.stdout.write(`${JSON.stringify({ matcher: scanners.engine().engine, allowed: bytesPerCall(() => post(allowed)), denied: bytesPerCall(() => post(denied)) })}\n`);
else await time();
await scanners.close();
rmSync(dir, { recursive: true, force: true });

async function time() {
  const bench = new Bench({ time: values.ms, warmupTime: 1000 });
  bench.add('13 layers + response firewall, tools/call, allowed', () => post(allowed));
  if (!values.allowed) bench.add('refused at layer 5', () => post(denied));
  const before = gateway.report().chain;
  await bench.run();
  report(bench, before, gateway.report().chain);
}

function message(tool) {
  const head = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}},"name":"${tool}","arguments":{"text":"`;
  return { tool, bytes: Buffer.from(`${head}${'The quick brown fox jumps over the lazy dog. '.repeat(Math.ceil(values.body / 45)).slice(0, values.body - head.length - 5)}"}}}`) };
}

function post({ tool, bytes }) {
  let status = 0;
  const headers = { accept: 'application/json', contentType: 'application/json', mcpSessionId: '', mcpProtocolVersion: '2026-07-28', mcpMethod: 'tools/call', mcpName: tool, lastEventId: '', traceparent: '', tracestate: '', forwarded: [] };
  const evidence = { ip: '127.0.0.1', loopback: true, tls: false, certificatePem: '', authorization: '', declaredSpiffeId: CALLER, declaredAgent: '', declaredEnv: '' };
  gateway.handle(
    { httpMethod: 'POST', path: '/mcp', evidence, headers, body: bytes, retain: () => undefined, bodyTooLarge: false, bodyBytes: bytes.length, receivedUs: systemClock.nowUs() },
    { aborted: false, onAbort: () => undefined, send: (code) => { status = code; }, begin: () => undefined, write: () => true, onDrain: () => undefined, end: () => undefined, destroy: () => undefined },
  );
  return status;
}

function sources() {
  const file = (name) => ({ file: `config/${name}`, text: readFileSync(join(ROOT, 'config', name), 'utf8') });
  const hash = seedHash({ name: '"echo"', description: '"Return the given text"', inputSchema: SCHEMA });
  const rule = `package precinct.authz\n\nimport rego.v1\n\nallow if {\n\tinput.caller_spiffe_id == "${CALLER}"\n\tinput.tool_name == "echo"\n}\n`;
  return {
    version: 1, config, policies: [{ file: 'bench.rego', text: rule }], rules: readdirSync(join(ROOT, 'config/dlp')).sort().map((name) => file(`dlp/${name}`)),
    registry: { file: 'registry', text: JSON.stringify({ tools: [{ name: 'echo', description: 'Return the given text', upstream: URL_OF_TOOL, hash, risk_level: 'low', input_schema: JSON.parse(SCHEMA) }] }) },
    identities: { file: 'identities', text: JSON.stringify({ identities: [{ spiffe_id: CALLER }] }) },
    thresholds: file('risk_thresholds.yaml'), destinations: file('destinations.yaml'), chains: file('session_chains.yaml'),
  };
}

function report(done, from, to) {
  const layers = LAYER_NAMES.map((name, i) => {
    const calls = sum(to.layers[i].byVerdict.slice(1)) - sum(from.layers[i].byVerdict.slice(1));
    return { step: i + 1, name, us: calls === 0 ? 0 : (to.layers[i].sumUs - from.layers[i].sumUs) / calls };
  });
  const totals = done.tasks.map((task) => ({ name: task.name, us: (task.result.latency?.p50 ?? task.result.p50) * 1000 }));
  const result = { bench: 'chain', body: values.body, totals, layers };
  if (values.save !== undefined) saveResult(values.save, result);
  if (values.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  process.stdout.write(`chain: one ${values.body} B call in process, no sockets, ${scanners.engine().because}\n\n`);
  for (const { name, us } of totals) process.stdout.write(`${us.toFixed(1).padStart(8)} µs  ${name} (median)\n`);
  process.stdout.write('\nmean per layer, both kinds of call together\n');
  for (const { step, name, us } of layers) process.stdout.write(`${String(step).padStart(3)}  ${name.padEnd(22)} ${us.toFixed(2).padStart(7)} µs\n`);
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}
