// Loads uWebSockets.js on this machine's C library, and says which file was taken and why.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { patchUws, UwsBinaryError } from './patch-uws.js';
import type { Uws } from './uws-types.js';

/** The facts the choice depends on. */
export interface UwsHost {
  readonly platform: string;
  readonly arch: string;
  /** process.versions.modules */
  readonly abi: string;
  /** `2.36`; undefined where the C library is not glibc. */
  readonly glibc: string | undefined;
}

export interface UwsChoice {
  readonly fileName: string;
  readonly patch: boolean;
  readonly because: string;
}

export interface LoadedUws {
  readonly uws: Uws;
  /** Which binary was taken and why, for people. */
  readonly because: string;
}

const REMEDY = 'Use Debian 12 or 13, Ubuntu 24.04, or the container image.';

/** 2.36 brought arc4random, which the binary needs and no renaming can replace. */
const GLIBC_MINOR_MIN = 36;
const GLIBC_MINOR_AS_SHIPPED = 38;

function readGlibcVersion(): string | undefined {
  const report: unknown = process.report.getReport();
  const header = (report as { readonly header?: { readonly glibcVersionRuntime?: unknown } }).header;
  return typeof header?.glibcVersionRuntime === 'string' ? header.glibcVersionRuntime : undefined;
}

export function readUwsHost(): UwsHost {
  const { platform, arch, versions } = process;
  return { platform, arch, abi: versions.modules, glibc: platform === 'linux' ? readGlibcVersion() : undefined };
}

/** Throws UwsBinaryError where no binary can run. */
export function chooseUwsBinary(host: UwsHost): UwsChoice {
  const fileName = `uws_${host.platform}_${host.arch}_${host.abi}.node`;
  if (host.platform !== 'linux') return { fileName, patch: false, because: `${fileName} as shipped (${host.platform})` };
  const version = /^(\d+)\.(\d+)/.exec(host.glibc ?? '');
  if (version === null) {
    throw new UwsBinaryError(`uWebSockets.js needs glibc, and this system's C library is another one (musl?). ${REMEDY}`);
  }
  const minor = Number(version[1]) * 1000 + Number(version[2]) - 2000;
  if (minor < GLIBC_MINOR_MIN) {
    throw new UwsBinaryError(`uWebSockets.js needs glibc 2.${GLIBC_MINOR_MIN} or newer; this system has ${host.glibc}. ${REMEDY}`);
  }
  const patch = minor < GLIBC_MINOR_AS_SHIPPED;
  return { fileName, patch, because: `${fileName} ${patch ? 'patched for' : 'as shipped on'} glibc ${host.glibc}` };
}

/**
 * Loads the native part alone: the package's own entry would load the unpatched file.
 * `cacheDir` receives the patched copy where one is needed. Each worker thread calls this for itself.
 */
export function loadUws(cacheDir: string, host: UwsHost = readUwsHost()): LoadedUws {
  const choice = chooseUwsBinary(host);
  const require = createRequire(import.meta.url);
  const packageDir = dirname(require.resolve('uWebSockets.js'));
  const file = choice.patch ? patchUws(packageDir, choice.fileName, cacheDir) : join(packageDir, choice.fileName);
  try {
    const uws = require(file) as Uws;
    return { uws, because: choice.because };
  } catch (cause) {
    throw new UwsBinaryError(`${file}: ${cause instanceof Error ? cause.message : String(cause)}. uWebSockets.js 20.56.0 runs on Node 20, 22 and 24. ${REMEDY}`, { cause });
  }
}
