// Which files become policy, in which order, and what an odd folder does.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readPolicyDirs, readPolicyTests } from '../../../../src/engines/policy/sources.js';
import { PolicyError } from '../../../../src/engines/policy/types.js';

let root = '';
beforeEach(() => { root = mkdtempSync(join(tmpdir(), 'policy-')); });
afterEach(() => { rmSync(root, { recursive: true, force: true }); });

function write(file: string, content: string | Buffer = `# ${file}`): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), content);
}
const names = (...dirs: string[]): string[] => readPolicyDirs(root, dirs).map((source) => source.file);

describe('policy folders', () => {
  it('are read recursively, in one order, tests apart', () => {
    for (const file of ['b/z.rego', 'b/a/deep/x.rego', 'b/a_test.rego', 'a/y.rego', 'a/readme.md', 'a/x.rego.bak', 'a/_test.rego', 'a/my_testing.rego']) write(file);
    expect(names('b', 'a')).toEqual(['a/my_testing.rego', 'a/y.rego', 'b/a/deep/x.rego', 'b/z.rego']);
    expect(readPolicyTests(root, ['b', 'a']).map((source) => source.file)).toEqual(['a/_test.rego', 'b/a_test.rego']);
    expect(readPolicyDirs(root, ['a'])[1]).toEqual({ file: 'a/y.rego', text: '# a/y.rego' });
  });

  it('count a file once, through whichever folder or link it is reached, and end at loops', () => {
    write('a/x.rego');
    symlinkSync('..', join(root, 'a/up'));
    symlinkSync('.', join(root, 'a/self'));
    symlinkSync('x.rego', join(root, 'a/y.rego'));
    mkdirSync(join(root, 'b'));
    symlinkSync('../a', join(root, 'b/a'));
    expect(names('a', 'b', 'a/self')).toHaveLength(1);
  });

  it('lose no policy whose other name is a test\'s, nor a test whose other name is a policy\'s', () => {
    write('a/z.rego');
    symlinkSync('z.rego', join(root, 'a/a_test.rego'));
    expect(names('a')).toEqual(['a/z.rego']);
    expect(readPolicyTests(root, ['a']).map(({ file }) => file)).toEqual(['a/a_test.rego']);
  });

  it('that do not exist are empty', () => {
    expect(names('nowhere')).toEqual([]);
  });

  it('that are files are refused by name', () => {
    write('a.rego');
    expect(() => names('a.rego')).toThrow(expect.objectContaining({ name: 'PolicyError', file: join(root, 'a.rego'), message: expect.stringContaining('is not a folder') as string }) as Error);
  });

  it('leave out hidden files', () => {
    for (const file of ['a/.x.rego', 'a/..data/x.rego', 'a/.git/x.rego']) write(file);
    expect(names('a')).toEqual([]);
  });

  it('refuse a file that is no UTF-8, and a link to nowhere, by name', () => {
    write('a/bad.rego', Buffer.from([0x70, 0xff, 0xfe]));
    expect(() => names('a')).toThrow(PolicyError);
    try { names('a'); } catch (fault) { expect(fault).toMatchObject({ file: 'a/bad.rego' }); }
    rmSync(join(root, 'a/bad.rego'));
    symlinkSync('gone.rego', join(root, 'a/link.rego'));
    expect(() => names('a')).toThrow(PolicyError);
  });

  it.skipIf(process.getuid?.() === 0)('refuse a file they may not read', () => {
    write('a/x.rego');
    chmodSync(join(root, 'a/x.rego'), 0);
    expect(() => names('a')).toThrow(PolicyError);
  });

  it('take a folder outside the project by its full path', () => {
    const outside = mkdtempSync(join(tmpdir(), 'policy-outside-'));
    try {
      writeFileSync(join(outside, 'x.rego'), 'package x');
      expect(names(outside)).toEqual([join(outside, 'x.rego')]);
    } finally {
      rmSync(outside, { recursive: true });
    }
  });
});
