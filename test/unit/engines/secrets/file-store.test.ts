// The sealed file: what survives, what damage does, and two writers at once.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Database } from '../../../../src/base/sqlite/database.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeContent, type StoredSecret } from '../../../../src/engines/secrets/content.js';
import { SecretFault } from '../../../../src/engines/secrets/fault.js';
import { createSecretFile } from '../../../../src/engines/secrets/file-store.js';
import { formatReference } from '../../../../src/engines/secrets/reference.js';
import { seal } from '../../../../src/engines/secrets/sealed-file.js';
import { REFERENCE_PLACES } from '../../../../src/engines/secrets/substitute.js';

const CALLER = 'spiffe://poc.local/agents/mcp-client/my-agent/dev';
const KEY = Buffer.alloc(32, 9);
const VALUE = 'ghp_this-is-the-secret';
const NOW = 1_000_000;

describe('createSecretFile', () => {
  let dir = '';
  let path = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'secrets-'));
    path = join(dir, 'secrets.enc');
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const codeOf = (act: () => unknown): string => {
    try {
      act();
    } catch (error) {
      if (!(error instanceof SecretFault)) throw error;
      expect(`${error.message}${error.remedy}`).not.toContain(VALUE);
      return error.code;
    }
    return 'no fault';
  };
  it('writes no file that is too large to be read again', () => {
    const value = 'x'.repeat(64 * 1024);
    const secret = (name: string): readonly [string, StoredSecret] => [name, { name, owner: CALLER, scope: 's', version: 1, createdMs: NOW, value }];
    writeFileSync(path, seal(encodeContent({ secrets: new Map(Array.from({ length: 1020 }, (_, n) => secret(`s${n}`))), references: new Map() }), KEY));
    const store = createSecretFile(path, KEY);
    const put = (name: string): string => codeOf(() => store.put(name, CALLER, 's', value, NOW));
    expect([put('one-more'), put('too-much'), codeOf(() => store.rotate('s0', `${VALUE}${'\u0001'.repeat(50_000)}`, NOW))]).toEqual(['no fault', 'store_full', 'store_full']);
    expect(createSecretFile(path, KEY).list()).toHaveLength(1021);
    expect(readdirSync(dir).filter((name) => name.endsWith('.new'))).toEqual([]);
  });

  const redeem = (ref: string, nowMs = NOW, scope = 's', key = KEY): string => {
    const bytes = Buffer.from(JSON.stringify(formatReference(ref)));
    const result = createSecretFile(path, key).substitute(bytes, REFERENCE_PLACES.read(bytes, { from: 0, to: bytes.length }), CALLER, scope, nowMs);
    return result.kind === 'substituted' ? String(JSON.parse(Buffer.from(result.bytes).toString())) : result.kind === 'none' ? 'none' : result.code;
  };

  it('keeps secrets and references over a restart, and shows no value', () => {
    const store = createSecretFile(path, KEY);
    expect(store.put('github', CALLER, 's', VALUE, NOW)).toEqual({ name: 'github', owner: CALLER, scope: 's', version: 1, createdMs: NOW });
    const reference = store.issue('github', 60, NOW);
    expect(reference.ref).toMatch(/^[0-9a-f]{32}$/);
    expect(redeem(reference.ref)).toBe(VALUE);
    expect(redeem(reference.ref, NOW + 60_000)).toBe('token_expired');
    const again = createSecretFile(path, KEY);
    expect(JSON.stringify([again.list(), again.references()])).not.toContain(VALUE);
    expect(again.list()).toHaveLength(1);
    expect(again.references()).toEqual([reference]);
  });

  it('says that its lock cannot be written, and not that somebody has it', () => {
    writeFileSync(`${path}.lock`, 'no database '.repeat(100));
    expect(codeOf(() => createSecretFile(path, KEY).put('github', CALLER, 's', VALUE, NOW))).toBe('store_unwritable');
  });

  it('names a lock that is no file', () => {
    mkdirSync(`${path}.lock`);
    expect(codeOf(() => createSecretFile(path, KEY).put('github', CALLER, 's', VALUE, NOW))).toBe('store_unwritable');
  });

  it('rotates under the same references, and removes both', () => {
    const store = createSecretFile(path, KEY);
    store.put('github', CALLER, 's', VALUE, NOW);
    const { ref } = store.issue('github', 60, NOW);
    expect(store.rotate('github', 'next-value', NOW).version).toBe(2);
    expect(redeem(ref)).toBe('next-value');
    store.remove('github');
    expect(redeem(ref)).toBe('token_redemption_failed');
    expect([store.list(), store.references()]).toEqual([[], []]);
  });

  it('is seen by a store that was open before', () => {
    const reader = createSecretFile(path, KEY);
    expect(reader.list()).toEqual([]);
    createSecretFile(path, KEY).put('a', CALLER, 's', VALUE, NOW);
    expect(reader.list()).toHaveLength(1);
  });

  it('writes the value nowhere in clear, with a mode for its owner only, and never the same bytes twice', () => {
    const store = createSecretFile(path, KEY);
    store.put('github', CALLER, 's', VALUE, NOW);
    const first = readFileSync(path);
    store.rotate('github', VALUE, NOW);
    const second = readFileSync(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(first.subarray(18, 30).equals(second.subarray(18, 30))).toBe(false);
    for (const file of readdirSync(dir)) for (const clear of [VALUE, 'github', CALLER]) expect(readFileSync(join(dir, file)).includes(clear)).toBe(false);
  });

  it('refuses every use of a file with any byte flipped, cut anywhere, or sealed with another key', () => {
    const store = createSecretFile(path, KEY);
    store.put('github', CALLER, 's', VALUE, NOW);
    const { ref } = store.issue('github', 60, NOW);
    const good = readFileSync(path);
    expect(redeem(ref, NOW, 's', randomBytes(32))).toBe('token_redemption_failed');
    for (let at = 0; at < good.length; at += 1) {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] ?? 0) ^ 0x10;
      writeFileSync(path, at % 2 === 0 ? bad : good.subarray(0, at));
      expect(redeem(ref)).toBe('token_redemption_failed');
    }
    expect(createSecretFile(path, KEY).fault()?.code).toBe('store_damaged');
    expect(codeOf(() => createSecretFile(path, KEY).put('b', CALLER, 's', VALUE, NOW))).toBe('store_damaged');
    expect(codeOf(() => store.list())).toBe('store_damaged');
    writeFileSync(path, good);
    expect(redeem(ref)).toBe(VALUE);
    expect(createSecretFile(path, KEY).fault()).toBeUndefined();
  });

  it('takes nothing in without a key, and leaves no file', () => {
    expect(codeOf(() => createSecretFile(path, Buffer.alloc(0)).put('a', CALLER, 's', VALUE, NOW))).toBe('key_missing');
    expect(readdirSync(dir)).toEqual(['secrets.enc.lock']);
  });

  it('is not hindered by what a crash left beside it', () => {
    writeFileSync(`${path}.new`, 'half a file');
    const store = createSecretFile(path, KEY);
    store.put('github', CALLER, 's', VALUE, NOW);
    expect(store.list()).toHaveLength(1);
  });

  it('says that it is locked while another writer holds the lock', () => {
    const store = createSecretFile(path, KEY);
    store.put('a', CALLER, 's', VALUE, NOW);
    const other = new Database(`${path}.lock`);
    other.exec('BEGIN IMMEDIATE');
    try {
      expect(codeOf(() => store.rotate('a', 'other-value', NOW))).toBe('store_locked');
    } finally {
      other.close();
    }
    expect(store.rotate('a', 'other-value', NOW).version).toBe(2);
  });

  it('waits for another thread\'s change and loses neither', async () => {
    const store = createSecretFile(path, KEY);
    store.put('a', CALLER, 's', VALUE, NOW);
    const held = new Worker(`const { parentPort, workerData } = require('node:worker_threads'); const D = require(Number(process.versions.node.split('.')[0]) >= 22 ? 'better-sqlite3-node22' : 'better-sqlite3'); const d = new D(workerData); d.exec('BEGIN IMMEDIATE'); parentPort.postMessage('held'); setTimeout(() => { d.close(); }, 200);`, { eval: true, workerData: `${path}.lock` });
    await new Promise((resolve) => held.once('message', resolve));
    expect(store.rotate('a', 'other-value', NOW).version).toBe(2);
    await held.terminate();
  });

  it.each([
    ['', CALLER, 's', VALUE], ['../x', CALLER, 's', VALUE], ['a b', CALLER, 's', VALUE], ['a', 'me', 's', VALUE], ['a', 'spiffe://poc.local', 's', VALUE], ['a', CALLER, '', VALUE], ['a', CALLER, 'a,b', VALUE], ['a', CALLER, 'a}', VALUE], ['a', CALLER, 's', ''], ['a', CALLER, 's', 'abc'], ['a', CALLER, 's', 'x'.repeat(70_000)], ['a', CALLER, 's', 'abcd\ud800'],
  ])('refuses to put %j for %j with scope %j', (name, owner, scope, value) => {
    expect(codeOf(() => createSecretFile(path, KEY).put(name, owner, scope, value, NOW))).toBe('invalid_input');
  });

  it('refuses a second secret of one name, unknown names and senseless times', () => {
    const store = createSecretFile(path, KEY);
    store.put('a', CALLER, 's', VALUE, NOW);
    expect(codeOf(() => store.put('a', CALLER, 's', VALUE, NOW))).toBe('secret_exists');
    expect([() => store.issue('b', 60, NOW), () => store.rotate('b', VALUE, NOW), () => store.remove('b'), () => store.issue('__proto__', 60, NOW)].map(codeOf)).toEqual(['unknown_secret', 'unknown_secret', 'unknown_secret', 'invalid_input']);
    expect([0, -1, 1.5, NaN, Infinity, 1e12].map((ttl) => codeOf(() => store.issue('a', ttl, NOW)))).toEqual(Array.from({ length: 6 }, () => 'invalid_input'));
  });
});
