// The native guard against the shared cases, its argument checks, and its twin on generated texts.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadJsonGuard } from '../../../../src/base/json/choose.js';
import { loadNativeGuard } from '../../../../src/base/json/native-guard.js';
import { createTypescriptGuard } from '../../../../src/base/json/typescript-guard.js';
import { GUARD_OUT_LENGTH } from '../../../../src/base/json/types.js';
import { describeGuard } from './guard-cases.js';
import { hostileText, twinDifference } from './guard-texts.js';

const ADDON = fileURLToPath(new URL('../../../../native/build/json_guard.node', import.meta.url));
const built = existsSync(ADDON);

describe('the choice of the JSON guard', () => {
  it('takes the TypeScript twin where the addon is absent or damaged, and says so', () => {
    for (const file of ['/nonexistent/json_guard.node', fileURLToPath(import.meta.url)]) {
      const guard = loadJsonGuard(file);
      expect(guard.engine).toBe('typescript');
      expect(guard.check(Buffer.from('{"a":1,"a":2}'), { depthMax: 9, keysMax: 9 }, new Uint32Array(GUARD_OUT_LENGTH))).toBe('duplicate_key');
    }
  });

  it.skipIf(!built)('takes the native addon where it is built', () => {
    expect(loadJsonGuard().engine).toBe('native');
  });
});

if (built) {
  const native = loadNativeGuard(ADDON);
  describeGuard(native);

  describe('the native addon', () => {
    const { check } = createRequire(import.meta.url)(ADDON) as { check: (...args: unknown[]) => number };
    const bytes = Buffer.from('{}');
    const out = new Uint32Array(GUARD_OUT_LENGTH);

    it.each([
      [], [bytes], ['{}', 1, 1, false, out], [new Uint16Array(2), 1, 1, false, out], [bytes.buffer, 1, 1, false, out], [null, 1, 1, false, out],
      [bytes, -1, 1, false, out], [bytes, 1.5, 1, false, out], [bytes, NaN, 1, false, out], [bytes, 2 ** 32, 1, false, out], [bytes, '1', 1, false, out], [bytes, 1n, 1, false, out],
      [bytes, 1, Infinity, false, out], [bytes, 1, 1, 0, out], [bytes, 1, 1, undefined, out],
      [bytes, 1, 1, false, new Int32Array(GUARD_OUT_LENGTH)], [bytes, 1, 1, false, []], [bytes, 1, 1, false, undefined],
    ])('refuses wrong arguments with a TypeError (%#)', (...args: unknown[]) => {
      expect(() => check(...args)).toThrow(TypeError);
    });

    it('reads a detached buffer as empty and refuses a detached out', () => {
      const lost = new Uint8Array([0x7b, 0x7d]);
      structuredClone(lost.buffer, { transfer: [lost.buffer] });
      expect(native.check(lost, { depthMax: 9, keysMax: 9 }, out)).toBe('syntax');
      const lostOut = new Uint32Array(GUARD_OUT_LENGTH);
      structuredClone(lostOut.buffer, { transfer: [lostOut.buffer] });
      expect(() => native.check(bytes, { depthMax: 9, keysMax: 9 }, lostOut)).toThrow(RangeError);
    });

    it('reads shared memory and views into larger buffers', () => {
      const shared = new Uint8Array(new SharedArrayBuffer(32));
      shared.set(Buffer.from('xx{"id":7}yy'));
      expect(native.check(shared.subarray(2, 10), { depthMax: 9, keysMax: 9 }, out)).toBe('ok');
      expect([out[2], out[3]]).toEqual([6, 7]);
    });
  });

  describe('native and TypeScript', () => {
    it('agree on status, spans, flags, offset and key count of generated texts', () => {
      const twin = createTypescriptGuard({ k0: 5, k1: 6 }, 'twin');
      fc.assert(fc.property(hostileText, fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 40 }), fc.boolean(), (text, depthMax, keysMax, tokenizerOnly) => {
        expect(twinDifference(native, twin, text, { depthMax, keysMax, tokenizerOnly })).toBe('');
      }), { numRuns: 3000 });
    });
  });
} else {
  it('the native addon', (context) => { context.skip('not built: node native/build.mjs'); });
}
