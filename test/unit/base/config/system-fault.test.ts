// What the system refused, in a person's words.
import { describe, expect, it } from 'vitest';
import { describeSystemFault } from '../../../../src/base/config/system-fault.js';

const fault = (code: string, path?: string): Error => Object.assign(new Error(`${code}: said by node`), { code, syscall: 'open', ...(path === undefined ? {} : { path }) });

describe('a fault of the system', () => {
  it.each([['EACCES', 'permission is denied'], ['EROFS', 'read-only'], ['ENOSPC', 'the disk is full'], ['EMFILE', 'as many files open as it may']])('%s says what is the matter, where, and what to do', (code, words) => {
    const told = describeSystemFault(fault(code, '/state/gateway.pid'));
    expect(told?.message).toContain('/state/gateway.pid: ');
    expect(told?.message).toContain(words);
    expect(told?.message).toContain(code);
    expect(told?.remedy).not.toBe('');
  });

  it('does without a path, which node does not know of a write', () => {
    expect(describeSystemFault(fault('ENOSPC'))?.message).toBe('can\'t open: the disk is full (ENOSPC).');
  });

  it('says what is to be done where a native package was compiled for another Node', () => {
    const said = new Error('The module \'/here/re2.node\'\nwas compiled against a different Node.js version using\nNODE_MODULE_VERSION 115. This version of Node.js requires\nNODE_MODULE_VERSION 137. Please try re-compiling');
    expect(describeSystemFault(Object.assign(said, { code: 'ERR_DLOPEN_FAILED' }))).toEqual({ message: `/here/re2.node: built for another Node than this one, ${process.versions.node}.`, remedy: expect.stringContaining('make up') });
    expect(describeSystemFault(Object.assign(new Error('invalid ELF header'), { code: 'ERR_DLOPEN_FAILED' }))).toBeUndefined();
  });

  it('leaves others as they are', () => {
    expect([fault('ENOENT'), new Error('x'), 'x'].map((value) => describeSystemFault(value))).toEqual([undefined, undefined, undefined]);
  });
});
