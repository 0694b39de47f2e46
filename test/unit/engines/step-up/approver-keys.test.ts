// Approver keys: sealed or open, whose files are trusted, and what a signature is for.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { generateKeyPairSync } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeNewFile } from '../../../../src/engines/step-up/approver-file.js';
import { createApprover, isDecisionSigned, listApprovers, loadPublicKeys, removeApprover, signDecision } from '../../../../src/engines/step-up/approver-keys.js';
import { decisionText } from '../../../../src/engines/step-up/decision-text.js';
import { StepUpFault } from '../../../../src/engines/step-up/fault.js';
import type { ApprovalRequest } from '../../../../src/engines/step-up/types.js';

const REQUEST: ApprovalRequest = {
  id: 'apr-1', caller: 'spiffe://poc.local/agents/mcp-client/my-agent/dev', tool: 'bash', toolHash: 'h', upstream: 'http://127.0.0.1:9191/mcp', argumentsDigest: 'd', mcpSession: undefined,
  createdMs: 1, expiresMs: 2, score: 8, state: 'pending', decidedBy: undefined, decidedMs: undefined, reason: undefined, argumentsPreview: '{}',
};
const PASSPHRASE = 'correct horse battery';

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof StepUpFault) {
      expect(`${error.message}${error.remedy}`).not.toContain(PASSPHRASE);
      return error.code;
    }
    throw error;
  }
  return 'no fault';
}

describe('approver keys', () => {
  let dir = '';
  beforeEach(() => void (dir = join(mkdtempSync(join(tmpdir(), 'approvers-')), 'approvers')));
  afterEach(() => rmSync(join(dir, '..'), { recursive: true }));

  it('leaves no half a file where the disk does not take all of it', () => {
    const path = join(dir, '..', 'half.key');
    expect(() => writeNewFile(path, undefined as unknown as string, 0o600)).toThrow();
    expect(existsSync(path)).toBe(false);
  });

  it('signs with a sealed key, given the passphrase only', () => {
    const approver = createApprover(dir, 'alice', PASSPHRASE, 'spiffe://poc.local/owner/alice');
    expect(readFileSync(join(dir, 'alice.key'), 'utf8')).toContain('BEGIN ENCRYPTED PRIVATE KEY');
    const signature = signDecision(dir, 'alice', PASSPHRASE, REQUEST, 'approve');
    expect(isDecisionSigned(approver, REQUEST, 'approve', signature)).toBe(true);
    expect(codeOf(() => signDecision(dir, 'alice', 'wrong passphrase', REQUEST, 'approve'))).toBe('wrong_passphrase');
    expect(codeOf(() => signDecision(dir, 'alice', undefined, REQUEST, 'approve'))).toBe('wrong_passphrase');
    expect(loadPublicKeys(dir).get('alice')).toMatchObject({ fingerprint: approver.fingerprint, spiffeId: 'spiffe://poc.local/owner/alice' });
  });

  it('signs with an open key that only its owner can read', () => {
    const approver = createApprover(dir, 'bob', undefined);
    expect([join(dir, 'bob.key'), join(dir, 'bob.pub')].map((path) => statSync(path).mode & 0o777)).toEqual([0o600, 0o644]);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(isDecisionSigned(approver, REQUEST, 'deny', signDecision(dir, 'bob', undefined, REQUEST, 'deny'))).toBe(true);
    expect(listApprovers(dir)).toEqual([{ name: 'bob', fingerprint: approver.fingerprint, spiffeId: undefined, hasKey: true, sealed: false, problem: undefined }]);
  });

  it('accepts a signature for this decision on this request only', () => {
    const alice = createApprover(dir, 'alice', undefined);
    const bob = createApprover(dir, 'bob', undefined);
    const signature = signDecision(dir, 'alice', undefined, REQUEST, 'approve');
    expect(isDecisionSigned(alice, REQUEST, 'deny', signature)).toBe(false);
    expect(isDecisionSigned(bob, REQUEST, 'approve', signature)).toBe(false);
    const changes: Partial<ApprovalRequest>[] = [{ id: 'apr-2' }, { caller: 'x' }, { tool: 'x' }, { toolHash: 'x' }, { upstream: 'x' }, { argumentsDigest: 'x' }, { mcpSession: 's' }, { mcpSession: '' }, { score: 9 }, { createdMs: 3 }, { expiresMs: 3 }];
    for (const change of changes) expect(isDecisionSigned(alice, { ...REQUEST, ...change }, 'approve', signature)).toBe(false);
    for (const bad of ['', 'x', `${signature} `, signature.replace('==', ''), Buffer.from(signature, 'base64').toString('hex'), `A${signature.slice(1)}`]) expect(isDecisionSigned(alice, REQUEST, 'approve', bad)).toBe(bad === signature);
  });

  it('gives fields no way to run into one another', () => {
    expect(decisionText({ ...REQUEST, tool: 'a","b', toolHash: 'c' }, 'approve')).not.toBe(decisionText({ ...REQUEST, tool: 'a', toolHash: 'b","c' }, 'approve'));
  });

  it('trusts no file that others can write, that is a link, or that is no Ed25519 public key', () => {
    createApprover(dir, 'good', undefined);
    const pub = readFileSync(join(dir, 'good.pub'), 'utf8');
    const write = (name: string, text: string): void => writeFileSync(join(dir, `${name}.pub`), text, { mode: 0o644 });
    write('loose', pub);
    chmodSync(join(dir, 'loose.pub'), 0o666);
    symlinkSync(join(dir, 'good.pub'), join(dir, 'link.pub'));
    write('empty', '');
    write('junk', 'x'.repeat(20_000));
    write('private', readFileSync(join(dir, 'good.key'), 'utf8'));
    write('rsa', generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ type: 'spki', format: 'pem' }).toString());
    write('badid', `spiffe_id: me\n${pub}`);
    write('Upper', pub);
    expect([...loadPublicKeys(dir).keys()]).toEqual(['good']);
    expect(listApprovers(dir).filter((one) => one.problem !== undefined).map((one) => one.name)).toEqual(['badid', 'empty', 'junk', 'link', 'loose', 'private', 'rsa']);
    chmodSync(join(dir, 'good.key'), 0o640);
    expect(codeOf(() => signDecision(dir, 'good', undefined, REQUEST, 'approve'))).toBe('approver_unsafe');
  });

  it('removes both halves, and can then make the approver anew', () => {
    createApprover(dir, 'alice', undefined);
    expect(codeOf(() => createApprover(dir, 'alice', undefined))).toBe('approver_exists');
    expect([removeApprover(dir, 'alice'), removeApprover(dir, 'alice'), loadPublicKeys(dir).size]).toEqual([true, false, 0]);
    expect(codeOf(() => signDecision(dir, 'alice', undefined, REQUEST, 'approve'))).toBe('unknown_approver');
    expect(codeOf(() => createApprover(dir, 'alice', undefined))).toBe('no fault');
  });

  it('leaves no half approver behind', () => {
    createApprover(dir, 'alice', undefined);
    rmSync(join(dir, 'alice.key'));
    expect(codeOf(() => createApprover(dir, 'alice', undefined))).toBe('approver_exists');
    expect(listApprovers(dir)[0]?.hasKey).toBe(false);
  });

  it.each(['', '../x', 'a/b', 'A', '.x', 'a b', 'x'.repeat(65), 'a\n'])('refuses the name %j', (name) => {
    expect([() => createApprover(dir, name, undefined), () => removeApprover(dir, name), () => signDecision(dir, name, undefined, REQUEST, 'approve')].map(codeOf)).toEqual(['invalid_input', 'invalid_input', 'invalid_input']);
  });

  it('refuses a short passphrase and an identity that is none', () => {
    expect(codeOf(() => createApprover(dir, 'a', 'short'))).toBe('invalid_input');
    expect(codeOf(() => createApprover(dir, 'a', undefined, 'me\nspiffe_id: x'))).toBe('invalid_input');
    expect(listApprovers(join(dir, 'nowhere'))).toEqual([]);
    expect(loadPublicKeys(join(dir, 'nowhere')).size).toBe(0);
  });
});
