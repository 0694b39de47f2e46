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

it('ends those over TLS when their listener was replaced, after each was judged, and those that it still carried later', async () => {
  const streams = new OpenStreams();
  const ended: string[] = [];
  const judged = (name: string) => async (): Promise<void> => {
    await Promise.resolve();
    ended.push(`${name} judged`);
  };
  streams.add(() => void ended.push('plain'), judged('plain'));
  streams.add(() => void ended.push('old'), judged('old'), 10);
  streams.add(() => void ended.push('new'), judged('new'), 30);
  await streams.endOverTls(20);
  streams.add(() => void ended.push('late'), undefined, 15);
  streams.add(() => void ended.push('newer'), undefined, 20);
  expect(ended).toEqual(['plain judged', 'old judged', 'new judged', 'old', 'late']);
});
