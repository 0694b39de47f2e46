// Audit lines as rows of a table: what search prints at once, and tail one by one. Events are the gateway's own and have other columns than calls.
import type { AuditRecord } from '../audit/types.js';
import { layersCompact, paintLayers } from './layers-view.js';
import { shownTime } from './printing.js';
import { member, recordOf, textOf } from './reading.js';
import { openTable, renderTable, type Column } from './table.js';
import type { Colors, Terminal } from './terminal.js';

interface Field {
  readonly column: Column;
  /** Columns a cell of it usually takes. */
  readonly typical: number;
  readonly cell: (line: unknown) => string;
}

/** Narrower terminals need the room for the caller. */
const ID_FROM_WIDTH = 120;
/** Below, even cut columns do not fit side by side: those that say how it was decided stay. */
const NARROW_BELOW_WIDTH = 64;
/** Two of a hundred thousand decisions may begin alike; explain names both then. */
const ID_SHOWN = 8;

const TIME: Field = { column: { title: 'TIME' }, typical: 24, cell: (line) => shownTime(textOf(line, 'timestamp')) };
const SHORT_ID: Field = { column: { title: 'ID' }, typical: ID_SHOWN, cell: (line) => textOf(line, 'decision_id').slice(0, ID_SHOWN) };
const CALL: readonly Field[] = [
  TIME,
  { column: { title: 'DECISION', paint: paintDecision }, typical: 8, cell: (line) => textOf(line, 'decision') || textOf(line, 'type') },
  { column: { title: 'CODE', shrinks: true }, typical: 19, cell: (line) => textOf(line, 'code') },
  { column: { title: 'TOOL', shrinks: true }, typical: 13, cell: (line) => textOf(line, 'tool') },
  { column: { title: 'METHOD' }, typical: 10, cell: (line) => textOf(line, 'method') },
  { column: { title: 'LAYERS 1–13', paint: paintLayers }, typical: 13, cell: (line) => (member(line, 'layers_traversed') === undefined ? '' : layersCompact(line)) },
  { column: { title: 'CALLER', shrinks: true, keepsEnd: true }, typical: 49, cell: (line) => textOf(line, 'spiffe_id') },
];
const NARROW_CALL: readonly Field[] = [{ ...TIME, typical: 8, cell: (line) => textOf(line, 'timestamp').slice(11, 19) }, ...CALL.slice(1, 4)];
const EVENT: readonly Field[] = [
  TIME,
  { column: { title: 'EVENT' }, typical: 20, cell: (line) => textOf(line, 'event') },
  { column: { title: 'DETAILS', shrinks: true }, typical: 40, cell: (line) => detailsText(member(line, 'details')) },
];
const WIDE_CALL: readonly Field[] = [plain('STATUS', 'status'), plain('µs', 'latency_us', true), plain('RISK', 'risk_score', true), plain('DECISION ID', 'decision_id')];
const WIDE: readonly Field[] = [plain('SEQ', 'seq', true), plain('HASH', 'hash')];

function plain(title: string, key: string, right = false): Field {
  return { column: { title, right }, typical: 0, cell: (line) => textOf(line, key) };
}

/** `type` is the one that was asked for; undefined = requests. */
export function recordTable(found: readonly AuditRecord[], type: string | undefined, wide: boolean, terminal: Pick<Terminal, 'width' | 'colors'>): string {
  const fields = wide ? [...base(type), ...(isEvent(type) ? [] : WIDE_CALL), ...WIDE] : fieldsFor(type, terminal.width);
  const rows = found.map(({ line }) => rowOf(fields, line));
  return renderTable(fields.map(({ column }) => column), rows, wide ? { ...terminal, width: Infinity } : terminal);
}

/** For lines that come one by one: the table's head, and what makes a row of a line. */
export function followedTable(type: string | undefined, terminal: Pick<Terminal, 'width' | 'colors'>): { readonly head: string; readonly row: (line: unknown) => string } {
  const fields = fieldsFor(type, terminal.width);
  const table = openTable(fields.map(({ column }) => column), fields.map(({ typical }) => typical), terminal);
  return { head: table.head, row: (line) => table.row(rowOf(fields, line)) };
}

function isEvent(type: string | undefined): boolean {
  return type === 'event';
}

function base(type: string | undefined): readonly Field[] {
  return isEvent(type) ? EVENT : CALL;
}

function fieldsFor(type: string | undefined, width: number): readonly Field[] {
  if (isEvent(type)) return EVENT;
  if (width < NARROW_BELOW_WIDTH) return NARROW_CALL;
  return width < ID_FROM_WIDTH ? CALL : [...CALL, SHORT_ID];
}

function rowOf(fields: readonly Field[], line: unknown): string[] {
  return fields.map(({ cell }) => cell(line));
}

/** `file=config/identities.yaml line=5 message="unknown key"` */
function detailsText(details: unknown): string {
  return Object.entries(recordOf(details)).map(([key, value]) => `${key}=${typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)}`).join(' ');
}

export function paintDecision(text: string, colors: Colors): string {
  if (text === 'ALLOW') return colors.green(text);
  return text === 'DENY' || text === 'unresolved' ? colors.red(text) : text;
}
