// A process that can't be started for want of descriptors: Node gives one without pipes, and tells by an event that ends the thread where nobody hears it.
import { EventEmitter, once } from 'node:events';
import type { spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import { notStarted, startProcess } from '../../../../src/upstream/stdio/start-process.js';

const PLACE = { program: { command: 'program', args: [], env: {}, cwd: undefined, instance: 'shared' }, bareEnvironment: {}, folder: '/' } as const;

it('is none, says why, and its own word of that ends nothing', () => {
  const without = new EventEmitter();
  expect(startProcess(PLACE, (() => without) as unknown as typeof spawn)).toBe('program can\'t be started (too many files are open)');
  expect(without.emit('error', new Error('spawn program EMFILE'))).toBe(true);
});

it('is told as the end of a process is, and nothing was sent to it', async () => {
  const told = new EventEmitter();
  const ended = once(told, 'closed');
  notStarted({ onMessage: () => false, onClosed: (fault) => void told.emit('closed', fault) }, 'it can\'t').send(Buffer.from('{}'), () => undefined);
  expect(await ended).toEqual([{ kind: 'transport', maybeSent: false, message: 'it can\'t' }]);
});
