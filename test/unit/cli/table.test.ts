// Tables: one line per row at any width, and no text from elsewhere that steers the terminal.
import fc from 'fast-check';
import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { cut, openTable, renderTable } from '../../../src/cli/table.js';
import { columnsOf, printable, printableJson, widthOf } from '../../../src/cli/terminal.js';

const colors = pc.createColors(false);
const COLUMNS = [{ title: 'NAME' }, { title: 'WHERE', shrinks: true }, { title: 'COUNT', right: true }];

describe('a table', () => {
  it('never is wider than the terminal and has one line per row', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), fc.string()), { maxLength: 5 }), fc.integer({ min: 40, max: 200 }), (rows, width) => {
        const lines = renderTable(COLUMNS, rows, { width, colors }).split('\n');
        expect(lines).toHaveLength(rows.length + 1);
        expect(Math.max(...lines.map(columnsOf))).toBeLessThanOrEqual(width);
      }),
    );
  });

  it('cuts the column that may shrink before any other', () => {
    const [, row = ''] = renderTable(COLUMNS, [['a-name-that-stays', 'http://127.0.0.1:9191/a/long/path/to/cut', '7']], { width: 50, colors }).split('\n');
    expect(row).toContain('a-name-that-stays');
    expect(row).toContain('…');
  });

  it('leaves a spare column out before the others can no longer be read, and never when piped', () => {
    const columns = [{ title: 'URL', shrinks: true }, { title: 'SINCE', spare: 2 }, { title: 'SERVER', spare: 1 }, { title: 'STATE' }];
    const rows = [['http://127.0.0.1:9191/a/long/path', '2026-11-30 05:31:36.648Z', 'precinct-demo 1.0', 'up']];
    const heads = [200, 60, 40, Infinity].map((width) => renderTable(columns, rows, { width, colors }).split('\n')[0]?.split(/ +/));
    expect(heads).toEqual([['URL', 'SINCE', 'SERVER', 'STATE'], ['URL', 'SERVER', 'STATE'], ['URL', 'STATE'], ['URL', 'SINCE', 'SERVER', 'STATE']]);
    expect(renderTable(columns, rows, { width: 60, colors })).not.toContain('2026');
  });

  it('cuts nothing when piped', () => {
    expect(renderTable(COLUMNS, [['x'.repeat(500), '', '']], { width: Infinity, colors })).toContain('x'.repeat(500));
  });

  it('is readable on a terminal that does not know its size', () => {
    expect([widthOf(0), widthOf(Number.NaN)].every((width) => width >= 120)).toBe(true);
    expect([widthOf(10), widthOf(97)]).toEqual([40, 97]);
  });

  it('counts wide characters as two columns', () => {
    expect(columnsOf('日本')).toBe(4);
    expect(columnsOf(cut('日本語', 4))).toBeLessThanOrEqual(4);
  });
});

describe('a table whose rows come one at a time', () => {
  const columns = [{ title: 'NAME' }, { title: 'WHERE', shrinks: true }];

  it('keeps its columns while cells are as wide as is typical, and grows with a longer one as far as there is room', () => {
    const table = openTable(columns, [6, 10], { width: 40, colors });
    expect(table.head).toBe('NAME    WHERE');
    expect(['bash', 'get_customer', 'echo'].map((name) => table.row([name, 'x']).indexOf('x'))).toEqual([8, 14, 14]);
  });

  it('never is wider than the terminal', () => {
    const table = openTable(columns, [6, 10], { width: 40, colors });
    for (const length of [1, 30, 300]) expect(columnsOf(table.row(['name', 'w'.repeat(length)]))).toBeLessThanOrEqual(40);
  });
});

describe('text from elsewhere', () => {
  it.each([
    ['an escape sequence', '\u001b[2J\u001b]0;x\u0007'],
    ['a line break', 'a\nALLOW'],
    ['a carriage return', 'DENY\rALLOW'],
    ['an override of direction', 'a\u202egnp.exe'],
    ['a zero width space', 'ba\u200bsh'],
    ['a C1 control', 'a\u009b31m'],
    ['tag characters', 'a\u{e0041}'],
  ])('shows %s instead of obeying it', (_, text) => {
    expect(printable(text)).not.toMatch(/[\p{Cc}\u200b\u202e\u{e0041}]/u);
  });

  it('keeps the meaning of JSON', () => {
    const value = { text: 'a\u202e\u009b\u200bb' };
    const shown = printableJson(JSON.stringify(value));
    expect(shown).not.toMatch(/[\u202e\u009b\u200b]/);
    expect(JSON.parse(shown)).toEqual(value);
  });
});
