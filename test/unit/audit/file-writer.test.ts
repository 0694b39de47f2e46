// What stands on disk: the chain goes on over restarts and rotations, a torn tail is moved aside, a failed commit leaves nothing.
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { COMMIT_BYTES_MAX } from '../../../src/audit/chain-end.js';
import type { Disk } from '../../../src/audit/file-writer.js';
import { FileWriter, REAL_DISK } from '../../../src/audit/file-writer.js';
import { GENESIS_HASH } from '../../../src/audit/hash-chain.js';
import { intentLine, requestLine } from '../../../src/audit/record.js';
import { readChain, requestFacts, scratchDir } from './line-fixture.js';

let scratch: ReturnType<typeof scratchDir>;
let dir = '';
const opened: FileWriter[] = [];
beforeEach(() => {
  scratch = scratchDir();
  dir = scratch.dir;
});
afterEach(() => {
  for (const writer of opened.splice(0)) writer.close();
  scratch.remove();
});

let nowUs = 1_767_225_600_000_000;
function open(more: { fileBytesMax?: number; disk?: Disk } = {}): FileWriter {
  const writer = new FileWriter({ dir, fileBytesMax: more.fileBytesMax ?? 1 << 28, disk: more.disk ?? REAL_DISK, nowUs: () => (nowUs += 1) });
  opened.push(writer);
  return writer;
}
function close(writer: FileWriter): void {
  opened.splice(opened.indexOf(writer), 1);
  writer.close();
}
/** One run: opens, commits the lines in one commit, stops. */
function run(...lines: string[]): void {
  const writer = open();
  const all = [...writer.recovered, ...lines];
  if (all.length > 0) writer.commit(all);
  close(writer);
}

const line = (id: string): string => requestLine(requestFacts(id));
const intent = (id: string): string => intentLine({ ...requestFacts(id), tool: 'bash', atUs: 1 });
const current = (): string => join(dir, 'audit.jsonl');
const ids = (): unknown[] => readChain(dir).map((entry) => entry['decision_id']);
const mode = (path: string): number => statSync(path).mode & 0o777;

describe('a new log', () => {
  it('begins at genesis, for the owner alone', () => {
    const writer = open();
    expect(writer.end).toEqual({ seq: 0, hash: GENESIS_HASH });
    writer.commit([line('a'), line('b')]);
    expect(writer.end.seq).toBe(2);
    expect(ids()).toEqual(['a', 'b']);
    expect([mode(dir), mode(current())]).toEqual([0o700, 0o600]);
  });

  it('makes a folder and a file private that were not', () => {
    mkdirSync(dir, { recursive: true });
    chmodSync(dir, 0o755);
    writeFileSync(current(), '', { mode: 0o644 });
    open();
    expect([mode(dir), mode(current())]).toEqual([0o700, 0o600]);
  });

  it('follows no symbolic link', () => {
    mkdirSync(dir, { recursive: true });
    symlinkSync(join(dir, 'elsewhere'), current());
    expect(() => open()).toThrow(/ELOOP/);
    expect(existsSync(join(dir, 'elsewhere'))).toBe(false);
  });
});

describe('a restart', () => {
  it('goes on with the chain', () => {
    run(line('a'));
    run(line('b'));
    expect(ids()).toEqual(['a', 'b']);
  });

  it.each([
    ['half a line', (text: string) => `${text}{"type":"request","timest`],
    ['a whole line without its newline', (text: string) => text.slice(0, -1)],
    ['a page of zeros', (text: string) => `${text}${'\u0000'.repeat(4096)}\n`],
    ['a line that is not sealed', (text: string) => `${text}{"type":"request"}\n`],
    ['several bad lines', (text: string) => `${text}x\n\n{}\ny`],
  ])('moves %s aside, keeps it, says so, and goes on', (_, damage) => {
    run(line('a'), line('b'));
    const whole = readFileSync(current(), 'utf8');
    const damaged = damage(whole);
    writeFileSync(current(), damaged);
    const kept = damaged.startsWith(whole) ? whole : whole.slice(0, whole.indexOf('\n') + 1);
    const writer = open();
    const aside = readdirSync(dir).filter((name) => name.startsWith('torn-'));
    expect(aside).toHaveLength(1);
    expect(readFileSync(join(dir, aside[0] ?? ''), 'utf8')).toBe(damaged.slice(kept.length));
    expect(writer.torn).toMatchObject({ bytes: damaged.length - kept.length, movedTo: aside[0] });
    writer.commit([...writer.recovered, line('c')]);
    const chain = readChain(dir);
    expect(chain.at(-2)).toMatchObject({ type: 'event', event: 'torn_tail_repaired', details: { moved_to: aside[0] } });
    expect(chain.at(-1)).toMatchObject({ decision_id: 'c' });
    expect(mode(join(dir, aside[0] ?? ''))).toBe(0o600);
  });

  it('starts over when the only line of the first commit is torn', () => {
    mkdirSync(dir, { recursive: true });
    writeFileSync(current(), '{"type":"req');
    run(line('a'));
    expect(readChain(dir).map((entry) => entry['type'])).toEqual(['event', 'request']);
  });

  it('leaves damage in the middle for verify to find: only the tail can be a crash\'s trace', () => {
    run(line('a'), line('b'), line('c'));
    const tampered = readFileSync(current(), 'utf8').replace('"decision_id":"b"', '"decision_id":"x"');
    writeFileSync(current(), tampered);
    const writer = open();
    expect(writer.torn).toBeUndefined();
    expect(readFileSync(current(), 'utf8')).toBe(tampered);
  });

  it('refuses a file whose end is no crash\'s trace, and touches nothing', () => {
    mkdirSync(dir, { recursive: true });
    const garbage = 'garbage\n'.repeat(COMMIT_BYTES_MAX / 8 + 10);
    writeFileSync(current(), garbage);
    expect(() => open()).toThrow(/agw audit verify/);
    expect(statSync(current()).size).toBe(garbage.length);
  });
});

describe('intents', () => {
  it('without a request line become unresolved at the next start, once', () => {
    run(intent('done'), line('done'), intent('lost'));
    const writer = open();
    expect(writer.unresolved).toBe(1);
    writer.commit(writer.recovered);
    close(writer);
    expect(readChain(dir).at(-1)).toMatchObject({ type: 'unresolved', decision_id: 'lost', intent_seq: 3, tool: 'bash', spiffe_id: requestFacts('').spiffeId });
    expect(open().unresolved).toBe(0);
  });

  it('are found behind a rotation', () => {
    const writer = open({ fileBytesMax: 4_000 });
    writer.commit([intent('lost')]);
    for (let i = 0; i < 20; i++) writer.commit([line(`r${i}`)]);
    close(writer);
    expect(readdirSync(dir).filter((name) => /^audit-\d+/.test(name)).length).toBeGreaterThan(2);
    const next = open();
    next.commit(next.recovered);
    expect(readChain(dir).at(-1)).toMatchObject({ type: 'unresolved', decision_id: 'lost', intent_seq: 1, tool: 'bash' });
  });

  it('are told apart from texts that look like them', () => {
    run(intent('lost'), requestLine(requestFacts('other', { tool: '"decision_id":"lost"' })));
    expect(open().unresolved).toBe(1);
  });
});

describe('rotation', () => {
  it('names a file after its first line, and the chain goes on', () => {
    const writer = open({ fileBytesMax: 6_000 });
    for (let i = 0; i < 12; i++) writer.commit([line(`${i}`)]);
    const chain = readChain(dir);
    expect(chain.filter((entry) => entry['type'] === 'request').map((entry) => entry['decision_id'])).toEqual(Array.from({ length: 12 }, (_, i) => `${i}`));
    for (const name of readdirSync(dir).filter((file) => file.endsWith('.jsonl'))) {
      expect(statSync(join(dir, name)).size).toBeLessThanOrEqual(6_000);
      const first = JSON.parse(readFileSync(join(dir, name), 'utf8').split('\n')[0] ?? '') as { seq: number };
      if (name !== 'audit.jsonl') expect(name).toBe(`audit-${first.seq}.jsonl`);
    }
  });

  it('goes on after a crash between the renaming and the new file', () => {
    run(line('a'), line('b'));
    renameSync(current(), join(dir, 'audit-1.jsonl'));
    run(line('c'));
    expect(ids()).toEqual(['a', 'b', 'c']);
  });

  it('refuses to go on from a rotated file that no longer verifies', () => {
    run(line('a'));
    renameSync(current(), join(dir, 'audit-1.jsonl'));
    truncateSync(join(dir, 'audit-1.jsonl'), 100);
    expect(() => open()).toThrow(/audit-1\.jsonl/);
  });

  it('puts nothing away that somebody else has written: no later start could go on from it', () => {
    const writer = open({ fileBytesMax: 100 });
    writer.commit([line('a')]);
    appendFileSync(current(), 'a stranger\'s');
    expect(() => writer.commit([line('b')])).toThrow();
    expect(writer.cutBack()).toBe(true);
    writer.recover();
    writer.commit([line('c')]);
    close(writer);
    run(line('d'));
    expect(ids().filter((id) => id !== undefined)).toEqual(['a', 'c', 'd']);
  });

  it('overwrites no file', () => {
    const writer = open({ fileBytesMax: 100 });
    writer.commit([line('a')]);
    writeFileSync(join(dir, 'audit-1.jsonl'), 'somebody\'s');
    expect(() => writer.commit([line('b')])).toThrow(/audit-1\.jsonl/);
    expect(readFileSync(join(dir, 'audit-1.jsonl'), 'utf8')).toBe('somebody\'s');
  });
});

describe('a failing disk', () => {
  function failing(): Disk & { fail: 'short' | 'sync' | undefined } {
    return {
      fail: undefined,
      write(fd, bytes, from) {
        if (this.fail !== 'short') return REAL_DISK.write(fd, bytes, from);
        if (from > 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
        return REAL_DISK.write(fd, bytes.subarray(0, 100), 0);
      },
      datasync(fd) {
        if (this.fail === 'sync') throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
        REAL_DISK.datasync(fd);
      },
      truncate: REAL_DISK.truncate,
    };
  }

  it.each(['short', 'sync'] as const)('(%s) leaves no byte of what was not acknowledged, and is taken up where it was', (fail) => {
    const disk = failing();
    const writer = open({ disk });
    writer.commit([line('a')]);
    const before = readFileSync(current(), 'utf8');
    disk.fail = fail;
    expect(() => writer.commit([line('refused')])).toThrow();
    expect(writer.cutBack()).toBe(true);
    expect(readFileSync(current(), 'utf8')).toBe(before);
    disk.fail = undefined;
    writer.recover();
    writer.commit([line('b')]);
    expect(ids()).toEqual(['a', 'b']);
  });

  it('(a write of single bytes) still writes whole lines', () => {
    const writer = open({ disk: { ...REAL_DISK, write: (fd, bytes, from) => REAL_DISK.write(fd, bytes.subarray(0, from + 1), from) } });
    writer.commit([line('a'), line('b')]);
    expect(ids()).toEqual(['a', 'b']);
  });

  it('(a write of nothing, again and again) ends in a failure, not in a hang', () => {
    const writer = open({ disk: { ...REAL_DISK, write: () => 0 } });
    expect(() => writer.commit([line('a')])).toThrow();
  });

  it('cuts unacknowledged lines off at recovery when it could not at once', () => {
    const disk = failing();
    const writer = open({ disk });
    writer.commit([line('a')]);
    disk.fail = 'sync';
    expect(() => writer.commit([line('refused')])).toThrow();
    disk.fail = undefined;
    writer.recover();
    expect(ids()).toEqual(['a']);
  });
});

describe('a file that somebody else touches', () => {
  it.each([
    ['removed', () => rmSync(current())],
    ['replaced', () => { renameSync(current(), `${current()}.old`); writeFileSync(current(), ''); }],
    ['cut', () => truncateSync(current(), 10)],
    ['written to', () => appendFileSync(current(), 'x\n')],
  ])('fails the commit when it was %s', (_, touch) => {
    const writer = open();
    writer.commit([line('a')]);
    touch();
    expect(() => writer.commit([line('b')])).toThrow();
  });

  it('is not made longer by the cut after a failed commit: zeros would cover what is missing', () => {
    const writer = open();
    writer.commit([line('a'), line('b'), line('c')]);
    truncateSync(current(), 10);
    expect(() => writer.commit([line('d')])).toThrow();
    writer.cutBack();
    expect(readFileSync(current())).not.toContain(0);
  });

  it.each([0, 1])('and put another file in its place is not cut, with %i lines acknowledged', (acknowledged) => {
    const disk = { ...REAL_DISK };
    const writer = open({ disk });
    if (acknowledged === 1) writer.commit([line('a')]);
    disk.datasync = () => {
      throw new Error('EIO');
    };
    expect(() => writer.commit([line('refused')])).toThrow();
    const foreign = 'somebody\'s\n'.repeat(1_000);
    renameSync(current(), `${current()}.old`);
    writeFileSync(current(), foreign);
    expect(() => writer.recover()).toThrow(/acknowledged/);
    expect(() => writer.recover()).toThrow(/acknowledged/);
    expect(readFileSync(current(), 'utf8')).toBe(foreign);
  });

  it.each([['removed', () => rmSync(current())], ['cut', () => truncateSync(current(), 10)]])('is not taken up again once acknowledged lines are gone (%s)', (_, touch) => {
    const writer = open();
    writer.commit([line('a')]);
    touch();
    expect(() => writer.commit([line('b')])).toThrow();
    writer.cutBack();
    expect(() => writer.recover()).toThrow(/seq 1/);
    expect(() => writer.recover()).toThrow(/seq 1/);
  });
});
