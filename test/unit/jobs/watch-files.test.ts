// Which changes are noticed: content, replacement, coming and going, whole folders.
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { markFiles, watchFiles } from '../../../src/jobs/watch-files.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'watch-'));
  mkdirSync(join(dir, 'rules', 'deep'), { recursive: true });
  writeFileSync(join(dir, 'file.yaml'), 'a');
  writeFileSync(join(dir, 'set.yaml'), 'a');
  utimesSync(join(dir, 'set.yaml'), 1, 1); // whole seconds can be set again as they were
  writeFileSync(join(dir, 'rules', 'x.yaml'), 'a');
  writeFileSync(join(dir, 'rules', 'deep', 'x.yaml'), 'a');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function watch() {
  const told: string[] = [];
  let tick: () => void = () => undefined;
  let intervalMs = 0;
  let stopped = false;
  const watching = watchFiles(markFiles([join(dir, 'file.yaml'), join(dir, 'set.yaml'), join(dir, 'rules'), join(dir, 'absent.yaml')]), (paths) => void told.push(...paths.map((path) => path.slice(dir.length + 1))), (ms, run) => {
    [intervalMs, tick] = [ms, run];
    return () => void (stopped = true);
  });
  const changesAfter = (change: () => void): string[] => {
    told.length = 0;
    change();
    tick();
    expect(told).toEqual([]); // it may still be being written
    tick();
    const first = [...told];
    tick();
    expect(told).toEqual(first); // told once
    return first;
  };
  return { changesAfter, watching, tick: () => tick(), told, intervalMs: () => intervalMs, stopped: () => stopped };
}

describe('a watch', () => {
  it('looks often enough for a second, and stops', () => {
    const { intervalMs, watching, stopped } = watch();
    expect(intervalMs() * 3).toBeLessThan(1000); // a change is seen at the first look, told of at the third at the latest
    watching.stop();
    expect(stopped()).toBe(true);
  });

  it('says nothing while nothing changes', () => {
    expect(watch().changesAfter(() => undefined)).toEqual([]);
  });

  it('tells of no file that is being written, nor of another beside it', () => {
    const { tick, told } = watch();
    writeFileSync(join(dir, 'rules', 'y.yaml'), 'rules:\n');
    tick();
    writeFileSync(join(dir, 'file.yaml'), '');
    tick();
    expect(told).toEqual([]);
  });

  it('waits for no file that never comes to rest', () => {
    const { tick, told } = watch();
    for (let look = 1; look <= 6; look++) {
      writeFileSync(join(dir, 'file.yaml'), 'x'.repeat(look + 1));
      tick();
      if (look === 3) expect(told).toEqual(['file.yaml']);
    }
    expect(told).toEqual(['file.yaml', 'file.yaml']);
  });

  it.each<readonly [string, () => void, readonly string[]]>([
    ['another length', () => writeFileSync(join(dir, 'file.yaml'), 'longer'), ['file.yaml']],
    ['another time', () => utimesSync(join(dir, 'file.yaml'), 1, 1), ['file.yaml']],
    ['another file in its place, of the same length and time', () => {
      writeFileSync(join(dir, 'next'), 'b');
      utimesSync(join(dir, 'file.yaml'), 1, 1);
      utimesSync(join(dir, 'next'), 1, 1);
      renameSync(join(dir, 'next'), join(dir, 'file.yaml'));
    }, ['file.yaml']],
    ['another content of the same length and time', () => {
      const { atime, mtime } = statSync(join(dir, 'set.yaml'));
      writeFileSync(join(dir, 'set.yaml'), 'b');
      utimesSync(join(dir, 'set.yaml'), atime, mtime);
    }, ['set.yaml']],
    ['another mode: what could not be read may be readable now', () => chmodSync(join(dir, 'file.yaml'), 0o600), ['file.yaml']],
    ['a file gone', () => rmSync(join(dir, 'file.yaml')), ['file.yaml']],
    ['a file that comes', () => writeFileSync(join(dir, 'absent.yaml'), ''), ['absent.yaml']],
    ['a file in a folder', () => writeFileSync(join(dir, 'rules', 'x.yaml'), 'bb'), ['rules']],
    ['a file in a folder that becomes one itself', () => {
      rmSync(join(dir, 'rules', 'x.yaml'));
      mkdirSync(join(dir, 'rules', 'x.yaml'));
    }, ['rules']],
    ['nothing of what no reload reads: a file deep in a folder', () => writeFileSync(join(dir, 'rules', 'deep', 'x.yaml'), 'bb'), []],
    ['nothing of an editor\'s file beside', () => writeFileSync(join(dir, 'rules', '.x.yaml.swp'), 'bb'), []],
    ['a new file in a folder', () => writeFileSync(join(dir, 'rules', 'y.yaml'), ''), ['rules']],
    ['a folder gone', () => rmSync(join(dir, 'rules'), { recursive: true }), ['rules']],
  ])('tells %s', (_what, change, expected) => {
    expect(watch().changesAfter(change)).toEqual(expected);
  });

  it('ends in a folder that holds itself', () => {
    symlinkSync(join(dir, 'rules'), join(dir, 'rules', 'again.yaml'));
    expect(watch().changesAfter(() => writeFileSync(join(dir, 'rules', 'z.yaml'), ''))).toEqual(['rules']);
  });
});
