// The peers bench's figures: from rounds to rows, from rows to the tables of the terminal and the README.
import { median } from '../support/measure.mjs';

/** Below these a percentile is the luck of a few calls, and is not shown. */
const CALLS_MIN = { p99: 100, p999: 1000 };
/** A share of calls that could not be sent is said from here on. */
const UNSENT_SAID = 0.01;
/** Of a reason: what happened, and the first thing it said; the rest is on the terminal of the run. */
const WHY_LINES = 2;

/** The rows of a run, and what has none. */
export function summary(targets, left) {
  const floor = targets.find(({ key }) => key === 'nginx');
  const rows = targets.map((target) => {
    const ratios = floor === undefined ? [] : target.rounds.map((round, i) => round.perSecond / floor.rounds[i].perSecond);
    const over = (of) => median(target.rounds.map(of));
    return {
      key: target.key, name: target.name, program: target.program, settings: target.settings, connections: target.connections, lacks: target.lacks, stopsKey: target.stopsKey,
      perSecond: over(({ perSecond }) => perSecond), ratio: ratios.length > 0 ? { median: median(ratios), lowest: Math.min(...ratios), highest: Math.max(...ratios) } : undefined,
      cpuUs: over(({ cpuUs }) => cpuUs), cpuUsLowest: Math.min(...target.rounds.map(({ cpuUs }) => cpuUs)), cpuUsHighest: Math.max(...target.rounds.map(({ cpuUs }) => cpuUs)),
      busy: over(({ busy }) => busy), p50Ms: over(({ p50Ms }) => p50Ms), p99Ms: over(({ p99Ms }) => p99Ms), half: target.half, residentMib: target.residentMib,
      calls: target.rounds.reduce((sum, { calls }) => sum + calls, 0), errors: target.rounds.reduce((sum, { errors }) => sum + errors, 0) + target.half.errors,
    };
  });
  return { rounds: targets[0]?.rounds.length ?? 0, rows, left };
}

/** The table of figures: titles, then one row for each target. */
export function peersTable({ rows }) {
  return [
    ['', 'calls/s', 'of nginx (range)', 'CPU µs a call (range)', 'of its core', 'connections', 'P50 / P99, ms', 'half load: P50 / P99 / P99.9, ms', 'RSS MiB', 'errors', 'stops a key'],
    ...rows.map(({ half, ...row }) => [
      row.name, whole(row.perSecond), ratioText(row.ratio), `${cpuText(row.cpuUs)} (${cpuText(row.cpuUsLowest)}–${cpuText(row.cpuUsHighest)})`, `${Math.round(row.busy * 100)} %`, String(row.connections), `${ms(row.p50Ms)} / ${ms(row.p99Ms)}`,
      `${ms(half.p50Ms)} / ${half.calls < CALLS_MIN.p99 ? '–' : ms(half.p99Ms)} / ${half.calls < CALLS_MIN.p999 ? '–' : ms(half.p999Ms)}`,
      whole(row.residentMib), whole(row.errors), row.stopsKey ? 'yes' : 'no',
    ]),
  ];
}

/** For the front page: what a call costs, and no more. */
export function peersShortTable({ rows }) {
  return [
    ['', 'calls/s on one core', 'CPU µs a call', 'stops a key in the arguments'],
    ...rows.map((row) => [row.name, whole(row.perSecond), cpuText(row.cpuUs), row.stopsKey ? 'yes' : 'no']),
  ];
}

/** Below the table: versions and settings, what each does not check, and what has no row. */
export function peersNotes({ body, answer, connections, seconds, rounds, openConnections, rows, left }) {
  const unsent = rows.filter(({ half }) => half.unsent > UNSENT_SAID * (half.calls + half.unsent)).map(({ name, half }) => `${name} ${Math.round((half.unsent / (half.calls + half.unsent)) * 100)} %`);
  return [
    `Calls of ${whole(body)} B, answers of ${answer} B of text; ${rounds} rounds of ${seconds} s over ${connections} connections, or fewer where more would only slow a target down, or where a call takes milliseconds; half load over ${openConnections}.`,
    ...(unsent.length > 0 ? [`Due at half load, and not sent because no connection was free: ${unsent.join(', ')}; their percentiles are a little too low.`] : []),
    '',
    ...rows.map((row) => `- **${row.name}**${row.program === undefined ? '' : `, ${row.program}`}: ${row.settings}.${row.lacks === undefined ? '' : ` Does not check: ${row.lacks}.`}`),
    ...left.map(({ name, why }) => `- **${name}** has no row: ${why.split('\n', WHY_LINES).join(' ')}`),
  ];
}

/** The same for a terminal. */
export function printReport(result) {
  const table = peersTable(result);
  const widths = table[0].map((_title, column) => Math.max(...table.map((row) => row[column].length)));
  for (const row of table) process.stdout.write(`${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('  ')}\n`);
  process.stdout.write(`\n${peersNotes(result).join('\n')}\n`);
}

function whole(number) {
  return Math.round(number).toLocaleString('en-US');
}

function cpuText(us) {
  return us < 100 ? us.toFixed(1) : whole(us);
}

function ms(value) {
  return value < 100 ? value.toFixed(2) : whole(value);
}

function ratioText(ratio) {
  if (ratio === undefined) return '–';
  const digits = ratio.median < 0.1 ? 4 : 2;
  return `${ratio.median.toFixed(digits)} (${ratio.lowest.toFixed(digits)}–${ratio.highest.toFixed(digits)})`;
}
