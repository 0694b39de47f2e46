// The CLI as a user who may not enter the state folder: it says so, and never that nothing is there.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const REPOSITORY = resolve(import.meta.dirname, '..', '..', '..');
const NOBODY = 65_534;

function mayBecomeAnother(): boolean {
  try {
    execFileSync(process.execPath, ['-e', ''], { uid: NOBODY, gid: NOBODY, cwd: '/', stdio: 'ignore' });
    execFileSync('test', ['-r', join(REPOSITORY, 'bin', 'agw')], { uid: NOBODY, gid: NOBODY, cwd: '/', stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!mayBecomeAnother())('agw for another user', () => {
  let root = '';
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'agw-another-'));
    chmodSync(root, 0o755);
    cpSync(join(REPOSITORY, 'config'), join(root, 'config'), { recursive: true });
    for (const folder of ['audit', 'approvers']) mkdirSync(join(root, '.precinct', folder), { recursive: true });
    chmodSync(join(root, '.precinct'), 0o700);
  });
  afterAll(() => rmSync(root, { recursive: true }));

  const agw = (...line: string[]): { code: number | null; out: string; err: string } => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(REPOSITORY, 'bin', 'agw'), ...line], { cwd: root, uid: NOBODY, gid: NOBODY, encoding: 'utf8' });
    return { code: status, out: stdout, err: stderr };
  };

  it.each([['status'], ['audit search'], ['audit verify'], ['inspect traffic'], ['approver add x'], ['approver list']])('%s may not', (line) => {
    const { code, out, err } = agw(...line.split(' '));
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/may not open|permission is denied/);
    expect(err).toContain('Run as the user');
  });

  it('a gateway does not start in a state folder it may not write, and says which', () => {
    const state = join(root, 'closed');
    mkdirSync(state, { recursive: true });
    const { status, stderr } = spawnSync(process.execPath, [join(REPOSITORY, 'dist', 'main.js')], { cwd: root, uid: NOBODY, gid: NOBODY, encoding: 'utf8', env: { ...process.env, AGW_STATE_DIR: state } });
    expect(status).toBe(1);
    expect(stderr).toContain(`${join(state, 'gateway.pid')}: can't open, permission is denied (EACCES). Run as`);
  });

  it('doctor says so instead of what it cannot see', () => {
    const { code, out } = agw('doctor');
    expect(code).toBe(1);
    expect(out).toMatch(/✗ gateway +you may not open/);
    expect(out).not.toMatch(/not there yet|is taken by|make up|none stored|key files/);
  });

  it('an agent\'s user is told to name the listener, and connects by the config file\'s address', () => {
    expect(agw('tools', 'call', 'echo')).toMatchObject({ code: 2, out: '', err: expect.stringContaining('--gateway http://host:port') as string });
    expect(agw('connect', 'cursor')).toMatchObject({ code: 0, out: expect.stringContaining('http://localhost:9090') as string, err: expect.stringContaining('may not ask the gateway') as string });
  });

  it('version does not say that none runs', () => {
    expect(agw('version').out).not.toContain('no gateway running');
  });
});
