// Processes of an earlier gateway: ended when they are still the same ones, and nobody else ever.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { endLeftOver, noteProcesses } from '../../../../src/upstream/stdio/left-over.js';

let dir: string;
let file: string;
let child: ChildProcess;
let pid: number;
const kill = vi.spyOn(process, 'kill');
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'left-over-'));
  file = join(dir, 'processes.json');
  child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { stdio: 'ignore', detached: true });
  pid = child.pid ?? 0;
  // What a fault here would end must not be this machine.
  kill.mockReset().mockReturnValue(true);
});
afterEach(() => {
  child.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});
const startedOf = (): string => (JSON.parse(readFileSync(file, 'utf8')) as { started: string }[])[0]?.started ?? '';
const hasProc = existsSync('/proc/self/stat');

describe.runIf(hasProc)('what is noted', () => {
  it('is ended with its group, once', () => {
    noteProcesses(file, [pid]);
    expect(endLeftOver(file)).toEqual([pid]);
    expect(kill.mock.calls).toEqual([[-pid, 'SIGKILL']]);
    expect([existsSync(file), endLeftOver(file)]).toEqual([false, []]);
  });

  it('is another process by now: it is left alone', () => {
    noteProcesses(file, [pid]);
    writeFileSync(file, JSON.stringify([{ pid, started: `${startedOf()}1` }]));
    expect([endLeftOver(file), kill.mock.calls]).toEqual([[], []]);
  });

  it('is no process of a gateway: it is left alone', () => {
    noteProcesses(file, [1]);
    const init = { pid: 1, started: startedOf() };
    for (const text of [JSON.stringify([init]), JSON.stringify([{ pid }, { pid: String(pid), started: '1' }, { pid: -1, started: '1' }, { pid: 1.5, started: '1' }, null]), '{}', 'no JSON']) {
      writeFileSync(file, text);
      expect([endLeftOver(file), kill.mock.calls, existsSync(file)]).toEqual([[], [], false]);
    }
  });

  it('is nothing where none runs', () => {
    noteProcesses(file, [pid]);
    noteProcesses(file, []);
    expect(existsSync(file)).toBe(false);
  });
});
