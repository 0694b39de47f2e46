// In-process parts of the check: each beside a calibrating loop in the same slices of time, so that a slower moment slows both. Prints JSON.
// What is compared is the CPU time of this process: others on the machine take time, but not that.
import { createHash } from 'node:crypto';
import { CommitBuffer } from '../../dist/audit/commit-buffer.js';
import { CHAIN_START } from '../../dist/audit/chain-end.js';
import { createLane, LaneReceiver, LaneSender } from '../../dist/audit/lane.js';
import { requestLine } from '../../dist/audit/record.js';
import { createRequestLines } from '../../dist/audit/request-lines.js';
import { systemClock } from '../../dist/base/clock/clock.js';
import { loadPolicySet } from '../../dist/engines/policy/policy-set.js';
import { median } from '../support/measure.mjs';
import { scanTasks } from './scans.mjs';

const ROUNDS = 41;
const RULES = 1000;
const COMMIT_LINES = 16;
const COMMIT_BYTES_MAX = 1 << 20;
const CALLER = 'spiffe://poc.local/agents/mcp-client/agent-3/dev';

const facts = {
  callerSpiffeId: CALLER, toolName: 'tool_3', method: 'tools/call', server: 'http://127.0.0.1:9191/mcp', riskLevel: 'low', authMethod: 'header_declared', principal: { level: 3, role: 'agent', capabilities: ['read'] },
  stepUpApproved: false, argumentsJson: () => '{}', session: () => ({ id: 'caller', risk_score: 0, previous_actions: [], flags: [] }), timeNs: () => 0n,
};
const lineFacts = {
  decisionId: '0199c1a2-7b3c-7def-8abc-000000000001', traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7', sessionId: undefined, spiffeId: CALLER, server: facts.server, tool: 'tool_3', method: 'tools/call',
  argumentsDigest: 'a'.repeat(64), receivedUs: 1_767_225_600_000_000, decidedUs: 1_767_225_600_000_040, respondedUs: 1_767_225_600_000_900, authMethod: 'header_declared', principal: facts.principal, decision: 'ALLOW', code: undefined,
  layers: { verdicts: Array(13).fill(1), us: Array.from({ length: 13 }, (_, i) => i * 1.3), notes: [] }, riskScore: 0, status: 200, policyDigest: 'b'.repeat(64), registryDigest: 'c'.repeat(64), findings: [],
};
const rego = Array.from({ length: RULES }, (_, n) => `allow if {\n\tinput.caller_spiffe_id == "spiffe://poc.local/agents/mcp-client/agent-${n}/dev"\n\tinput.tool_name == "tool_${n}"\n}\n`).join('\n');
const policies = (cacheEntries) => loadPolicySet([{ file: 'many.rego', text: `package precinct.authz\n\nimport rego.v1\n\n${rego}` }], { cacheEntries, timeoutMs: 1000, sourceBytesMax: 1 << 26, clock: systemClock });
const [remembering, forgetting] = [policies(1024), policies(0)];
const line = Buffer.from(requestLine(lineFacts));
const json = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', arguments: { list: Array.from({ length: 30 }, (_, n) => ({ n, text: `item ${n}` })) } } });
const lane = createLane();
const [sender, receiver, lines, commit] = [new LaneSender(lane), new LaneReceiver(lane), createRequestLines(), new CommitBuffer()];
let kept = 0;

const hash = () => { kept += createHash('sha256').update(line).digest()[0]; };
const scans = scanTasks();
const tasks = {
  calibrate: { times: 600, run: () => { kept += JSON.stringify(JSON.parse(json)).length; } },
  hash: { times: 1200, run: hash },
  remembered: { times: 60_000, run: () => { kept += remembering.decide(facts).kind.length; } },
  decidedAnew: { times: 150, run: () => { kept += forgetting.decide(facts).kind.length; } },
  auditLines: { times: 80, run: commitLines }, // each sixteen lines
  ...scans,
};

/** A line as the gateway thread sends it and the writer seals it, without the disk. */
function commitLines() {
  for (let i = 0; i < COMMIT_LINES; i++) if (lines === undefined || !sender.sendRequest(lines, lineFacts, false)) sender.send(requestLine(lineFacts), false);
  commit.begin(CHAIN_START);
  receiver.sealInto(commit, COMMIT_BYTES_MAX);
  receiver.publish();
  while (sender.take() !== undefined) kept += 1;
}

/** CPU µs of one. */
function timed({ times, run }) {
  const before = process.cpuUsage();
  for (let i = 0; i < times; i++) run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / times;
}

const rounds = [];
for (let i = 0; i < ROUNDS + 4; i++) {
  const round = Object.fromEntries(Object.entries(tasks).map(([name, task]) => [name, timed(task)]));
  if (i >= 4) rounds.push(round); // the first ones run before V8 has compiled
}
const ratio = (over, under, by = 1) => median(rounds.map((round) => (round[over] / round[under]) * by));
process.stdout.write(JSON.stringify({
  remembered: ratio('calibrate', 'remembered'), decidedAnew: ratio('calibrate', 'decidedAnew'), auditLine: ratio('hash', 'auditLines', COMMIT_LINES), calibrateUs: median(rounds.map((round) => round.calibrate)),
  scans: Object.fromEntries(Object.keys(scans).map((kind) => [kind, ratio('calibrate', kind)])),
}));
if (Number.isNaN(kept)) process.exitCode = 1;
for (const set of [remembering, forgetting]) set.close();
