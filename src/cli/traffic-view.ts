// One short line per request for who watches: who, what, how it was decided and by which layer, how long it took; and the sum of them.
import { ERRORS, isErrorCode } from '../base/errors/table.js';
import { paintDecision } from './audit-table.js';
import { duration, plural } from './printing.js';
import { numberOf, textOf, type JsonRecord } from './reading.js';
import { openTable, type Column, type OpenTable } from './table.js';
import type { Colors, Terminal } from './terminal.js';

const US_PER_MS = 1000;
const STATUS_REFUSED = 400;
const CODES_SHOWN_MAX = 8; // the rest is counted together

/** The parts of a record that a machine needs to watch; whole records are `agw audit tail --json`. */
export function trafficFacts(line: unknown): JsonRecord {
  const code = textOf(line, 'code');
  const row = isErrorCode(code) ? ERRORS[code] : undefined;
  return {
    time: textOf(line, 'timestamp'), caller: textOf(line, 'spiffe_id') || null, method: textOf(line, 'method') || null, tool: textOf(line, 'tool') || null, decision: textOf(line, 'decision'),
    code: code || null, step: row?.step ?? null, layer: row?.middleware ?? null, latency_us: numberOf(line, 'latency_us') ?? null, status: numberOf(line, 'status') ?? null,
    decision_id: textOf(line, 'decision_id'), requests: requestsOf(line),
  };
}

/** Unidentified requests share a line when they come in floods. */
function requestsOf(line: unknown): number {
  return numberOf(line, 'repeated') ?? 1;
}

interface TrafficColumn extends Column {
  readonly typical: number;
  /** Left out on a narrower terminal. */
  readonly from?: number;
  readonly cell: (facts: JsonRecord) => string;
}

/** All of them side by side, as far as each can be cut. */
const ALL_FROM_WIDTH = 77;
const COLUMNS: readonly TrafficColumn[] = [
  { title: 'TIME', typical: 12, cell: ({ time }) => clockTime(String(time)) },
  { title: 'CALLER', typical: 20, shrinks: true, keepsEnd: true, from: 50, cell: ({ caller }) => shortCaller(typeof caller === 'string' ? caller : '') },
  { title: 'METHOD', typical: 10, shrinks: true, from: ALL_FROM_WIDTH, cell: ({ method }) => String(method ?? '') },
  { title: 'TOOL', typical: 14, shrinks: true, cell: ({ tool }) => String(tool ?? '') },
  { title: 'DECISION', typical: 8, paint: (text, colors) => (text.startsWith('DENY') ? colors.red(text) : paintDecision(text, colors)), cell: ({ decision, requests }) => (requests === 1 ? String(decision) : `${String(decision)} ×${String(requests)}`) },
  { title: 'STEP', typical: 4, right: true, from: ALL_FROM_WIDTH, cell: ({ step }) => String(step ?? '') },
  { title: 'CODE', typical: 24, shrinks: true, paint: (text, colors) => colors.red(text), cell: ({ code }) => String(code ?? '') },
  { title: 'STATUS', typical: 6, right: true, paint: paintStatus, from: ALL_FROM_WIDTH, cell: ({ status }) => String(status ?? '') },
  { title: 'ms', typical: 7, right: true, from: 60, cell: ({ latency_us: us }) => (typeof us === 'number' ? (us / US_PER_MS).toFixed(1) : '') },
];

/** Its rows take all cells; columns begin as wide as those of the rows that are `known` need. */
export function trafficTable(terminal: Pick<Terminal, 'width' | 'colors'>, known: readonly (readonly string[])[] = []): OpenTable {
  const shown = COLUMNS.filter(({ from = 0 }) => terminal.width >= from);
  const cellsShown = (cells: readonly string[]): string[] => cells.filter((_, i) => shown.some((column) => column === COLUMNS[i]));
  const table = openTable(shown, shown.map(({ typical }) => typical), terminal, known.map(cellsShown));
  return { head: table.head, row: (cells) => table.row(cellsShown(cells)) };
}

export function trafficCells(line: unknown): string[] {
  const facts = trafficFacts(line);
  return COLUMNS.map(({ cell }) => cell(facts));
}

/** UTC, of today: who watches needs no date. */
function clockTime(iso: string): string {
  return /T(\d\d:\d\d:\d\d\.\d{3})/.exec(iso)?.[1] ?? iso;
}

/** Of a SPIFFE ID its last two parts: the agent and its environment. */
function shortCaller(spiffeId: string): string {
  return spiffeId === '' ? 'unidentified' : /[^/]+\/[^/]+$/.exec(spiffeId)?.[0] ?? spiffeId;
}

function paintStatus(text: string, colors: Colors): string {
  return Number(text) >= STATUS_REFUSED ? colors.yellow(text) : text;
}

/** Counts what was shown. */
export class TrafficSum {
  #allowed = 0;
  #denied = 0;
  #sumUs = 0;
  #maxUs = 0;
  #timed = 0;
  readonly #codes = new Map<string, number>();

  add(line: unknown): void {
    const requests = requestsOf(line);
    if (textOf(line, 'decision') === 'DENY') this.#denied += requests;
    else this.#allowed += requests;
    const code = textOf(line, 'code');
    if (isErrorCode(code)) this.#codes.set(code, (this.#codes.get(code) ?? 0) + requests); // a table of fixed size bounds this one
    const us = numberOf(line, 'latency_us');
    if (us === undefined) return;
    this.#timed += 1;
    this.#sumUs += us;
    this.#maxUs = Math.max(this.#maxUs, us);
  }

  /** `12 requests shown: 10 allowed, 2 denied; authz_policy_denied 2; 1.2 ms on average, 8.0 ms at most; followed for 8 s` */
  text(seconds: number | undefined): string {
    const codes = [...this.#codes].sort(([, a], [, b]) => b - a);
    const shown = codes.slice(0, CODES_SHOWN_MAX).map(([code, count]) => `${code} ${count}`);
    const left = codes.slice(CODES_SHOWN_MAX).reduce((total, [, count]) => total + count, 0);
    const why = [...shown, ...(left > 0 ? [`others ${left}`] : [])].join(', ');
    const times = this.#timed === 0 ? '' : `; ${ms(this.#sumUs / this.#timed)} on average, ${ms(this.#maxUs)} at most`;
    return `${plural(this.#allowed + this.#denied, 'request')} shown: ${this.#allowed} allowed, ${this.#denied} denied${why === '' ? '' : `; ${why}`}${times}${seconds === undefined ? '' : `; followed for ${duration(seconds)}`}`;
  }
}

function ms(us: number): string {
  return `${(us / US_PER_MS).toFixed(1)} ms`;
}
