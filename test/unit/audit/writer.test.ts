// Writer and appender together, in this thread: one chain for all ports, group commit, bounds, and refusal while the disk fails.
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAppender } from '../../../src/audit/appender.js';
import { REAL_DISK } from '../../../src/audit/file-writer.js';
import type { AuditHealth, AuditWriterHandle } from '../../../src/audit/protocol.js';
import { intentLine, requestLine } from '../../../src/audit/record.js';
import { realSurroundings, startAuditWriterHere } from '../../../src/audit/spawn-writer.js';
import type { AuditAppender, SealedLine } from '../../../src/audit/types.js';
import { until } from '../../support/until.js';
import { readChain, requestFacts, scratchDir } from './line-fixture.js';

let scratch: ReturnType<typeof scratchDir>;
let dir = '';
const running: AuditWriterHandle[] = [];
beforeEach(() => {
  scratch = scratchDir();
  dir = scratch.dir;
});
afterEach(async () => {
  for (const writer of running.splice(0)) await writer.close();
  scratch.remove();
});

interface FlakyDisk {
  fail: string | undefined;
  datasyncs: number;
}

function start(flaky: FlakyDisk = { fail: undefined, datasyncs: 0 }, at = dir): AuditWriterHandle {
  const disk = {
    ...REAL_DISK,
    datasync(fd: number) {
      flaky.datasyncs += 1;
      if (flaky.fail !== undefined) throw Object.assign(new Error(`${flaky.fail}: injected`), { code: flaky.fail });
      REAL_DISK.datasync(fd);
    },
  };
  const writer = startAuditWriterHere({ dir: at, fileBytesMax: 1 << 28, start: { version: 'test' }, retryMs: 10 }, { ...realSurroundings(), disk });
  running.push(writer);
  return writer;
}

const appenderOf = (writer: AuditWriterHandle, queueLinesMax = 1000, durability: 'group' | 'async' = 'group'): AuditAppender => openAppender(writer.connect(), { queueLinesMax, durability });
const line = (id: string): string => requestLine(requestFacts(id));

function append(appender: AuditAppender, text: string): Promise<SealedLine | undefined> {
  return new Promise((resolve, reject) => {
    appender.append(text, (error, sealed) => (error === undefined ? resolve(sealed) : reject(error)));
  });
}

describe('appended lines', () => {
  it('are on disk, sealed, when their answer comes', async () => {
    const writer = start();
    const sealed = await append(appenderOf(writer), line('a'));
    const text = readFileSync(join(dir, 'audit.jsonl'), 'utf8');
    expect(text).toContain(`"decision_id":"a"`);
    expect(readChain(dir).at(-1)).toMatchObject({ decision_id: 'a', ...sealed });
    expect(await writer.status()).toMatchObject({ healthy: true, seq: sealed?.seq, lastHash: sealed?.hash, unresolved: 0 });
  });

  it('of one turn share one fdatasync', async () => {
    const disk: FlakyDisk = { fail: undefined, datasyncs: 0 };
    const appender = appenderOf(start(disk));
    const before = disk.datasyncs;
    await Promise.all(Array.from({ length: 500 }, (_, i) => append(appender, line(`${i}`))));
    expect(disk.datasyncs - before).toBe(1);
  });

  it('of several threads make one chain, each one\'s in its own order', async () => {
    const writer = start();
    const appenders = [0, 1, 2].map(() => appenderOf(writer, 10_000));
    const order: string[][] = [[], [], []];
    await Promise.all(appenders.flatMap((appender, a) => Array.from({ length: 300 }, async (_, i) => {
      if (i % 100 === 0) await sleep(i / 50);
      const sealed = await append(appender, line(`${a}:${i}`));
      order[a]?.push(`${sealed?.seq}`);
    })));
    const chain = readChain(dir).filter((entry) => entry['type'] === 'request');
    expect(chain).toHaveLength(900);
    for (const a of [0, 1, 2]) {
      const seqs = order[a]?.map(Number) ?? [];
      expect(seqs).toEqual(seqs.toSorted((x, y) => x - y));
      expect(seqs.every((seq) => String(readChainEntry(chain, seq)).startsWith(`${a}:`))).toBe(true);
    }
  });

  it('larger than one commit may be are all answered, in order', async () => {
    const appender = appenderOf(start());
    const long = requestFacts('x', { findings: Array.from({ length: 100 }, () => ({ rule: 'r'.repeat(256), category: 'c', action: 'flag', path: 'p'.repeat(256), sample: 's', decoded: 'raw' })) });
    const sealed = await Promise.all(Array.from({ length: 60 }, (_, i) => append(appender, requestLine({ ...long, decisionId: `${i}` }))));
    expect(sealed.map((one) => one?.seq)).toEqual(Array.from({ length: 60 }, (_, i) => i + 2));
    expect(readChain(dir).slice(1).map((entry) => entry['decision_id'])).toEqual(Array.from({ length: 60 }, (_, i) => `${i}`));
  });

  it('more than shared memory holds are bounded by the queue alone, and all written, in order', async () => {
    const count = 4000; // about 6 MB
    const appender = appenderOf(start(), count);
    const waiting = Array.from({ length: count }, (_, i) => append(appender, line(`${i}`)));
    await expect(append(appender, line('one too many'))).rejects.toThrow('queue_lines_max');
    const seqs = (await Promise.all(waiting)).map((sealed) => sealed?.seq);
    expect(seqs).toEqual(Array.from({ length: count }, (_, i) => i + 2));
    expect(readChain(dir).slice(1).map((entry) => entry['decision_id'])).toEqual(Array.from({ length: count }, (_, i) => `${i}`));
  });

  it('of any characters are hashed and read back as UTF-8; a lone surrogate has none, and becomes U+FFFD', async () => {
    const appender = appenderOf(start());
    const texts = ['é', '…', '😀', 'a\ud800b', '\udc00', '\u2028', '😀'.repeat(5000)];
    const sealed = await Promise.all(texts.map((text) => append(appender, `{"type":"event","text":"${text}"`)));
    const chain = readChain(dir).slice(1);
    expect(chain.map((entry) => entry['text'])).toEqual(texts.map((text) => Buffer.from(text, 'utf8').toString('utf8')));
    expect(chain.map((entry) => entry['hash'])).toEqual(sealed.map((one) => one?.hash));
  });

  it.each([['a newline', `${line('a')}\n`], ['no object', 'x'], ['too much', `{"type":"${'x'.repeat(1 << 20)}"`]])('with %s are refused and harm nobody', async (_, bad) => {
    const appender = appenderOf(start());
    await expect(append(appender, bad)).rejects.toThrow();
    await append(appender, line('b'));
    expect(readChain(dir).at(-1)).toMatchObject({ decision_id: 'b' });
  });
});

function readChainEntry(chain: readonly Readonly<Record<string, unknown>>[], seq: number): unknown {
  return chain.find((entry) => entry['seq'] === seq)?.['decision_id'];
}

describe('the queue', () => {
  it('refuses above its bound and takes lines again once it is shorter', async () => {
    const appender = appenderOf(start(), 3);
    const waiting = [append(appender, line('1')), append(appender, line('2')), append(appender, line('3'))];
    expect(appender.healthy).toBe(false);
    expect(appender.because).toContain('queue_lines_max');
    await expect(append(appender, line('4'))).rejects.toThrow('queue_lines_max');
    await Promise.all(waiting);
    expect(appender.healthy).toBe(true);
    await append(appender, line('5'));
    expect(readChain(dir).slice(1).map((entry) => entry['decision_id'])).toEqual(['1', '2', '3', '5']);
  });

  it('answers at once when durability is async, bounded all the same, and keeps every line', async () => {
    const appender = appenderOf(start(), 2, 'async');
    let answered = 0;
    const count = (error: Error | undefined): void => void (answered += error === undefined ? 1 : 0);
    appender.append(line('1'), count);
    appender.append(line('2'), count);
    appender.append(line('3'), count);
    expect(answered).toBe(2);
    await appender.close();
    expect(readChain(dir).slice(1).map((entry) => entry['decision_id'])).toEqual(['1', '2']);
  });
});

describe('closing', () => {
  it('flushes the appender, writes the stop event and gives the folder free', async () => {
    const writer = start();
    const appender = appenderOf(writer);
    const last = append(appender, line('a'));
    await appender.close();
    await last;
    await expect(append(appender, line('late'))).rejects.toThrow();
    await writer.close();
    const chain = readChain(dir);
    expect(chain.map((entry) => entry['event'] ?? entry['decision_id'])).toEqual(['start', 'a', 'stop']);
    expect((await writer.status()).healthy).toBe(false);
    expect((await start().status()).healthy).toBe(true);
  });

  it('of the writer first tells the appender, and fails what waits', async () => {
    const writer = start();
    const appender = appenderOf(writer);
    await append(appender, line('a'));
    await writer.close();
    await until(() => !appender.healthy);
    await expect(append(appender, line('b'))).rejects.toThrow();
  });

  it('keeps intents that are still open for the next start', async () => {
    const writer = start();
    await append(appenderOf(writer), intentLine({ ...requestFacts('open'), atUs: 1 }));
    await writer.close();
    expect(await start().status()).toMatchObject({ healthy: true, unresolved: 1 });
    expect(readChain(dir).map((entry) => entry['event'] ?? entry['type'])).toEqual(['start', 'intent', 'stop', 'unresolved', 'start']);
  });
});

describe('a failing disk', () => {
  it.each(['ENOSPC', 'EIO', 'EROFS'])('(%s) refuses, leaves nothing behind, recovers by itself and says so', async (code) => {
    const disk: FlakyDisk = { fail: undefined, datasyncs: 0 };
    const writer = start(disk);
    const seen: AuditHealth[] = [];
    writer.onHealth((health) => seen.push(health));
    const [one, other] = [appenderOf(writer), appenderOf(writer)];
    await append(one, line('a'));
    disk.fail = code;
    const refused = await Promise.allSettled([append(one, line('x')), append(one, line('y')), append(other, line('z'))]);
    expect(refused.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect([one.healthy, other.healthy]).toEqual([false, false]);
    expect(one.because).toContain(code);
    await expect(append(one, line('more'))).rejects.toThrow(code);
    expect(readChain(dir).map((entry) => entry['decision_id'] ?? entry['event'])).toEqual(['start', 'a']);
    disk.fail = undefined;
    await until(() => one.healthy && other.healthy);
    await append(other, line('b'));
    const chain = readChain(dir);
    expect(chain.map((entry) => entry['decision_id'] ?? entry['event'])).toEqual(['start', 'a', 'audit_recovered', 'b']);
    expect(chain[2]).toMatchObject({ details: { refused_lines: 3 } });
    expect(seen.map(({ healthy }) => healthy)).toEqual([false, true]);
  });

  it('at the start is tried again until the log opens', async () => {
    writeFileSync(dir, 'a file where the folder should be');
    const writer = start();
    expect(await writer.status()).toMatchObject({ healthy: false, seq: 0 });
    const appender = appenderOf(writer);
    await expect(append(appender, line('x'))).rejects.toThrow();
    rmSync(dir);
    await until(() => appender.healthy);
    await append(appender, line('a'));
    expect(readChain(dir).map((entry) => entry['decision_id'] ?? entry['event'])).toContain('a');
  });

  it('stays refused when acknowledged lines are gone', async () => {
    const writer = start();
    const appender = appenderOf(writer);
    await append(appender, line('a'));
    rmSync(join(dir, 'audit.jsonl'));
    await expect(append(appender, line('b'))).rejects.toThrow();
    await sleep(60); // several tries to recover
    expect(appender.healthy).toBe(false);
    expect(appender.because).toContain('seq 2');
  });

  it('another writer in the same folder is refused with the first one\'s pid and changes nothing', async () => {
    const first = start();
    await append(appenderOf(first), line('a'));
    const second = start();
    expect(await second.status()).toMatchObject({ healthy: false });
    expect((await second.status()).because).toContain(`${process.pid}`);
    await append(appenderOf(first), line('b'));
    expect(readChain(dir).map((entry) => entry['decision_id'] ?? entry['event'])).toEqual(['start', 'a', 'b']);
  });
});

/** A file system of 64 KiB, or read-only; undefined where mounting is not allowed. */
function mount(path: string, options: string): (() => void) | undefined {
  mkdirSync(path, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { stdio: 'ignore' });
    return () => void execFileSync('umount', [path], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
}

describe('a real file system', () => {
  it('that is full: what was acknowledged stays, the rest is refused, room heals it', async (context) => {
    const path = join(dirname(dir), 'full');
    const umount = mount(path, 'size=256k,mode=700');
    if (umount === undefined) return context.skip('mounting needs root');
    const at = join(path, 'audit');
    writeFileSync(join(path, 'ballast'), Buffer.alloc(96 * 1024));
    try {
      const writer = start(undefined, at);
      const appender = appenderOf(writer);
      const durable: string[] = [];
      let refusal = '';
      for (let i = 0; i < 2000 && refusal === ''; i++) {
        await append(appender, line(`${i}`)).then(() => durable.push(`${i}`), (error: Error) => (refusal = error.message));
      }
      expect(refusal).toContain('ENOSPC');
      expect(durable.length).toBeGreaterThan(10);
      expect(appender.healthy).toBe(false);
      expect(readChain(at).filter((entry) => entry['type'] === 'request').map((entry) => entry['decision_id'])).toEqual(durable);
      rmSync(join(path, 'ballast'));
      await until(() => appender.healthy);
      await append(appender, line('after'));
      expect(readChain(at).slice(-2).map((entry) => entry['decision_id'] ?? entry['event'])).toEqual(['audit_recovered', 'after']);
      await writer.close();
    } finally {
      umount();
    }
  });

  it('that is read-only: refused from the start, with the reason', async (context) => {
    const path = join(dirname(dir), 'fixed');
    const umount = mount(path, 'size=256k,mode=700');
    if (umount === undefined) return context.skip('mounting needs root');
    try {
      mkdirSync(join(path, 'existing'));
      execFileSync('mount', ['-o', 'remount,ro', path]);
      for (const name of ['existing', 'new']) {
        const writer = start(undefined, join(path, name));
        const status = await writer.status();
        expect(status.healthy).toBe(false);
        expect(status.because).toContain('EROFS');
        await expect(append(appenderOf(writer), line('x'))).rejects.toThrow('EROFS');
        await writer.close();
      }
    } finally {
      umount();
    }
  });

  it('with a folder that may not be written: refused, nothing made', async (context) => {
    if (process.getuid?.() === 0) return context.skip('root may write anywhere');
    mkdirSync(dirname(dir), { recursive: true });
    chmodSync(dirname(dir), 0o500);
    const writer = start();
    expect((await writer.status()).because).toContain('EACCES');
    expect(existsSync(dir)).toBe(false);
    chmodSync(dirname(dir), 0o700);
  });
});
