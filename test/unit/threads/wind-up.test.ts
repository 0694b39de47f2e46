// How a gateway thread winds up: nothing is ended within the grace, and at its end nobody is forgotten, whoever holds the connection.
import { expect, it } from 'vitest';
import { endTheRest, letFinish, type WindUpParts } from '../../../src/threads/wind-up.js';

function setUp() {
  const done: string[] = [];
  const note = (what: string): void => void done.push(what);
  const wait = (what: string): Promise<void> => {
    note(what);
    return Promise.resolve();
  };
  const parts: WindUpParts = {
    front: { close: () => note('front closes'), idle: (ms) => wait(`front idle ${ms}`), lose: (cause) => note(`front loses by ${cause}`), drain: () => wait('front drains') },
    relay: { idle: (ms) => wait(`relay idle ${ms}`), lose: (cause) => note(`relay loses by ${cause}`) },
    gateway: { endStreams: () => note('streams end'), flush: () => note('flush'), idle: (ms) => wait(`gateway idle ${ms}`), lose: (cause) => note(`gateway loses by ${cause}`) },
  };
  return { parts, done };
}

it('waits for its own clients, for other threads\' and for requests whose client is gone', async () => {
  const { parts, done } = setUp();
  await letFinish(parts, 70);
  expect(done).toEqual(['front closes', 'streams end', 'flush', 'front idle 70', 'relay idle 70', 'gateway idle 70']);
});

it('then ends all three, and waits for their records before the front is gone', async () => {
  const { parts, done } = setUp();
  await endTheRest(parts);
  expect(done.slice(0, 4)).toEqual(['gateway loses by shutdown', 'relay loses by shutdown', 'front loses by shutdown', 'flush']);
  expect(done.slice(4).map((what) => what.replace(/ \d+$/, ''))).toEqual(['front drains', 'relay idle', 'gateway idle']);
});
