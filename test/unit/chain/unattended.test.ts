// Requests without a client: known until their record is written, and ended with their thread.
import { expect, it } from 'vitest';
import { Unattended } from '../../../src/chain/unattended.js';
import type { LossCause } from '../../../src/front/types.js';

function setUp() {
  const unattended = new Unattended();
  const lost: string[] = [];
  const request = (name: string) => ({ lose: (cause: LossCause) => void lost.push(`${name} ${cause}`) });
  return { unattended, lost, request };
}

it('says when none is left', () => {
  const { unattended, request } = setUp();
  const [one, two] = [request('one'), request('two')];
  let none = 0;
  unattended.onNone(() => void none++);
  unattended.add(one);
  unattended.add(two);
  unattended.remove(one);
  expect([unattended.size, none]).toEqual([1, 0]);
  unattended.remove(two);
  expect([unattended.size, none]).toEqual([0, 1]);
});

it('ends all, and whoever comes later at once', () => {
  const { unattended, lost, request } = setUp();
  unattended.add(request('one'));
  unattended.lose('shutdown');
  unattended.add(request('late'));
  expect(lost).toEqual(['one shutdown', 'late shutdown']);
});

it('may lose members while it ends them', () => {
  const { unattended, lost, request } = setUp();
  const leaving = { lose: () => void unattended.remove(leaving) };
  unattended.add(leaving);
  unattended.add(request('two'));
  unattended.lose('gateway');
  expect([lost, unattended.size]).toEqual([['two gateway'], 1]);
});
