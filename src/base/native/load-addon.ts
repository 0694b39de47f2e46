// Loads one of native/build's addons where it is built and of this build. Each has a TypeScript twin: a machine without a compiler is slower, not weaker.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { installed } from '../installation.js';

/** Undefined where the addon is absent, doesn't load here, or speaks another contract. */
export function loadAddon<Addon extends object>(name: string, contract: number, file = installed(`native/build/${name}.node`)): Addon | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const addon = createRequire(import.meta.url)(file) as Addon & { readonly contract?: unknown };
    return addon.contract === contract ? addon : undefined;
  } catch {
    return undefined;
  }
}
