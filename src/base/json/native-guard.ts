// The JSON guard of native/build/json_guard.node behind the JsonGuard interface.
import { createRequire } from 'node:module';
import { GUARD_OUT_LENGTH, GUARD_STATUS } from './types.js';
import type { JsonGuard } from './types.js';

/** What the addon exports. Throws TypeError on arguments of any other kind. */
interface JsonGuardAddon {
  /** Index into GUARD_STATUS. */
  check(bytes: Uint8Array, depthMax: number, keysMax: number, tokenizerOnly: boolean, out: Uint32Array): number;
  /** `avx2`, `sse2` or `portable`: how strings are scanned on this processor. */
  readonly scan: string;
  /** Contract number: an addon of another build must not be used. */
  readonly contract: number;
}

/** Raised with every change of a verb's arguments, slots or statuses; native/json_guard/addon.cc holds the same number. */
export const JSON_GUARD_CONTRACT = 4;

function isAddon(value: unknown): value is JsonGuardAddon {
  return typeof value === 'object' && value !== null && 'check' in value && typeof value.check === 'function' && 'scan' in value && typeof value.scan === 'string';
}

/** Throws when the file is absent, doesn't load here, or is of another build. */
export function loadNativeGuard(file: string): JsonGuard {
  const addon: unknown = createRequire(import.meta.url)(file);
  if (!isAddon(addon) || addon.contract !== JSON_GUARD_CONTRACT) throw new Error(`${file} is of another build`);
  return {
    engine: 'native',
    because: `native addon, ${addon.scan} string scan`,
    scratch: new Uint32Array(GUARD_OUT_LENGTH),
    check(bytes, limits, out) {
      const status = GUARD_STATUS[addon.check(bytes, limits.depthMax, limits.keysMax, limits.tokenizerOnly === true, out)];
      if (status === undefined) throw new Error('JSON guard: unknown status');
      return status;
    },
  };
}
