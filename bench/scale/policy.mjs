// The policy growth curve: what a decision costs with 10 to 10,000 rules, each naming a caller and a tool; remembered, and decided anew.
//   node bench/scale/policy.mjs [--rules 10,100,1000,10000] [--save policy] [--json]
// Needs npm run build. The sizes alternate within one run; the ratio to the smallest is the figure to compare between machines.
import { systemClock } from '../../dist/base/clock/clock.js';
import { loadPolicySet } from '../../dist/engines/policy/policy-set.js';
import { curveSvg } from '../support/curve-svg.mjs';
import { median } from '../support/measure.mjs';
import { readOptions } from '../support/options.mjs';
import { saveResult } from '../support/results.mjs';

const values = readOptions({ rules: '10,100,1000,10000', save: null, json: false });
const SIZES = values.rules.split(',').map(Number);
const ROUNDS = 9;
const MISSES = 400; // a round's, with a set that remembers nothing
const HITS = 200_000;
const callerOf = (n) => `spiffe://poc.local/agents/mcp-client/agent-${n}/dev`;

function open(rules, cacheEntries) {
  const allow = Array.from({ length: rules }, (_, n) => `allow if {\n\tinput.caller_spiffe_id == "${callerOf(n)}"\n\tinput.tool_name == "tool_${n}"\n}\n`).join('\n');
  const began = performance.now();
  const set = loadPolicySet([{ file: 'many.rego', text: `package precinct.authz\n\nimport rego.v1\n\n${allow}` }], { cacheEntries, timeoutMs: 1000, sourceBytesMax: 64 * 1024 * 1024, clock: systemClock });
  return { rules, set, loadMs: performance.now() - began };
}

function factsOf(n) {
  return {
    callerSpiffeId: callerOf(n), toolName: `tool_${n}`, method: 'tools/call', server: 'http://127.0.0.1:9191/mcp', riskLevel: 'low', authMethod: 'header_declared', principal: { level: 3, role: 'agent', capabilities: ['read'] },
    stepUpApproved: false, argumentsJson: () => '{}', session: () => ({ id: 'caller', risk_score: 0, previous_actions: [], flags: [] }), timeNs: () => 0n,
  };
}

/** µs a decision. */
function timed(count, decide) {
  const began = process.hrtime.bigint();
  for (let i = 0; i < count; i++) decide(i);
  return Number(process.hrtime.bigint() - began) / 1000 / count;
}

const known = SIZES.map((rules) => open(rules, 1024));
const fresh = SIZES.map((rules) => open(rules, 0));
const rows = SIZES.map((rules, at) => ({ rules, loadMs: known[at].loadMs, hit: [], miss: [], first: [] }));
const same = factsOf(3);
for (let round = 0; round < ROUNDS; round++) {
  for (const [at, row] of rows.entries()) {
    const decided = fresh[at].set.decide(same);
    if (decided.kind !== 'allow') throw new Error(`${row.rules} rules: ${JSON.stringify(decided)}`);
    row.hit.push(timed(HITS, () => known[at].set.decide(same)));
    row.miss.push(timed(MISSES, () => fresh[at].set.decide(same)));
    // A caller and a tool nobody asked for yet: its rules are selected and compiled before they decide.
    row.first.push(timed(4, (i) => fresh[at].set.decide(factsOf((round * 4 + i + 4) % row.rules))));
  }
}
const results = rows.map(({ rules, loadMs, hit, miss, first }) => ({ rules, loadMs, hitUs: median(hit), missUs: median(miss), firstUs: median(first) }));
for (const { set } of [...known, ...fresh]) set.close();

const points = (key) => results.map((row) => [Math.log10(row.rules), row[key]]);
const svg = () => curveSvg({
  title: 'What a policy decision costs as rules grow', xTitle: 'rules, as a power of ten (1 = 10, 4 = 10,000)', ticks: results.map(({ rules }) => Math.log10(rules)),
  panels: [{ title: 'One decision', unit: 'µs (log)', log: true, series: [{ name: 'decided anew', points: points('missUs') }, { name: 'remembered', points: points('hitUs') }, { name: 'first of a caller and tool', points: points('firstUs') }] }],
});
const result = { bench: 'policy', rows: results };
if (values.save !== undefined) saveResult(values.save, result, svg());
if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
else {
  process.stdout.write('   rules   remembered µs   anew µs   of the smallest   first of a caller and tool µs   load ms\n');
  for (const row of results) {
    process.stdout.write(`${String(row.rules).padStart(8)}${row.hitUs.toFixed(3).padStart(16)}${row.missUs.toFixed(1).padStart(10)}${(row.missUs / results[0].missUs).toFixed(2).padStart(18)}${row.firstUs.toFixed(0).padStart(32)}${row.loadMs.toFixed(0).padStart(10)}\n`);
  }
}
