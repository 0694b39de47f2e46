// The peers bench: this gateway beside its peers, nginx, the barest proxy and the tool server alone; one run, alternating rounds, one and the same core.
//   node bench/peers/run.mjs --rounds 8 --seconds 2 --connections 64 --body 1024 --save peers [--only precinct,nginx,vmcp]
import { generate } from '../support/generate.mjs';
import { cores } from '../support/measure.mjs';
import { readOptions } from '../support/options.mjs';
import { familyCpuMs, familyRssMib, untilQuiet } from '../support/process-cost.mjs';
import { saveResult } from '../support/results.mjs';
import { needPrograms, withServers } from '../wire/servers.mjs';
import { callBody, callHeaders, EXPECTED, openSession, probe, stopsKey } from './call.mjs';
import { FLOORS, GATEWAYS, startToolServer } from './floors.mjs';
import { installed } from './install.mjs';
import { printReport, summary } from './report.mjs';
import { PEERS, rowKey } from './table.mjs';
import { fullLoad, writeScript } from './wrk-load.mjs';

const values = readOptions({ rounds: 8, seconds: 2, connections: 64, body: 1024, only: null, save: null, json: false });
const [connections, seconds, bytes] = [values.connections, values.seconds, values.body];

const ANSWER_BYTES = 350;
const WARM_SECONDS = 3;
/** Who needs so long for a call gets few connections: with many, most of a round would be its first calls. */
const SLOW = { callMs: 5, connections: 8 };
/** At half load calls fall due in a beat of 1 ms: more connections than calls of one beat. */
const OPEN_CONNECTIONS = 64;
const OPEN = { seconds: 3, secondsMax: 10, calls: 500 };
const QUIET_MS_MAX = 5000;

needPrograms('nginx', 'wrk', 'taskset');

const [targets, left] = [[], []];
await withServers(async (keep, dir) => {
  const upstream = await keep(startToolServer(dir, cores.load, 'upstream', ANSWER_BYTES));
  for (const wanted of [...FLOORS, ...GATEWAYS, ...PEERS.map(ofPeer)].filter(({ key }) => values.only === undefined || values.only.split(',').includes(key))) await begin(keep, dir, wanted, upstream.port);
  for (const target of targets) {
    const { perSecond } = await load(target, WARM_SECONDS);
    if (1000 / perSecond > SLOW.callMs) target.connections = Math.min(SLOW.connections, connections);
  }
  for (let i = 0; i < values.rounds; i++) {
    for (const target of targets) target.rounds.push(await load(target, seconds));
    process.stderr.write(`round ${i + 1}/${values.rounds}: ${targets.map(({ key, rounds }) => `${key} ${Math.round(rounds.at(-1).perSecond)}/s`).join(', ')}\n`);
  }
  for (const target of targets) target.half = await halfLoad(target);
  for (const target of targets) {
    target.residentMib = familyRssMib(target.pid);
    target.stopsKey = await stopsKey(target, target.sessions[0]);
  }
  const result = { bench: 'peers', body: bytes, answer: ANSWER_BYTES, connections, seconds, openConnections: OPEN_CONNECTIONS, ...summary(targets, left) };
  if (values.save !== undefined) saveResult(values.save, result);
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else printReport(result);
});

/** A peer as something to start: it may give several targets, in the order of its rows. */
function ofPeer(peer) {
  return {
    key: peer.key, name: peer.package, rows: peer.targets.map((row, at) => ({ ...row, key: rowKey(peer, at), version: `${peer.package} ${peer.version} (${peer.language})` })),
    start: async (place) => {
      const home = installed(peer);
      if (home === undefined) throw new Error('not installed (node bench/peers/install.mjs)');
      return (await peer.load()).start({ ...place, home });
    },
  };
}

/** Starts one, opens its sessions, and asks it once: what does not answer rightly has no row, and the reason is kept. */
async function begin(keep, dir, { key, name, settings, rows = [{ key, name, settings }], start }, upstreamPort) {
  try {
    const started = [await start({ dir, core: cores.measured, upstreamPort, answerBytes: ANSWER_BYTES })].flat();
    await keep(started[0]);
    for (const [at, target] of started.entries()) {
      const { version: program, ...row } = rows[at];
      const whole = { ...target, ...row, program, rounds: [] };
      const sessions = await Promise.all(Array.from({ length: target.version === undefined ? 1 : connections }, () => (target.version === undefined ? undefined : openSession(whole))));
      await probe(whole, sessions[0], bytes);
      targets.push({ ...whole, sessions, connections: Math.min(target.connections ?? connections, connections), script: writeScript(dir, whole, sessions, bytes) });
    }
  } catch (error) {
    left.push({ name, why: error.message });
    process.stderr.write(`${name}: left out. ${error.message}\n`);
  }
}

async function load(target, loadSeconds) {
  const before = familyCpuMs(target.pid);
  const found = await fullLoad(target, { core: cores.load, script: target.script, connections: target.connections, seconds: loadSeconds });
  const spentMs = familyCpuMs(target.pid) - before;
  await untilQuiet(target.pid, QUIET_MS_MAX);
  const calls = Math.max(1, found.calls);
  return { perSecond: found.calls / (found.us / 1e6), cpuUs: (spentMs * 1000) / calls, busy: (spentMs * 1000) / found.us, p50Ms: found.p50Ms, p99Ms: found.p99Ms, calls: found.calls, errors: found.refused + found.broken + found.late };
}

/** Calls that fall due at half of the target's median rate, whether or not answers come. */
async function halfLoad(target) {
  const rates = target.rounds.map(({ perSecond }) => perSecond).sort((a, b) => a - b);
  const perSecond = Math.max(1, Math.round(rates[Math.floor(rates.length / 2)] / 2));
  const heads = target.sessions.map((session) => `POST ${target.path} HTTP/1.1\r\n${Object.entries({ Host: `127.0.0.1:${target.port}`, ...callHeaders(target, session) }).map(([name, value]) => `${name}: ${value}\r\n`).join('')}`);
  const openSeconds = Math.min(OPEN.secondsMax, Math.max(OPEN.seconds, OPEN.calls / perSecond));
  const before = familyCpuMs(target.pid);
  const found = await generate('open-load.mjs', { port: target.port, connections: OPEN_CONNECTIONS, perSecond, seconds: openSeconds, warmSeconds: 1, heads, body: callBody(target, bytes), expect: EXPECTED });
  await untilQuiet(target.pid, QUIET_MS_MAX);
  process.stderr.write(`${target.key} at ${perSecond}/s: P50 ${found.p50Ms.toFixed(2)} ms, P99 ${found.p99Ms.toFixed(2)} ms, ${((familyCpuMs(target.pid) - before) / 10 / (openSeconds + 1)).toFixed(0)} % of a core\n`);
  return { perSecond, calls: found.admitted, p50Ms: found.p50Ms, p99Ms: found.p99Ms, p999Ms: found.p999Ms, errors: found.other + found.shed + found.cut, unsent: found.unsent };
}
