// The wire matrix: the gateway beside nginx, a bare proxy and no proxy at all, case by case: sizes, refusals, caches, rules, answers, connections.
//   node bench/wire/matrix.mjs --gitleaks FILE [--only 1k,denied5] [--rounds 4] [--seconds 1] [--save matrix] [--json]
// Everything that is measured runs on one core in turn, in alternating rounds of one run; load and tool server have the other.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { autocannon } from '../support/autocannon.mjs';
import { gitleaksRules, HOW_TO_GET_IT } from '../support/gitleaks-rules.mjs';
import { cores, median, spread } from '../support/measure.mjs';
import { readOptions } from '../support/options.mjs';
import { saveResult } from '../support/results.mjs';
import { toolCall, wrk, wrkScript } from '../support/wrk.mjs';
import { CASES, ownRules, prepare } from './cases.mjs';
import { needPrograms, startBareProxy, startGateway, startProxy, startUpstream, withServers } from './servers.mjs';

const values = readOptions({ rounds: 4, seconds: 1, only: null, gitleaks: null, save: null, json: false });
const [ROUNDS, SECONDS] = [values.rounds, values.seconds];
/** V8 compiles for a while, in threads that take from the same core. */
const WARM_SECONDS = 5;
const ANSWER_BYTES = 350;
const AUTOCANNON_SECONDS_MIN = 2; // it counts by whole seconds
const DLP = fileURLToPath(new URL('../../config/dlp', import.meta.url));
const wanted = values.only?.split(',');
const wants = (name) => wanted === undefined || wanted.includes(name);

needPrograms('nginx', 'wrk', 'taskset');
const unknown = (wanted ?? []).filter((name) => !CASES.some(({ only }) => only === name));
if (unknown.length > 0) {
  process.stderr.write(`no such case: ${unknown.join(', ')}. There are ${CASES.map(({ only }) => only).join(', ')}\n`);
  process.exit(2);
}

const rows = [];
const warmed = new WeakSet();
const gitleaks = readGitleaks();
for (const setting of new Set(CASES.map((one) => one.setting))) {
  const cases = CASES.filter((one) => one.setting === setting && wants(one.only) && (setting !== 'gitleaks' || gitleaks !== undefined));
  if (cases.length > 0) await withTargets(setting, async (targets, dir) => {
    for (const one of cases) rows.push(await measure(one, targets, dir));
  });
}
report();

/** Undefined when the case is not wanted, or there is no file to make the rules from: then it is left out, and said. */
function readGitleaks() {
  if (!wants('rules')) return undefined;
  if (values.gitleaks === undefined) {
    process.stderr.write(`left out: rules. ${HOW_TO_GET_IT}\n`);
    return undefined;
  }
  const found = gitleaksRules(values.gitleaks);
  return { ...found, all: found.count + ownRules(DLP, readdirSync(DLP)) };
}

function withTargets(setting, work) {
  return withServers(async (start, dir) => {
    const upstream = await start(startUpstream(dir, cores.load, ANSWER_BYTES, { sse: setting === 'sse' }));
    const nginx = await start(startProxy(dir, cores.measured, upstream.port));
    const bare = await start(startBareProxy(dir, cores.measured, upstream.port));
    const gateway = await start(startGateway(dir, cores.measured, upstream.port, {}, prepare(setting, gitleaks?.yaml)));
    await work({ nginx, direct: upstream, bare, gateway }, dir);
  });
}

async function measure(one, targets, dir) {
  const load = loader(one, targets, dir);
  for (const name of one.targets.filter((target) => target === 'bare' || target === 'gateway')) {
    await load(name, warmed.has(targets[name]) ? 1 : WARM_SECONDS);
    warmed.add(targets[name]);
  }
  const rounds = [];
  for (let i = 0; i < ROUNDS; i++) {
    const round = {};
    for (const name of one.targets) round[name] = await load(name, SECONDS);
    rounds.push(round);
  }
  const wrong = rounds.find(({ gateway }) => Math.abs(gateway.refused - one.refused) > 0.001);
  if (wrong !== undefined) throw new Error(`${one.name}: ${(wrong.gateway.refused * 100).toFixed(1)} % of the gateway's calls were refused`);
  const row = { name: one.name, only: one.only, bytes: one.bytes, connections: one.connections, targets: Object.fromEntries(one.targets.map((name) => [name, summary(name, rounds)])) };
  process.stderr.write(`${one.name.padEnd(28)} ${one.targets.map((name) => `${name} ${Math.round(row.targets[name].perSecond)}/s`).join(', ')}\n`);
  return row;
}

function summary(name, rounds) {
  const of = (key) => median(rounds.map((round) => round[name][key]));
  return { perSecond: of('perSecond'), ofNginx: spread(rounds.map((round) => round[name].perSecond / round.nginx.perSecond)), cpuUs: of('cpuUs'), p50Ms: of('p50Ms'), p99Ms: of('p99Ms') };
}

/** autocannon needs more CPU time for a call than what it measures does: its figures are its own as much as the gateway's. */
function loader({ only, by, bytes, call, connections, fresh }, targets, dir) {
  if (by === 'autocannon') return (name, seconds) => autocannon(targets[name], toolCall({ bytes, ...call }), { connections, seconds: Math.max(AUTOCANNON_SECONDS_MIN, seconds) });
  const script = wrkScript(dir, only, { bytes, ...call }, fresh);
  return (name, seconds) => wrk({ ...targets[name], name }, { script, connections, seconds });
}

function report() {
  const result = { bench: 'matrix', rounds: ROUNDS, seconds: SECONDS, rules: gitleaks?.all, rows };
  if (values.save !== undefined) saveResult(values.save, result);
  if (values.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  process.stdout.write(`\nwire matrix: ${ROUNDS} alternating rounds of ${SECONDS} s, one core for what is measured${gitleaks === undefined ? '' : `, ${gitleaks.all} rules in the case of that name`}\n`);
  process.stdout.write('case                         target    calls/s  of nginx (range)      CPU µs     P50 ms     P99 ms\n');
  for (const row of rows) for (const [name, one] of Object.entries(row.targets)) {
    const { median: middle, lowest, highest } = one.ofNginx;
    process.stdout.write(`${row.name.padEnd(28)} ${name.padEnd(8)}${String(Math.round(one.perSecond)).padStart(9)}  ${`${middle.toFixed(2)} (${lowest.toFixed(2)}–${highest.toFixed(2)})`.padEnd(18)}${one.cpuUs.toFixed(1).padStart(10)}${one.p50Ms.toFixed(2).padStart(11)}${one.p99Ms.toFixed(2).padStart(11)}\n`);
  }
}
