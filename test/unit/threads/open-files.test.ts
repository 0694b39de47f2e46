// The limit of open files, as the kernel says it.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readOpenFilesMax } from '../../../src/threads/open-files.js';

describe.skipIf(!existsSync('/proc/self/limits'))('readOpenFilesMax (skipped where there is no /proc)', () => {
  it('is what a process was given', () => {
    const dir = mkdtempSync(join(tmpdir(), 'precinct-limits-'));
    try {
      const file = join(dir, 'limits');
      execFileSync('sh', ['-c', 'ulimit -n 77; cat /proc/self/limits > "$1"', 'sh', file]);
      expect(readOpenFilesMax(file)).toBe(77);
    } finally {
      rmSync(dir, { recursive: true });
    }
    expect(readOpenFilesMax()).toBeGreaterThan(0);
  });

  it('is unknown where the system does not say', () => {
    expect([readOpenFilesMax('/nowhere'), readOpenFilesMax(fileURLToPath(import.meta.url))]).toEqual([undefined, undefined]);
  });
});
