// Which JSON guard this process uses: the native addon where it loads, else its TypeScript twin; both give the same answers.
import { existsSync } from 'node:fs';
import { installed } from '../installation.js';
import { loadNativeGuard } from './native-guard.js';
import { drawSeed, type HashSeed } from './siphash.js';
import type { JsonGuard } from './types.js';
import { createTypescriptGuard } from './typescript-guard.js';

const ADDON_FILE = installed('native/build/json_guard.node');

/** One per thread: a guard is not re-entrant. */
export function loadJsonGuard(addonFile: string = ADDON_FILE, seed: HashSeed = drawSeed()): JsonGuard {
  if (!existsSync(addonFile)) return createTypescriptGuard(seed, 'TypeScript: the native addon is not built (node native/build.mjs)');
  try {
    return loadNativeGuard(addonFile);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] ?? '' : String(cause);
    return createTypescriptGuard(seed, `TypeScript: the native addon does not load here (${reason}); run node native/build.mjs`);
  }
}
