// Lines forwards and backwards agree with split('\n'), whatever the lengths are to the chunk.
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FileLine } from '../../../src/audit/lines.js';
import { linesBackward, linesForward } from '../../../src/audit/lines.js';

const CHUNK = 64 * 1024;
let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'precinct-lines-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function read(content: string): { readonly forward: FileLine[]; readonly backward: FileLine[] } {
  const path = join(dir, 'f');
  writeFileSync(path, content);
  const fd = openSync(path, 'r');
  try {
    return { forward: [...linesForward(fd, 0, content.length)], backward: [...linesBackward(fd, content.length)].reverse() };
  } finally {
    closeSync(fd);
  }
}

function expected(content: string): { offset: number; text: string; complete: boolean }[] {
  const parts = content.split('\n');
  let offset = 0;
  const lines = parts.map((text, i) => {
    const line = { offset, text, complete: i < parts.length - 1 };
    offset += text.length + 1;
    return line;
  });
  return lines.filter((line) => line.complete || line.text !== '');
}

const shown = (lines: readonly FileLine[]) => lines.map(({ offset, bytes, complete }) => ({ offset, text: bytes.toString('latin1'), complete }));

function compare(content: string): void {
  const { forward, backward } = read(content);
  const right = expected(content);
  expect(shown(forward)).toEqual(right);
  expect(shown(backward)).toEqual(right);
}

describe('lines of a file', () => {
  it.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK - 1, 200_000])('are right around a line of %i bytes', (length) => {
    const long = 'x'.repeat(length);
    for (const content of [long, `${long}\n`, `a\n${long}\nb\n`, `${long}\n${long}\ntorn`, `\n${long}\n\n`]) compare(content);
  });

  it('are right for any lengths', () => {
    const part = fc.oneof(fc.nat(40), fc.integer({ min: CHUNK - 3, max: CHUNK + 3 })).map((length) => 'y'.repeat(length));
    fc.assert(fc.property(fc.array(part, { maxLength: 8 }), fc.boolean(), (parts, ended) => compare(parts.join('\n') + (ended ? '\n' : ''))), { numRuns: 100 });
  });

  it('are read backwards a chunk at a time, not the whole file', () => {
    const path = join(dir, 'large');
    writeFileSync(path, `${'z'.repeat(99)}\n`.repeat(200_000));
    const fd = openSync(path, 'r');
    const first = linesBackward(fd, 20_000_000).next();
    closeSync(fd);
    expect((first.value as FileLine).offset).toBe(20_000_000 - 100);
    expect((first.value as FileLine).bytes.buffer.byteLength).toBeLessThanOrEqual(CHUNK);
  });
});
