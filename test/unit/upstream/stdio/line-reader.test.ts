// Lines of a process, however they are cut; the longest keep their ends.
import { describe, expect, it } from 'vitest';
import { LineReader } from '../../../../src/upstream/stdio/line-reader.js';

function linesOf(bytesMax: number, chunks: readonly string[], end = false): string[] {
  const lines: string[] = [];
  const reader = new LineReader(bytesMax, (line) => void lines.push(line.toString('utf8')));
  for (const chunk of chunks) reader.push(Buffer.from(chunk));
  if (end) reader.end();
  return lines;
}

describe('a line', () => {
  it.each([[['a\nb\n']], [['a', '\n', 'b\n']], [['a\r\nb\r\n']], [['\n\na\n\r\nb\n']]])('comes whole from %j', (chunks) => {
    expect(linesOf(100, chunks)).toEqual(['a', 'b']);
  });

  it('without an end comes only where the text ends', () => {
    expect([linesOf(100, ['a\nb']), linesOf(100, ['a\nb'], true)]).toEqual([['a'], ['a', 'b']]);
  });

  it('at the bound is whole; above it comes its beginning, one byte too many, and its end', () => {
    expect(linesOf(10, ['0123456789\n'])).toEqual(['0123456789']);
    expect(linesOf(10, ['0123456789a\n'])).toEqual(['0123456789a']);
    const text = `${'x'.repeat(5000)}THE END`;
    const cut = text.match(/.{1,7}/g) ?? [];
    for (const chunks of [[`${text}\nnext\n`], [...cut, '\nnext\n']]) {
      const [long = '', next] = linesOf(10, chunks);
      expect([long.slice(0, 11), long.length, long.endsWith('THE END'), next]).toEqual(['x'.repeat(11), 11 + 256, true, 'next']);
    }
  });
});
