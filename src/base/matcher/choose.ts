// Which matcher this process uses, and why: Hyperscan where its addon loads, else RE2; both give the same answers.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { installed } from '../installation.js';
import { keepFile, readKept } from '../kept/kept-files.js';
import { loadHyperscan, type HyperscanAddon } from './hyperscan-binding.js';
import { HyperscanMatcher } from './hyperscan.js';
import { Re2Matcher } from './re2.js';
import type { Pattern, ShareableMatcher } from './types.js';

export interface MatcherOptions {
  /** auto takes Hyperscan where it loads; a named engine that is absent throws. */
  readonly engine: 'auto' | 'hyperscan' | 're2';
  /** Compiled databases are kept here (about 1 MB each); undefined = nowhere. */
  readonly cacheDir?: string | undefined;
  /** What serialize() of a matcher with the same patterns gave in another thread. */
  readonly serialized?: SharedArrayBuffer | undefined;
  /** The addon; for tests. */
  readonly addonFile?: string | undefined;
}

const ADDON_FILE = installed('native/build/hyperscan.node');

type Loaded = { readonly addon: HyperscanAddon } | { readonly absent: string };

function load(file: string): Loaded {
  if (!existsSync(file)) return { absent: 'the Hyperscan addon is not built: install libhyperscan-dev (x64) or libvectorscan-dev (arm64), then node native/build.mjs' };
  try {
    return { addon: loadHyperscan(file) };
  } catch (error) {
    return { absent: `the Hyperscan addon does not load: ${(error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''}` };
  }
}

function buildHyperscan(addon: HyperscanAddon, patterns: readonly Pattern[], options: MatcherOptions): HyperscanMatcher {
  const because = `Hyperscan ${addon.version.split(' ')[0] ?? ''}`;
  if (options.serialized !== undefined) return new HyperscanMatcher(addon, patterns, because, new Uint8Array(options.serialized));
  if (options.cacheDir === undefined) return new HyperscanMatcher(addon, patterns, because);
  const key = createHash('sha256').update(JSON.stringify([addon.version, addon.platform, patterns])).digest('hex').slice(0, 32);
  const file = { kind: 'matcher', key, ending: '.hsdb' };
  const matcher = new HyperscanMatcher(addon, patterns, because, readKept(options.cacheDir, file));
  if (!matcher.reopened) keepFile(options.cacheDir, file, new Uint8Array(matcher.serialize()));
  return matcher;
}

function buildRe2(patterns: readonly Pattern[], because: string): ShareableMatcher {
  return Object.assign(new Re2Matcher(patterns, because), { besides: [], serialize: () => undefined });
}

/** Throws on a pattern RE2 refuses, on a repeated id, and when `engine` names an engine that is absent. One matcher per thread. */
export function buildMatcher(patterns: readonly Pattern[], options: MatcherOptions): ShareableMatcher {
  if (options.engine === 're2') return buildRe2(patterns, 'RE2: chosen by the configuration');
  const loaded = load(options.addonFile ?? ADDON_FILE);
  if ('addon' in loaded) return buildHyperscan(loaded.addon, patterns, options);
  if (options.engine === 'hyperscan') throw new Error(`dlp.engine is hyperscan, but ${loaded.absent}`);
  return buildRe2(patterns, `RE2: ${loaded.absent}`);
}
