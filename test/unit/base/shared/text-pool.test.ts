// Texts in shared memory: each stands once, is freed with its last reference, and is read as it was written.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NONE } from '../../../../src/base/shared/table.js';
import { TextPool, textPoolBytes } from '../../../../src/base/shared/text-pool.js';
import { tableOf } from '../../../support/shared-tables.js';

const PIECES = 12;
function poolOf() {
  const table = tableOf({ capacity: 1, dataBytes: 8, extraBytes: textPoolBytes(PIECES) });
  const stripe = table.stripeOf(table.hashOf(''));
  return { pool: new TextPool(stripe, PIECES), second: new TextPool(stripe, PIECES), hold: (pool: TextPool, text: string) => pool.hold(table.hashOf(text), Buffer.from(text)) };
}

describe('a pool of texts', () => {
  it('agrees with a counted set on any sequence, for two readers', () => {
    const texts = fc.constantFrom('', 'a', 'tool', 'exactly 28 bytes are in here', 'x'.repeat(29), 'ü'.repeat(44), 'z'.repeat(89), 'y'.repeat(300));
    const step = fc.record({ text: texts, hold: fc.boolean() });
    const piecesOf = (text: string): number => 1 + Math.max(0, Math.ceil((Buffer.byteLength(text) - 28) / 60));
    fc.assert(fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const { pool, second, hold } = poolOf();
      const held = new Map<string, { id: number; count: number }>();
      for (const { text, hold: holds } of steps) {
        const known = held.get(text);
        if (holds) {
          const used = [...held.keys()].reduce((total, one) => total + piecesOf(one), 0);
          const id = hold(pool, text);
          expect(id === NONE).toBe(known === undefined && used + piecesOf(text) > PIECES);
          if (id !== NONE) held.set(text, { id, count: (known?.count ?? 0) + 1 });
          if (known !== undefined) expect(id).toBe(known.id);
        } else if (known !== undefined) {
          pool.letGo(known.id);
          if (known.count === 1) held.delete(text);
          else held.set(text, { id: known.id, count: known.count - 1 });
        }
        for (const [one, { id }] of held) expect([pool.read(id), second.read(id)]).toEqual([one, one]);
      }
    }));
  });
});
