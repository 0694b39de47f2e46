// A client that does not take its answers is read no further: they would pile up here.
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { lookAtInflow } from '../../../../src/cli/bridge/inflow.js';
import { Output } from '../../../../src/cli/bridge/output.js';

it('is as fast as the slower of the two', () => {
  let waiting = 0;
  let drained: (() => void)[] = [];
  let isFull = false;
  const stdin = new PassThrough();
  const output = new Output({ get writableLength() { return waiting; }, write: () => true, once: (_event, listener) => drained.push(listener) });
  const parts = { stdin, isFull: () => isFull, output };
  const drain = (left: number): void => {
    waiting = left;
    const told = drained;
    drained = [];
    for (const listener of told) listener();
  };
  const paused = (): boolean => {
    lookAtInflow(parts);
    return stdin.isPaused();
  };
  expect(paused()).toBe(false);
  waiting = 9 * 1024 * 1024;
  expect([paused(), paused(), drained.length]).toEqual([true, true, 1]);
  drain(9 * 1024 * 1024); // and full again
  expect([stdin.isPaused(), drained.length]).toEqual([true, 1]);
  drain(0);
  expect(stdin.isPaused()).toBe(false);
  isFull = true;
  expect(paused()).toBe(true);
  waiting = 9 * 1024 * 1024;
  expect(paused()).toBe(true);
  drain(0);
  expect(stdin.isPaused()).toBe(true); // what was said is not out yet
  isFull = false;
  expect(paused()).toBe(false);
});
