// A unix socket's path may have 107 bytes (sun_path); a project that lies deep in a home folder has more.
import { openSync } from 'node:fs';
import { basename, dirname, relative } from 'node:path';

const SOCKET_PATH_BYTES_MAX = 103; // 104 on macOS and BSD, 108 on Linux, each with a NUL

/** The same socket by a path short enough to connect to; the path itself when nothing shorter is known. */
export function reachableSocketPath(path: string): string {
  if (fits(path)) return path;
  const fromHere = relative(process.cwd(), path);
  if (fits(fromHere)) return fromHere;
  return process.platform === 'linux' ? throughDescriptor(path) : path;
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX;
}

/** The folder's descriptor stays open until the process ends: the CLI is short-lived, and the gateway needs its socket as long as it runs. */
function throughDescriptor(path: string): string {
  try {
    return `/proc/self/fd/${openSync(dirname(path), 'r')}/${basename(path)}`;
  } catch {
    return path; // no such folder: connecting will say so
  }
}
