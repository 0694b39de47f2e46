// hyperscan.node as this room uses it: what the addon exports, and loading it.
import { createRequire } from 'node:module';

/** Opaque; belongs to the thread that made it. */
export interface HyperscanDatabase {
  readonly hyperscanDatabase: unique symbol;
}

/** Every verb throws TypeError on arguments of another kind, and on a closed database. */
export interface HyperscanAddon {
  /** A pattern it refuses: an Error with code ERR_PATTERN and `index`. */
  compile(sources: readonly string[], flags: Uint32Array): HyperscanDatabase;
  /** How many pattern indices were written to `out`; −1 when it was too short. */
  scan(database: HyperscanDatabase, bytes: Uint8Array, out: Uint32Array): number;
  serialize(database: HyperscanDatabase): Buffer;
  deserialize(bytes: Uint8Array): HyperscanDatabase;
  close(database: HyperscanDatabase): void;
  readonly version: string;
  /** What a serialized database is bound to besides the version. */
  readonly platform: string;
  readonly contract: number;
}

/** Raised with every change of a verb; native/hyperscan/addon.cc holds the same number. */
const CONTRACT = 1;
const VERBS = ['compile', 'scan', 'serialize', 'deserialize', 'close'] as const;

function isAddon(value: unknown): value is HyperscanAddon {
  if (typeof value !== 'object' || value === null) return false;
  const members = value as Readonly<Record<string, unknown>>;
  return VERBS.every((verb) => typeof members[verb] === 'function') && typeof members.version === 'string' && typeof members.platform === 'string';
}

/** Throws when the file is absent, doesn't load here (libhs missing, processor too old), or is of another build. */
export function loadHyperscan(file: string): HyperscanAddon {
  const addon: unknown = createRequire(import.meta.url)(file);
  if (!isAddon(addon) || addon.contract !== CONTRACT) throw new Error(`${file} is of another build`);
  return addon;
}

/** Index of the pattern a compile was refused for, −1 for any other error. */
export function refusedPattern(error: unknown): number {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_PATTERN') return -1;
  return 'index' in error && typeof error.index === 'number' ? error.index : -1;
}
