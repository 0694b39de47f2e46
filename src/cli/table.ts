// Tables for people: one line per row, whatever the terminal's width. What doesn't fit is cut with an ellipsis, never wrapped.
import { columnsOf, printable, type Colors, type Terminal } from './terminal.js';

export interface Column {
  readonly title: string;
  /** Cut this one first; several are cut widest first. The rest keep their width. */
  readonly shrinks?: boolean;
  /** Left out where the terminal is too narrow for all; the highest number goes first. `--json` has all. */
  readonly spare?: number;
  readonly right?: boolean;
  /** Cut at the front: of a SPIFFE ID the end tells. */
  readonly keepsEnd?: boolean;
  /** Colours a cell after it was cut. */
  readonly paint?: (text: string, colors: Colors) => string;
}

const GAP = 2;
const CUT_WIDTH_MIN = 6;
/** What a column that may shrink needs to say something. */
const SHRUNK_WIDTH_MIN = 20;

/** `cells` are untrusted text; colours come from `paint` alone. */
export function renderTable(every: readonly Column[], rows: readonly (readonly string[])[], terminal: Pick<Terminal, 'width' | 'colors'>): string {
  const all = rows.map((row) => cellsOf(every, row));
  const kept = keptColumns(every, widest(every, all), terminal.width);
  const columns = kept.flatMap((i) => every[i] ?? []);
  const clean = all.map((row) => kept.map((i) => row[i] ?? ''));
  const widths = fitWidths(columns, widest(columns, clean), terminal.width);
  return [renderHead(columns, widths, terminal.colors), ...clean.map((row) => renderRow(columns, widths, row, terminal.colors))].join('\n');
}

/** A table whose rows come one at a time. */
export interface OpenTable {
  readonly head: string;
  row(cells: readonly string[]): string;
}

/** As wide as `typical` and the rows that are `known` say; a column grows with its longest cell so far, as far as the terminal has room. */
export function openTable(columns: readonly Column[], typical: readonly number[], terminal: Pick<Terminal, 'width' | 'colors'>, known: readonly (readonly string[])[] = []): OpenTable {
  let wanted = widest(columns, known.map((cells) => cellsOf(columns, cells))).map((width, i) => Math.max(width, typical[i] ?? 0));
  const fitted = (): number[] => fitWidths(columns, wanted, terminal.width);
  return {
    head: renderHead(columns, fitted(), terminal.colors),
    row(cells) {
      const clean = cellsOf(columns, cells);
      wanted = wanted.map((width, i) => Math.max(width, columnsOf(clean[i] ?? '')));
      return renderRow(columns, fitted(), clean, terminal.colors);
    },
  };
}

function cellsOf(columns: readonly Column[], row: readonly string[]): string[] {
  return columns.map((_, i) => printable(row[i] ?? ''));
}

function renderHead(columns: readonly Column[], widths: readonly number[], colors: Colors): string {
  return columns.map((column, i) => colors.bold(pad(cut(column.title, widths[i] ?? 0), widths[i] ?? 0, column.right))).join(' '.repeat(GAP)).trimEnd();
}

function renderRow(columns: readonly Column[], widths: readonly number[], cells: readonly string[], colors: Colors): string {
  return cells.map((text, i) => renderCell(text, widths[i] ?? 0, columns[i], colors)).join(' '.repeat(GAP)).trimEnd();
}

function renderCell(text: string, width: number, column: Column | undefined, colors: Colors): string {
  const short = column?.keepsEnd === true ? cutStart(text, width) : cut(text, width);
  const painted = column?.paint === undefined ? short : column.paint(short, colors);
  const space = ' '.repeat(Math.max(0, width - columnsOf(short)));
  return column?.right === true ? space + painted : painted + space;
}

function widest(columns: readonly Column[], rows: readonly (readonly string[])[]): number[] {
  return columns.map((column, i) => Math.max(columnsOf(column.title), ...rows.map((row) => columnsOf(row[i] ?? ''))));
}

/** Without spare columns, as far as the others would have to be cut for them. Those that may shrink do so first, as far as they still say something. */
function keptColumns(columns: readonly Column[], wanted: readonly number[], width: number): number[] {
  const kept = columns.map((_, i) => i);
  const needed = (i: number): number => Math.min(wanted[i] ?? 0, columns[i]?.shrinks === true ? SHRUNK_WIDTH_MIN : Infinity);
  for (;;) {
    const least = kept.reduce((sum, i) => sum + needed(i), 0) + GAP * (kept.length - 1);
    const spare = kept.filter((i) => columns[i]?.spare !== undefined).toSorted((a, b) => (columns[b]?.spare ?? 0) - (columns[a]?.spare ?? 0))[0];
    if (least <= width || spare === undefined) return kept;
    kept.splice(kept.indexOf(spare), 1);
  }
}

function fitWidths(columns: readonly Column[], wanted: readonly number[], width: number): number[] {
  const widths = [...wanted];
  const total = (): number => widths.reduce((sum, w) => sum + w, 0) + GAP * (columns.length - 1);
  const shrinkable = (i: number): boolean => columns[i]?.shrinks === true;
  shrink(widths, () => total() - width, shrinkable);
  // Still too wide: a narrow terminal. Then every column gives.
  shrink(widths, () => total() - width, () => true);
  return widths;
}

function shrink(widths: number[], excess: () => number, may: (index: number) => boolean): void {
  for (let over = excess(); over > 0; over = excess()) {
    const widest = widths.reduce((best, w, i) => (may(i) && w > CUT_WIDTH_MIN && (best < 0 || w > (widths[best] ?? 0)) ? i : best), -1);
    if (widest < 0) return;
    widths[widest] = Math.max(CUT_WIDTH_MIN, (widths[widest] ?? 0) - 1);
  }
}

export function cut(text: string, width: number): string {
  if (columnsOf(text) <= width) return text;
  let kept = '';
  for (const character of text) {
    if (columnsOf(kept + character) > width - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

function cutStart(text: string, width: number): string {
  return [...cut([...text].reverse().join(''), width)].reverse().join('');
}

function pad(text: string, width: number, right = false): string {
  const space = ' '.repeat(Math.max(0, width - columnsOf(text)));
  return right ? space + text : text + space;
}

/** `key  value` lines, keys aligned. */
export function renderFields(fields: readonly (readonly [string, string])[], colors: Colors): string {
  const width = Math.max(...fields.map(([key]) => columnsOf(key)));
  return fields.map(([key, value]) => `${colors.dim(pad(key, width))}  ${value}`).join('\n');
}
