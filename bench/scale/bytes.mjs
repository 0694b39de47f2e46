// The bytes bench: what a KiB of a call's body costs from 1 KiB to 10 MiB, in all threads; and small calls beside four of the largest at once.
//   node bench/scale/bytes.mjs [--kinds words,code,base64,rows,beyond] [--rounds 5] [--save bytes]
// Needs npm run build and nginx. Sizes and kinds alternate within each round; the figures are medians over the rounds.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startLoad } from '../support/counted-load.mjs';
import { cpuUs, median } from '../support/measure.mjs';
import { curveSvg } from '../support/curve-svg.mjs';
import { callBody, callHead, KINDS } from '../support/echo-call.mjs';
import { readOptions } from '../support/options.mjs';
import { saveResult } from '../support/results.mjs';
import { needPrograms, startGateway, startUpstream, withServers } from '../wire/servers.mjs';

const values = readOptions({ kinds: KINDS.join(','), rounds: 5, 'no-large': false, save: null, json: false });
const KIB = 1024;
const SIZES_KIB = [1, 16, 64, 256, 1024, 10 * KIB];
const JUDGED_FROM_KIB = 16;
const GATE = 2;
const ROUND_KIB = 48 * KIB; // of each size in a round, and at least CALLS_MIN
const WARM_KIB = 400 * KIB; // of each size before the first round
const WARM_POOLED = { kib: 320, calls: 10_000 }; // V8 goes on compiling the way through the scan pool for thousands of them: in one long run 1.3 ms a call become 1.0
const CALLS_MIN = 8;
const SETTLE_CALLS = 500; // before each measurement, and as many bytes as a round's at most: what the size before has left in caches and memory is not this one's
const CONNECTIONS_MAX = 32; // calls share wake-ups and commits, as under load
const TOGETHER_KIB_MAX = 40 * KIB; // they must fit one address's room
const CALLS_MAX = 3000;
const LARGE_AT_ONCE = 4;
const RAISED_RISK = 'medium';
const SMALL_EVERY_MS = 10;
const SMALL_CALLS = 150;

needPrograms('nginx');
const callsOf = (kib, ofKib = ROUND_KIB) => Math.min(CALLS_MAX, Math.max(CALLS_MIN, Math.round(ofKib / kib)));

await withServers(async (start, dir) => {
  const upstream = await start(startUpstream(dir, undefined, 350));
  const gateway = await start(startGateway(dir, undefined, upstream.port, { front: { shed_after_ms: 0 } })); // others on the machine make it late, too
  const [load, small] = [await start(startLoad()), await start(startLoad())];
  const head = callHead(gateway.port);
  const rounds = await measureSizes(gateway, load, head);
  const beside = values['no-large'] ? [] : await measureBeside(gateway, [load, small], values.kinds.split(','), '');
  if (!values['no-large']) {
    const risky = await start(startGateway(join(dir, 'risky'), undefined, upstream.port, { front: { shed_after_ms: 0 } }, raiseRisk));
    beside.push(...(await measureBeside(risky, [load, small], ['rows'], `, tool of ${RAISED_RISK} risk`)));
    const ruled = await start(startGateway(join(dir, 'ruled'), undefined, upstream.port, { front: { shed_after_ms: 0 } }, ruleByArguments));
    beside.push(...(await measureBeside(ruled, [load, small], ['words', 'rows'], ', policy that reads arguments')));
  }
  report(rounds, beside);
});

/** µs of CPU a call, by kind and size. */
async function measureSizes(gateway, load, head) {
  const cases = values.kinds.split(',').flatMap((kind) => SIZES_KIB.map((kib) => ({ kind, kib, body: callBody(kib * KIB, kind), cpuUs: [] })));
  must200(await load.send({ port: gateway.port, head, body: callBody(WARM_POOLED.kib * KIB, KINDS[0]), connections: CONNECTIONS_MAX, calls: WARM_POOLED.calls }));
  for (let round = -1; round < values.rounds; round++) {
    for (const one of cases) {
      const calls = callsOf(one.kib, round < 0 ? WARM_KIB : ROUND_KIB);
      const connections = Math.min(CONNECTIONS_MAX, Math.max(1, Math.floor(TOGETHER_KIB_MAX / one.kib)));
      must200(await load.send({ port: gateway.port, head, body: one.body, connections, calls: Math.min(SETTLE_CALLS, callsOf(one.kib)) }));
      const before = cpuUs(gateway.pid);
      must200(await load.send({ port: gateway.port, connections, calls }));
      if (round >= 0) one.cpuUs.push((cpuUs(gateway.pid) - before) / calls);
    }
    process.stderr.write(round < 0 ? 'warm\n' : `round ${round + 1}/${values.rounds}\n`);
  }
  return cases.map(({ kind, kib, cpuUs }) => ({ kind, kib, cpuUs: median(cpuUs), lowest: Math.min(...cpuUs), highest: Math.max(...cpuUs) }));
}

/** From this on the arguments are read for destinations as well. */
function raiseRisk(project) {
  const file = join(project, 'config', 'capability-registry-v2.yaml');
  const registry = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...registry, tools: registry.tools.map((tool) => ({ ...tool, risk_level: RAISED_RISK })) }));
}

/** From this on a decision takes all arguments. */
function ruleByArguments(project) {
  const file = join(project, 'config', 'opa', 'policies', 'bench.rego');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/\n\}/, '\n\tcount(object.keys(input.arguments)) > 0\n}'));
}

/** Small calls at low load, alone and beside four of the largest that are sent again and again; alternating. */
async function measureBeside(gateway, [load, small], kinds, which) {
  const found = [];
  const head = callHead(gateway.port);
  const sendSmall = async () => must200(await small.send({ port: gateway.port, head, body: callBody(KIB), calls: SMALL_CALLS, everyMs: SMALL_EVERY_MS }));
  for (const kind of kinds) {
    const sendLarge = async (body) => must200(await load.send({ port: gateway.port, head, body, connections: LARGE_AT_ONCE, calls: 2 * LARGE_AT_ONCE })).latenciesMs.length;
    await sendLarge(callBody(SIZES_KIB.at(-1) * KIB, kind));
    const ratios = [];
    for (let round = 0; round < values.rounds; round++) {
      const alone = await sendSmall();
      const stop = new AbortController();
      const large = (async () => {
        let answered = 0;
        while (!stop.signal.aborted) answered += await sendLarge();
        return answered;
      })();
      large.catch(() => undefined); // it is awaited below
      const together = await sendSmall();
      stop.abort();
      ratios.push({ aloneMs: at(alone, 0.5), besideMs: at(together, 0.5), besideP99Ms: at(together, 0.99), large: await large });
    }
    const pick = (key) => median(ratios.map((one) => one[key]));
    const all = ratios.map((one) => one.besideMs / one.aloneMs);
    found.push({ kind: `${kind}${which}`, aloneMs: pick('aloneMs'), besideMs: pick('besideMs'), besideP99Ms: pick('besideP99Ms'), ratio: median(all), lowest: Math.min(...all), highest: Math.max(...all) });
    process.stderr.write(`small calls beside large ones (${kind}${which}): ${JSON.stringify(found.at(-1))}\n`);
  }
  return found;
}

function at({ latenciesMs }, share) {
  return latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(latenciesMs.length * share))];
}

function must200(found) {
  if (Object.keys(found.wrong).length > 0) throw new Error(`not all calls were answered 200: ${JSON.stringify(found.wrong)}`);
  return found;
}

/** Of each size: what every KiB beyond the first costs. */
function perKib(rows, { kind, kib, cpuUs }) {
  const smallest = rows.find((row) => row.kind === kind && row.kib === SIZES_KIB[0]);
  return kib === SIZES_KIB[0] ? undefined : (cpuUs - smallest.cpuUs) / (kib - smallest.kib);
}

function report(measured, beside) {
  const rows = measured.map((row) => ({ ...row, perKibUs: perKib(measured, row) }));
  const spread = values.kinds.split(',').map((kind) => {
    const judged = rows.filter((row) => row.kind === kind && row.kib >= JUDGED_FROM_KIB).map((row) => row.perKibUs);
    return { kind, ratio: Math.max(...judged) / Math.min(...judged) };
  });
  const result = { bench: 'bytes', rows, spread, beside };
  if (values.save !== undefined) saveResult(values.save, result, draw(rows));
  if (values.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  process.stdout.write('\nkind       KiB    CPU µs a call   (range)              µs for each KiB beyond the first\n');
  for (const row of rows) process.stdout.write(`${row.kind.padEnd(7)}${String(row.kib).padStart(7)}${row.cpuUs.toFixed(0).padStart(16)}   ${`${row.lowest.toFixed(0)}–${row.highest.toFixed(0)}`.padEnd(18)}${(row.perKibUs?.toFixed(2) ?? '').padStart(12)}\n`);
  for (const { kind, ratio } of spread) process.stdout.write(`${kind}: the dearest KiB from ${JUDGED_FROM_KIB} KiB on costs ${ratio.toFixed(2)} × the cheapest (gate ${GATE})\n`);
  for (const one of beside) process.stdout.write(`${one.kind}: P50 of small calls ${one.aloneMs.toFixed(2)} ms alone, ${one.besideMs.toFixed(2)} ms beside ${LARGE_AT_ONCE} of 10 MiB: ${one.ratio.toFixed(2)} × (${one.lowest.toFixed(2)}–${one.highest.toFixed(2)}; gate 3), P99 ${one.besideP99Ms.toFixed(1)} ms\n`);
}

function draw(rows) {
  const sizes = SIZES_KIB.slice(1);
  const series = (of) => values.kinds.split(',').map((kind) => ({ name: kind, points: rows.filter((row) => row.kind === kind && row.kib > 1).map((row) => [Math.log2(row.kib), of(row)]) }));
  return curveSvg({ title: 'What a KiB of a body costs', xTitle: 'KiB of the body, as a power of two (4 = 16 KiB, 10 = 1 MiB)', ticks: sizes.map((kib) => Number(Math.log2(kib).toFixed(1))), panels: [
    { title: 'CPU of all threads for each KiB beyond the first', unit: 'µs', series: series((row) => row.perKibUs) },
  ] });
}
