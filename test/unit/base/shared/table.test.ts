// Shared tables against a Map: any sequence of adding, finding and removing, in tables that run full.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NONE, SharedTable, createTableMemory } from '../../../../src/base/shared/table.js';
import { tableOf } from '../../../support/shared-tables.js';

describe('a shared table', () => {
  it('agrees with a Map on any sequence, and clears what it gives anew', () => {
    const step = fc.record({ what: fc.constantFrom('add', 'remove', 'find'), key: fc.integer({ min: 0, max: 40 }) });
    fc.assert(fc.property(fc.integer({ min: 1, max: 30 }), fc.array(step, { maxLength: 300 }), (capacity, steps) => {
      const table = tableOf({ capacity, dataBytes: 16 });
      const model = new Map<number, number>();
      let value = 0;
      for (const { what, key } of steps) {
        const hash = table.hashOf(String(key));
        const stripe = table.stripeOf(hash);
        stripe.lock();
        const found = stripe.find(hash);
        expect(found === NONE ? undefined : stripe.words[stripe.wordAt(found)]).toBe(model.get(key));
        if (what === 'remove' && found !== NONE) {
          stripe.remove(found);
          model.delete(key);
        }
        if (what === 'add' && found === NONE) {
          const added = stripe.add(hash);
          expect(added === NONE).toBe(model.size === capacity);
          if (added !== NONE) {
            expect([...stripe.words.subarray(stripe.wordAt(added), stripe.wordAt(added) + 4)]).toEqual([0, 0, 0, 0]);
            stripe.words[stripe.wordAt(added)] = ++value;
            stripe.doubles[stripe.doubleAt(added) + 1] = value;
            model.set(key, value);
          }
        }
        stripe.unlock();
        expect(table.size).toBe(model.size);
      }
    }));
  });

  it('visits every record in use by sweeping', () => {
    const table = tableOf({ capacity: 10, dataBytes: 8 });
    const stripe = table.stripeOf(table.hashOf('0'));
    for (let key = 0; key < 10; key++) stripe.add(table.hashOf(String(key)));
    stripe.remove(stripe.find(table.hashOf('3')));
    expect(new Set(Array.from({ length: 12 }, () => stripe.sweep(2)))).toEqual(new Set([0, 1, 2, 4, 5, 6, 7, 8, 9]));
    for (const key of [0, 1, 2, 4, 5, 6, 7, 8, 9]) stripe.remove(stripe.find(table.hashOf(String(key))));
    expect(stripe.sweep(100)).toBe(NONE);
  });

  it('is the same for whoever opens its memory, and takes at least nine tenths of what it is made for', () => {
    const memory = createTableMemory({ capacity: 100_000, dataBytes: 8 });
    const [one, two] = [new SharedTable(memory, 1), new SharedTable(memory, 2)];
    let added = 0;
    while (one.stripeOf(one.hashOf(String(added))).add(one.hashOf(String(added))) !== NONE) added++;
    expect(added).toBeGreaterThan(90_000);
    expect(two.size).toBe(added);
    expect(two.stripeOf(two.hashOf('77')).find(two.hashOf('77'))).not.toBe(NONE);
  });

  it('opens the locks of a thread that ended, and of no other', () => {
    const memory = createTableMemory({ capacity: 1, dataBytes: 8 });
    const [one, two] = [new SharedTable(memory, 1), new SharedTable(memory, 2)];
    one.stripes[0]?.lock();
    expect(() => one.stripes[0]?.lock()).toThrow();
    two.openLocksOf(3);
    expect(() => one.stripes[0]?.lock()).toThrow();
    two.openLocksOf(1);
    two.stripes[0]?.lock();
    two.stripes[0]?.unlock();
  });
});
