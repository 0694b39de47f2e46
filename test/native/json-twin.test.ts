// The native JSON guard and its TypeScript twin on many generated texts. JSON_TWIN_TEXTS says how many (default 20,000); JSON_TWIN_ADDON names another build of the addon.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { loadNativeGuard } from '../../src/base/json/native-guard.js';
import { drawSeed } from '../../src/base/json/siphash.js';
import { createTypescriptGuard } from '../../src/base/json/typescript-guard.js';
import { GUARD_OUT_LENGTH, GUARD_STATUS } from '../../src/base/json/types.js';
import { hostileText, twinDifference } from '../unit/base/json/guard-texts.js';

const ADDON = process.env.JSON_TWIN_ADDON ?? fileURLToPath(new URL('../../native/build/json_guard.node', import.meta.url));
const TEXTS = Number(process.env.JSON_TWIN_TEXTS ?? 20_000);
const SLICE = 20_000;
const HOUR_MS = 3_600_000;

it.skipIf(!existsSync(ADDON))(`gives the same answer from both guards on ${TEXTS} texts, of every status`, async () => {
  const native = loadNativeGuard(ADDON);
  const twin = createTypescriptGuard(drawSeed(), 'twin');
  const seen = new Map<string, number>();
  const out = new Uint32Array(GUARD_OUT_LENGTH);
  const limits = fc.record({ depthMax: fc.constantFrom(0, 3, 5, 64, 64, 64, 64, 64), keysMax: fc.constantFrom(0, 3, 10, 1000, 1000, 1000, 1000, 1000), tokenizerOnly: fc.constantFrom(false, false, false, true) });
  const agrees = fc.property(hostileText, limits, (text, chosen) => {
    const difference = twinDifference(native, twin, text, chosen);
    if (difference !== '') throw new Error(difference);
    const status = native.check(text, chosen, out);
    seen.set(status, (seen.get(status) ?? 0) + 1);
  });
  for (let done = 0; done < TEXTS; done += SLICE) {
    fc.assert(agrees, { numRuns: Math.min(SLICE, TEXTS - done) });
    // The runner is told that this process is alive.
    await new Promise((resolve) => { setImmediate(resolve); });
  }
  process.stdout.write(`JSON guards agreed on ${TEXTS} texts: ${[...seen].sort().map(([status, count]) => `${status} ${count}`).join(', ')}\n`);
  expect([...seen.keys()].sort()).toEqual([...GUARD_STATUS].sort());
}, HOUR_MS);
