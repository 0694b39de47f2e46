// Where a bench leaves its figures, and how the README shows them: the page is made from these files, never typed.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { peersNotes, peersShortTable, peersTable } from '../peers/report.mjs';

const RESULTS = fileURLToPath(new URL('../results', import.meta.url));

/** Keeps a run as `results/<name>.json`, and its picture beside it. */
export function saveResult(name, result, svg, argv = process.argv.slice(1)) {
  mkdirSync(RESULTS, { recursive: true });
  const words = argv.map((word) => word.replace(/^\/.*\/(?=(?:bench|test)\/)/, '').replace(/^\/.*\//, ''));
  const run = { measured: new Date().toISOString().slice(0, 10), node: process.version, cpu: `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}`, command: ['node', ...words].join(' ') };
  writeFileSync(join(RESULTS, `${name}.json`), `${JSON.stringify({ ...run, ...result }, undefined, 1)}\n`);
  if (svg !== undefined) writeFileSync(join(RESULTS, `${name}.svg`), svg);
}

const whole = (number) => Math.round(number).toLocaleString('en-US');
const besideOf = (beside, kind) => {
  const one = beside.find((measured) => measured.kind === kind);
  return one === undefined ? '' : `${one.ratio.toFixed(2)} (${one.lowest.toFixed(2)}–${one.highest.toFixed(2)})`;
};
const range = ({ median, lowest, highest }) => `${median.toFixed(2)} (${lowest.toFixed(2)}–${highest.toFixed(2)})`;
const wholeRange = ({ median, lowest, highest }) => `${whole(median)} (${whole(lowest)}–${whole(highest)})`;
const signed = (us) => `${us < 0 ? '−' : '+'}${Math.abs(us).toFixed(1)}`;
const caughtUp = ({ reading, stalled }) => [['who read all the time', reading], ['who stopped, and read on later', stalled]].map(([who, { complete, readers, closed }]) => [who, `${whole(complete)} of ${whole(readers)}`, whole(closed)]);
const percent = (share) => `${Math.round(share * 100)} %`;

/** Markdown rows of each bench: titles, then one row for each of the run's. */
const TABLES = {
  wire: ({ rows }) => [
    ['', 'calls/s', 'of nginx (range)', 'CPU µs a call, all threads', 'P50', 'P99'],
    ...rows.map((row) => [row.name, whole(row.perSecond), `${row.ratio.toFixed(2)} (${row.lowest.toFixed(2)}–${row.highest.toFixed(2)})`, row.cpuUs.toFixed(1), `${row.p50Ms.toFixed(2)} ms`, `${row.p99Ms.toFixed(2)} ms`]),
  ],
  matrix: ({ rows }) => [
    ['case', 'calls/s: nginx', 'gateway', 'of nginx: direct', 'bare proxy', 'gateway (range)', 'CPU µs a call: nginx', 'bare proxy', 'gateway', 'P50 ms: nginx', 'gateway', 'P99 ms: nginx', 'gateway'],
    ...rows.map(({ name, targets: { nginx, direct, bare, gateway } }) => [
      name, whole(nginx.perSecond), whole(gateway.perSecond), ...[direct, bare].map((one) => one?.ofNginx.median.toFixed(2) ?? ''), range(gateway.ofNginx), ...[nginx, bare, gateway].map((one) => one?.cpuUs.toFixed(1) ?? ''),
      ...[nginx.p50Ms, gateway.p50Ms, nginx.p99Ms, gateway.p99Ms].map((ms) => ms.toFixed(2)),
    ]),
  ],
  latency: ({ rows, datasync, ratios, stages, perSecond }) => [
    [`µs at ${whole(perSecond)} calls/s`, 'P50 (range)', 'P99', 'P99.9', 'adds to direct: P50 (range)', 'P99', 'P99.9', 'CPU a call'],
    ...rows.map(({ name, cpuUs, all, added }) => [name, wholeRange(all.p50), whole(all.p99.median), whole(all.p999.median), ...(name === 'direct' ? ['', '', ''] : [wholeRange(added.p50), whole(added.p99.median), whole(added.p999.median)]), cpuUs.median.toFixed(1)]),
    ['one append + fdatasync', wholeRange(datasync.p50), whole(datasync.p99.median), whole(datasync.p999.median), '', '', '', ''],
    ...ratios.map(({ name, aim, ...spread }) => [name, `${range(spread)}, aim ${aim}`, '', '', '', '', '', '']),
    ...stages.map(({ name, us }) => [`durable, its log: ${name}`, us.toFixed(1), '', '', '', '', '', '']),
  ],
  threads: ({ rows }) => [
    ['gateway threads', 'calls/s', 'of the first (range)', 'CPU µs a call', 'of the first (range)', 'P50', 'P99'],
    ...rows.map((row) => [row.threads, whole(row.perSecond), range(row.ofFirst), row.cpuUs.toFixed(1), range(row.cpuOfFirst), `${row.p50Ms.toFixed(2)} ms`, `${row.p99Ms.toFixed(2)} ms`]),
  ],
  chain: ({ totals, layers }) => [
    ['one call, hot', 'µs'],
    ...totals.map(({ name, us }) => [name, us.toFixed(1)]),
    ...layers.map(({ step, name, us }) => [`${step} ${name}`, us.toFixed(2)]),
  ],
  overload: ({ rows }) => [
    ['connections', 'load', 'admitted/s', 'per core s', 'P50', 'P99', 'shed'],
    ...rows.map((row) => [whole(row.connections), `${row.load}×`, whole(row.admittedPerSecond), whole(row.perCore), `${row.p50Ms.toFixed(1)} ms`, `${row.p99Ms.toFixed(1)} ms`, percent(row.share.shed)]),
  ],
  peers: peersTable,
  bytes: ({ rows, spread, beside }) => [
    ['body', ...spread.map(({ kind }) => `${kind}: CPU a call`), ...spread.map(({ kind }) => `${kind}: a KiB`)],
    ...[...new Set(rows.map(({ kib }) => kib))].map((kib) => {
      const these = spread.map(({ kind }) => rows.find((row) => row.kind === kind && row.kib === kib));
      return [`${whole(kib)} KiB`, ...these.map((row) => `${whole(row.cpuUs)} µs`), ...these.map((row) => (row.perKibUs === undefined ? '' : `${row.perKibUs.toFixed(1)} µs`))];
    }),
    ['dearest of cheapest KiB from 16 KiB on', ...spread.map(() => ''), ...spread.map(({ ratio }) => ratio.toFixed(2))],
    ...[['P50 of small calls beside four of 10 MiB, of alone (range)', ''], ['the same, where those call a tool of medium risk', ', tool of medium risk'], ['the same, where a policy reads the arguments', ', policy that reads arguments']].map(([what, which]) => [what, ...spread.map(() => ''), ...spread.map(({ kind }) => besideOf(beside, `${kind}${which}`))])
      .filter(([, ...cells]) => cells.some((cell) => cell !== '')), // a run may have left it out
  ],
  defaults: ({ rows, defaultUs }) => [
    ['what is changed', 'CPU µs a call', 'beside the defaults (middle half)', 'alone'],
    ['nothing', defaultUs.toFixed(1), '', ''],
    ...rows.map((row) => [row.what, row.cpuUs.toFixed(1), `${signed(row.moreUs)} (${signed(row.lowestUs)} to ${signed(row.highestUs)})`, `\`--only ${row.name}\``]),
  ],
  growth: ({ rows }) => [
    ['of what', 'how many', 'CPU µs a call (middle half)', 'of the smallest'],
    ...rows.map((row) => [row.what, whole(row.count), `${row.cpuUs.toFixed(1)} (${row.lowest.toFixed(1)}–${row.highest.toFixed(1)})`, row.ratio.toFixed(2)]),
  ],
  policy: ({ rows }) => [
    ['rules', 'remembered', 'decided anew', 'first of a caller and tool', 'load'],
    ...rows.map((row) => [whole(row.rules), `${row.hitUs.toFixed(3)} µs`, `${row.missUs.toFixed(1)} µs`, `${whole(row.firstUs)} µs`, `${whole(row.loadMs)} ms`]),
  ],
  websocket: ({ rows }) => [
    ['way', 'calls/s', 'of POST (range)', 'CPU µs a call', 'of POST (range)', 'P50', 'P99'],
    ...rows.map((row) => [row.name, whole(row.perSecond), range(row.ofPost), row.cpuUs.toFixed(1), range(row.cpuOfPost), `${row.p50Ms.toFixed(2)} ms`, `${row.p99Ms.toFixed(2)} ms`]),
  ],
  answers: ({ kind, connections, calls, bytes, found, kibEach, kibStalled }) => [
    [`${whole(connections)} connections (${kind}), one each`, `all ${whole(calls)} answers of ${whole(bytes)} B, once each`, 'closed'],
    ...caughtUp(found),
    ['memory of the gateway for each', `${kibEach.toFixed(1)} KiB open, ${kibStalled.toFixed(1)} KiB while half had stopped`, ''],
  ],
  streams: ({ kind, streams, followed, messages, bytes, found, kibPerStream, kibPerStalled }) => [
    [`${whole(streams)} streams (${kind}), ${whole(followed)} followed on the tool server`, `all ${whole(messages)} messages of ${whole(bytes)} B, in order`, 'closed'],
    ...caughtUp(found),
    ['memory of the gateway for each', `${kibPerStream.toFixed(1)} KiB open, ${kibPerStalled.toFixed(1)} KiB while half had stopped`, ''],
  ],
  memory: ({ rows, perThreadMib, sessions, tableMib, byCalls }) => [
    ['idle', 'private', 'with shared pages (RSS)'],
    ...rows.map((row) => [row.name, `${whole(row.privateMib)} MiB`, `${whole(row.rssMib)} MiB`]),
    ...(perThreadMib === null ? [] : [['each further thread', `${whole(perThreadMib)} MiB`, '']]),
    [`${whole(sessions)} sessions, the table of risk and taint`, `${whole(tableMib)} MiB`, ''],
    ...(byCalls === null ? [] : [[`${whole(byCalls.live)} sessions opened and used by real calls`, `${whole(byCalls.grownMib)} MiB`, '']]),
  ],
  'soak-memory': ({ minutes, reloads, calls, rows }) => [
    [`${minutes} minutes, ${whole(reloads)} reloads, ${whole(calls)} calls`, 'RSS, median', 'heap in use, least'],
    ...rows.map((row) => [row.quarter, `${whole(row.rssMib)} MiB`, `${whole(row.heapMib)} MiB`]),
  ],
  start: ({ rows }) => [
    ['', 'ready after (range)', 'of a bare Node', 'CPU', 'the very first'],
    ...rows.map((row) => [row.name, `${whole(row.ms)} ms (${whole(row.lowestMs)}–${whole(row.highestMs)})`, `${row.ratio.toFixed(2)}×`, `${whole(row.cpuMs)} ms`, row.firstMs === null ? '' : `${whole(row.firstMs)} ms`]),
  ],
};

/** What stands below a table, where the figures alone do not say it. */
const NOTES = { peers: peersNotes };

/** Of a run that the front page shows, too: fewer columns. */
const SHORT_TABLES = { peers: peersShortTable };

/** The README's block for `results/<name>.json`: a table, how it came about, and notes; `short` for the front page: the table alone. */
export function figuresOf(name, { short = false } = {}) {
  const result = JSON.parse(readFileSync(join(RESULTS, `${name}.json`), 'utf8'));
  const [titles, ...rows] = (short ? SHORT_TABLES : TABLES)[result.bench](result);
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const table = [line(titles), line(titles.map(() => '---')), ...rows.map(line)];
  if (short) return table.join('\n');
  const notes = NOTES[result.bench]?.(result) ?? [];
  return [...table, '', `\`${result.command}\`, ${result.measured}, Node ${result.node.slice(1)}, ${result.cpu}.`, ...(notes.length > 0 ? ['', ...notes] : [])].join('\n');
}
