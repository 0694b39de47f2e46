// Keys: who may be able to read them, and what is one.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SecretFault } from '../../../../src/engines/secrets/fault.js';
import { createSecretKeyFile, parseSecretKey, readSecretKeyFile } from '../../../../src/engines/secrets/key-file.js';

const KEY = Buffer.alloc(32, 7);

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof SecretFault) {
      expect(error.message).not.toContain(KEY.toString('base64').slice(0, 12));
      return error.code;
    }
    throw error;
  }
  return 'no fault';
}

describe('secret key files', () => {
  let dir = '';
  beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'keys-'))));
  afterEach(() => rmSync(dir, { recursive: true }));

  it('makes a key only its owner can read, once, and reads it back', () => {
    const path = join(dir, 'deep', 'secrets.key');
    const key = createSecretKeyFile(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readSecretKeyFile(path).equals(key)).toBe(true);
    expect(() => createSecretKeyFile(path)).toThrow();
    expect(readSecretKeyFile(path).equals(key)).toBe(true);
  });

  it.each([0o640, 0o604, 0o644, 0o610, 0o660, 0o777])('refuses mode %o', (mode) => {
    const path = join(dir, 'k');
    writeFileSync(path, KEY.toString('base64'));
    chmodSync(path, mode);
    expect(codeOf(() => readSecretKeyFile(path))).toBe('key_unsafe');
  });

  it('refuses a link, a folder, a pipe and nothing', () => {
    writeFileSync(join(dir, 'k'), KEY.toString('base64'), { mode: 0o600 });
    symlinkSync(join(dir, 'k'), join(dir, 'link'));
    mkdirSync(join(dir, 'folder'), { mode: 0o700 });
    execFileSync('mkfifo', ['-m', '600', join(dir, 'pipe')]);
    expect(['link', 'folder', 'pipe', 'none'].map((name) => codeOf(() => readSecretKeyFile(join(dir, name))))).toEqual(['key_unsafe', 'key_unsafe', 'key_unsafe', 'key_missing']);
  });

  it.runIf(process.getuid?.() === 0)('refuses another owner', () => {
    const path = join(dir, 'k');
    writeFileSync(path, KEY.toString('base64'), { mode: 0o600 });
    execFileSync('chown', ['65534', path]);
    expect(codeOf(() => readSecretKeyFile(path))).toBe('key_unsafe');
  });

  it.each(['', 'short', Buffer.alloc(31).toString('base64'), Buffer.alloc(33).toString('base64'), `${KEY.toString('base64')} x`, KEY.toString('hex'), `!${KEY.toString('base64')}`])('refuses the key %j', (text) => {
    expect(codeOf(() => parseSecretKey(text, 'AGW_KEY'))).toBe('key_malformed');
  });

  it('takes both alphabets of base64 and a line end', () => {
    const key = Buffer.alloc(32, 0xfb);
    expect(parseSecretKey(`${key.toString('base64')}\n`, 'x').equals(key)).toBe(true);
    expect(parseSecretKey(key.toString('base64url'), 'x').equals(key)).toBe(true);
  });
});
