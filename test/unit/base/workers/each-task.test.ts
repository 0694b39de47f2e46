// A fault is one task's alone.
import { expect, it } from 'vitest';
import { eachTask } from '../../../../src/base/workers/each-task.js';

it('answers each task by itself', () => {
  const fault = new Error('odd');
  const halve = eachTask((value: number) => {
    if (value % 2 === 1) throw fault;
    return value / 2;
  });
  expect(halve([4, 3, 8])).toEqual([{ answer: 2 }, { fault }, { answer: 4 }]);
});
