// Streams without an end of their own are given one, also those that begin when it is too late.
import { expect, it } from 'vitest';
import { OpenStreams } from '../../../src/terminals/open-streams.js';

it('ends what is open, and what opens after that at once', () => {
  const streams = new OpenStreams();
  const ended: string[] = [];
  const gone = (): void => void ended.push('gone');
  const first = (): void => {
    ended.push('first');
    streams.delete(first);
  };
  streams.add(gone);
  streams.add(first);
  streams.add(() => void ended.push('second'));
  streams.delete(gone);
  streams.endAll();
  streams.add(() => void ended.push('late'));
  expect(ended).toEqual(['first', 'second', 'late']);
});
