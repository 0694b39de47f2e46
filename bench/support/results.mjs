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
  const run = { measured: new Date().toISOString().slice(0, 10), node: process.version, cpu: `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}`, command: ['node', ...argv.map((word) => word.replace(/^.*\/(?=(?:bench|test)\/)/, ''))].join(' ') };
  writeFileSync(join(RESULTS, `${name}.json`), `${JSON.stringify({ ...run, ...result }, undefined, 1)}\n`);
  if (svg !== undefined) writeFileSync(join(RESULTS, `${name}.svg`), svg);
}

const whole = (number) => Math.round(number).toLocaleString('en-US');
const percent = (share) => `${Math.round(share * 100)} %`;

/** Markdown rows of each bench: titles, then one row for each of the run's. */
const TABLES = {
  wire: ({ rows }) => [
    ['', 'calls/s', 'of nginx (range)', 'CPU µs a call, all threads', 'P50', 'P99'],
    ...rows.map((row) => [row.name, whole(row.perSecond), `${row.ratio.toFixed(2)} (${row.lowest.toFixed(2)}–${row.highest.toFixed(2)})`, row.cpuUs.toFixed(1), row.p50, row.p99]),
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
  policy: ({ rows }) => [
    ['rules', 'remembered', 'decided anew', 'first of a caller and tool', 'load'],
    ...rows.map((row) => [whole(row.rules), `${row.hitUs.toFixed(3)} µs`, `${row.missUs.toFixed(1)} µs`, `${whole(row.firstUs)} µs`, `${whole(row.loadMs)} ms`]),
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
