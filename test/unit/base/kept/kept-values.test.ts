// Kept values: found out once for the same texts and the same code, and again for whatever else.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestCode, keptOr } from '../../../../src/base/kept/kept-values.js';

let folder = '';
let code = '';
let made = 0;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kept-'));
  code = mkdtempSync(join(tmpdir(), 'code-'));
  writeFileSync(join(code, 'a.js'), 'one');
  made = 0;
});
afterEach(() => {
  for (const dir of [folder, code]) rmSync(dir, { recursive: true });
});

const ask = (...of: string[]): unknown => keptOr(folder, { kind: 'k', of, code: digestCode([pathToFileURL(code)]) }, () => ({ made: ++made, absent: undefined }));

describe('a kept value', () => {
  it('is found out once for the same texts', () => {
    expect([ask('a', 'b'), ask('a', 'b')]).toEqual([{ made: 1 }, { made: 1 }]);
    expect(Object.hasOwn(ask('a', 'b') as object, 'absent')).toBe(true);
  });

  it('is another for other texts, however they are divided', () => {
    expect([ask('a', 'b'), ask('ab'), ask('ab', '')]).toEqual([{ made: 1 }, { made: 2 }, { made: 3 }]);
  });

  it('does not outlive the code that found it out', () => {
    ask('a');
    writeFileSync(join(code, 'a.js'), 'two');
    expect(ask('a')).toEqual({ made: 2 });
    const ofFile = digestCode([pathToFileURL(join(code, 'a.js'))]);
    writeFileSync(join(code, 'a.js'), 'three');
    expect(digestCode([pathToFileURL(join(code, 'a.js'))])).not.toBe(ofFile);
  });

  it('that is torn or changed is found out again', () => {
    ask('a');
    const [name = ''] = readdirSync(folder);
    const bytes = readFileSync(join(folder, name));
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    for (const [turn, torn] of [bytes, bytes.subarray(0, 10), Buffer.alloc(0)].entries()) {
      writeFileSync(join(folder, name), torn);
      expect(ask('a')).toEqual({ made: turn + 2 });
    }
  });

  it('is not kept where finding out fails, or where there is no folder', () => {
    expect(() => keptOr(folder, { kind: 'k', of: ['x'], code: '' }, () => { throw new Error('no'); })).toThrow('no');
    keptOr(undefined, { kind: 'k', of: ['x'], code: '' }, () => 1);
    expect(readdirSync(folder)).toEqual([]);
  });
});
