// Measures the ratios that the baseline keeps, each with both its sides in the same moments of one run. More is better in all of them.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { KINDS } from '../support/echo-call.mjs';
import { cores, median, onCore } from '../support/measure.mjs';
import { wrk, wrkScript } from '../support/wrk.mjs';
import { startGateway, startProxy, startUpstream, withServers } from '../wire/servers.mjs';

const run = promisify(execFile);
const IN_PROCESS_ROUNDS = 4;
const CHAIN_MS = '1000';
const WIRE = { rounds: 8, seconds: 1, warmSeconds: 6, connections: 64 };
const fileOf = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

const scanName = (kind) => `scan: loop over 16 KiB of ${kind}`;

/** What each ratio is, for people. */
export const RATIOS = {
  'wire: allowed, of nginx': 'calls/s of allowed 1 KiB calls over nginx\'s as a plain proxy, one core',
  'wire: denied, of allowed': 'calls/s of calls refused at layer 5 over allowed ones',
  'wire: CPU, nginx over gateway': 'CPU µs a call of nginx over the gateway\'s, all threads',
  'chain: loop over a call': 'the calibrating loop over one allowed call in process, 13 layers and response firewall',
  'policy: loop over a remembered decision': 'the calibrating loop over a decision that the cache has, 1,000 rules',
  'policy: loop over a decision anew': 'the calibrating loop over a decision that no cache has, 1,000 rules',
  'audit: sha256 over a line': 'one sha256 of a line over making, handing over and sealing it, without the disk',
  ...Object.fromEntries(KINDS.map((kind) => [scanName(kind), `the calibrating loop over one scan of a 16 KiB call, shipped rules, its text: ${kind} (bench/support/echo-call.mjs)`])),
};

/** All ratios of one run, by the names of RATIOS. */
export async function measureRatios(say) {
  say('in process');
  const inner = await inProcess();
  say('on the wire');
  const wire = await onTheWire();
  return { ...wire, ...inner };
}

async function inProcess() {
  const rounds = [];
  for (let i = 0; i < IN_PROCESS_ROUNDS; i++) {
    const parts = await json(fileOf('check/in-process.mjs'));
    const chain = await json(fileOf('chain/run.mjs'), '--json', '--allowed', '--ms', CHAIN_MS);
    rounds.push({ ...parts, chain: parts.calibrateUs / chain.totals[0].us });
  }
  const of = (key) => median(rounds.map((round) => round[key]));
  return {
    'chain: loop over a call': of('chain'), 'policy: loop over a remembered decision': of('remembered'), 'policy: loop over a decision anew': of('decidedAnew'), 'audit: sha256 over a line': of('auditLine'),
    ...Object.fromEntries(KINDS.map((kind) => [scanName(kind), median(rounds.map(({ scans }) => scans[kind]))])),
  };
}

async function json(file, ...args) {
  const [command, ...rest] = onCore(cores.measured, [process.execPath, file, ...args]);
  return JSON.parse((await run(command, rest)).stdout);
}

function onTheWire() {
  return withServers(async (start, dir) => {
    const upstream = await start(startUpstream(dir, cores.load, 350));
    const nginx = await start(startProxy(dir, cores.measured, upstream.port));
    const gateway = await start(startGateway(dir, cores.measured, upstream.port));
    const scripts = { allowed: wrkScript(dir, 'allowed', { bytes: 1024 }), denied: wrkScript(dir, 'denied', { bytes: 1024, tool: 'not_registered' }) };
    const load = (target, script, seconds) => wrk(target, { script, connections: WIRE.connections, seconds });
    for (const script of Object.values(scripts)) await load(gateway, script, WIRE.warmSeconds);
    const rounds = [];
    for (let i = 0; i < WIRE.rounds; i++) {
      rounds.push({ nginx: await load(nginx, scripts.allowed, WIRE.seconds), allowed: await load(gateway, scripts.allowed, WIRE.seconds), denied: await load(gateway, scripts.denied, WIRE.seconds) });
    }
    if (rounds.some(({ allowed, denied }) => allowed.refused > 0 || denied.refused < 1)) throw new Error('the gateway refused allowed calls, or allowed those to be denied');
    const of = (ratio) => median(rounds.map(ratio));
    return {
      'wire: allowed, of nginx': of(({ nginx: plain, allowed }) => allowed.perSecond / plain.perSecond),
      'wire: denied, of allowed': of(({ allowed, denied }) => denied.perSecond / allowed.perSecond),
      'wire: CPU, nginx over gateway': of(({ nginx: plain, allowed }) => plain.cpuUs / allowed.cpuUs),
    };
  });
}
