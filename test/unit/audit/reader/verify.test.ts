// Every way to touch a log that the chain must show, with its place; and a log that is being written, which is not touched.
import { appendFileSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GENESIS_HASH, sealLine } from '../../../../src/audit/hash-chain.js';
import { AuditLogMissing } from '../../../../src/audit/reader/filter.js';
import { verifyAudit, verifyNewest } from '../../../../src/audit/reader/verify.js';
import { requestLine } from '../../../../src/audit/record.js';
import type { VerifyResult } from '../../../../src/audit/types.js';
import { requestFacts, scratchDir, sealedLog, type SealedLog } from '../line-fixture.js';

let scratch: ReturnType<typeof scratchDir>;
let log: SealedLog;
beforeEach(() => {
  scratch = scratchDir();
  log = sealedLog(scratch.dir);
});
afterEach(() => scratch.remove());

const IMPATIENT = { tries: 1, pauseMs: 1 };
const PATIENT = { tries: 2_000, pauseMs: 5 };
const requests = (...ids: string[]): string[] => ids.map((id) => requestLine(requestFacts(id)));
const verify = (): Promise<VerifyResult> => verifyAudit(scratch.dir, IMPATIENT);
const bytesOf = (lines: readonly string[], n: number): number => lines.slice(0, n).reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
const swap = <T>(items: readonly T[], i: number): T[] => [...items.slice(0, i), ...items.slice(i, i + 2).toReversed(), ...items.slice(i + 2)];

describe('a whole log', () => {
  it('is intact, over its files, to its last hash', async () => {
    log.write(requests('a', 'b'), 'audit-1.jsonl');
    log.write(requests('c'), 'audit-3.jsonl');
    log.write(requests('d', 'e'));
    expect(await verify()).toEqual({ kind: 'intact', lines: 5, files: 3, lastHash: log.hash });
  });

  it('may be empty, and may not be missing', async () => {
    expect(await verify()).toEqual({ kind: 'intact', lines: 0, files: 0, lastHash: GENESIS_HASH });
    rmSync(scratch.dir, { recursive: true });
    await expect(verify()).rejects.toThrow(AuditLogMissing);
  });
});

describe('a touched log', () => {
  let before: string[];
  beforeEach(() => {
    log.write(requests('a', 'b', 'c', 'ü', 'e', 'f'));
    before = readFileSync(log.path(), 'utf8').split('\n').slice(0, -1);
  });

  it('is found at the line with any flipped bit', async () => {
    const whole = readFileSync(log.path());
    await fc.assert(fc.asyncProperty(fc.nat(whole.length - 1), fc.constantFrom(0x01, 0x04, 0x20, 0x80), async (at, bit) => {
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ bit;
      writeFileSync(log.path(), flipped);
      const index = whole.subarray(0, at).toString('latin1').split('\n').length - 1;
      expect(await verify()).toMatchObject({ kind: 'broken', file: 'audit.jsonl', line: index + 1, byte: bytesOf(before, index) });
    }), { numRuns: 150 });
  });

  it('is found where a line was removed', async () => {
    for (let i = 0; i < 5; i++) {
      log.tamper(() => before.filter((_, n) => n !== i));
      expect(await verify()).toMatchObject({ kind: 'broken', problem: 'seq', line: i + 1, seq: i + 2, byte: bytesOf(before, i) });
    }
  });

  it('is found where two lines changed places', async () => {
    for (let i = 0; i < 5; i++) {
      log.tamper(() => swap(before, i));
      expect(await verify()).toMatchObject({ kind: 'broken', problem: 'seq', line: i + 1, seq: i + 2, byte: bytesOf(before, i) });
    }
  });

  it('is found where a line stands twice', async () => {
    for (let i = 0; i < 6; i++) {
      log.tamper(() => [...before.slice(0, i + 1), ...before.slice(i)]);
      expect(await verify()).toMatchObject({ kind: 'broken', problem: 'seq', line: i + 2, seq: i + 1, byte: bytesOf(before, i + 1) });
    }
  });

  it('is found behind a line that was changed and sealed anew', async () => {
    const { prev_hash: prevHash } = JSON.parse(before[2] ?? '') as { prev_hash: string };
    const forged = sealLine(requestLine(requestFacts('forged')), 3, prevHash).text;
    log.tamper(() => before.map((line, n) => (n === 2 ? forged : line)));
    expect(await verify()).toMatchObject({ problem: 'prev_hash', line: 4, seq: 4, byte: bytesOf([...before.slice(0, 2), forged], 3) });
  });

  it('is found where something was put in: an empty line, text, a line with another ending', async () => {
    for (const [i, foreign] of ['', 'x', '{}', '[]', `${before[3] ?? ''} `, `${before[3] ?? ''}\r`].entries()) {
      log.tamper(() => [...before.slice(0, 3), foreign, ...before.slice(3)]);
      expect(await verify(), String(i)).toMatchObject({ kind: 'broken', line: 4, byte: bytesOf(before, 3), problem: 'json' });
    }
  });

  it('is found when its beginning is gone', async () => {
    log.tamper(() => before.slice(1));
    expect(await verify()).toMatchObject({ problem: 'seq', line: 1, byte: 0, seq: 2 });
  });
});

describe('rotated files', () => {
  beforeEach(() => {
    log.write(requests('a', 'b'), 'audit-1.jsonl');
    log.write(requests('c', 'd'), 'audit-3.jsonl');
    log.write(requests('e'));
  });

  it('one of which is missing leave a gap at the next one\'s first line', async () => {
    rmSync(log.path('audit-3.jsonl'));
    expect(await verify()).toMatchObject({ problem: 'seq', file: 'audit.jsonl', line: 1, seq: 5 });
  });

  it('with exchanged names are found', async () => {
    renameSync(log.path('audit-1.jsonl'), log.path('x'));
    renameSync(log.path('audit-3.jsonl'), log.path('audit-1.jsonl'));
    renameSync(log.path('x'), log.path('audit-3.jsonl'));
    expect(await verify()).toMatchObject({ problem: 'seq', file: 'audit-1.jsonl', line: 1, seq: 3 });
  });

  it('one of which lost its end are found, without waiting for a writer', async () => {
    truncateSync(log.path('audit-1.jsonl'), statSync(log.path('audit-1.jsonl')).size - 1);
    expect(await verifyAudit(scratch.dir, { tries: 1, pauseMs: 1 << 30 })).toMatchObject({ problem: 'torn', file: 'audit-1.jsonl', line: 2, seq: 2 });
  });
});

describe('a log that is being written', () => {
  const half = sealLine('{"type":"event"', 3, '0'.repeat(64)).text;

  it('with a tail that stays without an end is torn there', async () => {
    log.write(requests('a', 'b'));
    const byte = statSync(log.path()).size;
    appendFileSync(log.path(), half.slice(0, 40));
    expect(await verify()).toMatchObject({ problem: 'torn', line: 3, byte, seq: undefined });
  });

  it('is intact when the line gets its end a moment later', async () => {
    log.write(requests('a', 'b'));
    const { text } = sealLine(requests('c')[0] ?? '', 3, log.hash);
    appendFileSync(log.path(), text.slice(0, 100));
    const result = verifyAudit(scratch.dir, PATIENT);
    await sleep(20);
    appendFileSync(log.path(), `${text.slice(100)}\n${half}`);
    expect(await result).toMatchObject({ kind: 'intact', lines: 3 });
  });

  it('is intact when the writer took the line back', async () => {
    log.write(requests('a', 'b'));
    const { size } = statSync(log.path());
    appendFileSync(log.path(), half);
    const result = verifyAudit(scratch.dir, PATIENT);
    await sleep(20);
    truncateSync(log.path(), size);
    expect(await result).toMatchObject({ kind: 'intact', lines: 2, lastHash: log.hash });
  });

  it('is broken when what comes is no line of the chain', async () => {
    log.write(requests('a', 'b'));
    appendFileSync(log.path(), half.slice(0, 40));
    const result = verifyAudit(scratch.dir, PATIENT);
    await sleep(20);
    appendFileSync(log.path(), `${half.slice(40)}\n`);
    expect(await result).toMatchObject({ problem: 'prev_hash', line: 3, seq: 3 });
  });
});

describe('the newest lines', () => {
  beforeEach(() => {
    log.write(requests('a', 'b', 'c'), 'audit-1.jsonl');
    log.write(requests('d', 'e'));
  });

  it('are checked by themselves, over files', async () => {
    expect(await verifyNewest(scratch.dir, 2)).toEqual({ kind: 'intact', lines: 2, files: 1, lastHash: log.hash });
    expect(await verifyNewest(scratch.dir, 4)).toMatchObject({ kind: 'intact', lines: 4, files: 2 });
    expect(await verifyNewest(scratch.dir, 100)).toMatchObject({ kind: 'intact', lines: 5, files: 2 });
  });

  it('just after a rotation are the rotated file\'s', async () => {
    writeFileSync(log.path(), '');
    expect(await verifyNewest(scratch.dir, 2)).toMatchObject({ kind: 'intact', lines: 2 });
  });

  it('do not show what is older, and show their own fault with its place in the file', async () => {
    log.tamper(([a = '', ...rest]) => [a.replace('"ALLOW"', '"DENY"'), ...rest], 'audit-1.jsonl');
    expect(await verifyNewest(scratch.dir, 3)).toMatchObject({ kind: 'intact' });
    const [a = '', b = ''] = readFileSync(log.path('audit-1.jsonl'), 'utf8').split('\n');
    log.tamper(([one = '', two = '', three = '']) => [one, two.replace('"ALLOW"', '"DENY"'), three], 'audit-1.jsonl');
    expect(await verifyNewest(scratch.dir, 4)).toMatchObject({ problem: 'hash', file: 'audit-1.jsonl', line: 2, seq: 2, byte: a.length + 1 });
    expect(b).toContain('"ALLOW"');
  });

  it('leave a line aside that is being written', async () => {
    appendFileSync(log.path(), '{"type":"requ');
    expect(await verifyNewest(scratch.dir, 1)).toMatchObject({ kind: 'intact', lastHash: log.hash });
  });

  it('are none in an empty log', async () => {
    rmSync(log.path());
    rmSync(log.path('audit-1.jsonl'));
    expect(await verifyNewest(scratch.dir, 10)).toBeUndefined();
  });
});
