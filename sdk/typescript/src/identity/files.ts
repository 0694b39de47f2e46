// Credentials that lie in files, read again when they change: whoever rotates them need not restart anybody.
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { ConfigurationError } from '../errors.js';
import type { TlsMaterial } from './credentials.js';
import { checkToken } from './svid.js';

export interface CertificatePaths {
  readonly cert: string;
  readonly key: string;
  readonly ca: string | undefined;
}

/** What tells that a file is another one. */
function stampOf(path: string): string {
  const { mtimeMs, size, ino } = statSync(path);
  return `${mtimeMs} ${size} ${ino}`;
}

function read(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigurationError(`${what} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}): ${path}`);
  }
}

/** A value made of files; made anew when one of them changed. While a change is half written, the value of before stays. */
class WatchedFiles<Value> {
  readonly #paths: readonly string[];
  readonly #make: () => Value;
  #stamp: string;
  #value: Value;

  /** Throws what `make` throws: what is wrong from the start is told at the start. */
  constructor(paths: readonly string[], make: () => Value) {
    this.#paths = paths;
    this.#make = make;
    this.#value = make();
    this.#stamp = this.#now() ?? '';
  }

  get(): Value {
    const stamp = this.#now();
    if (stamp === undefined || stamp === this.#stamp) return this.#value;
    try {
      this.#value = this.#make();
      this.#stamp = stamp;
    } catch {
      // Looked at again at the next call.
    }
    return this.#value;
  }

  #now(): string | undefined {
    try {
      return this.#paths.map(stampOf).join(',');
    } catch {
      return undefined;
    }
  }
}

export function certificateFiles({ cert, key, ca }: CertificatePaths): WatchedFiles<TlsMaterial> {
  return new WatchedFiles([cert, key, ...(ca === undefined ? [] : [ca])], () => {
    const material = { cert: read(cert, 'The certificate'), key: read(key, 'The key of the certificate'), ca: ca === undefined ? undefined : [read(ca, 'The CA file')] };
    checkPair(material.cert, material.key);
    return material;
  });
}

export function caFile(path: string): WatchedFiles<TlsMaterial> {
  return new WatchedFiles([path], () => ({ cert: undefined, key: undefined, ca: [read(path, 'The CA file')] }));
}

export function tokenFile(path: string): WatchedFiles<string> {
  return new WatchedFiles([path], () => checkToken(read(path, 'The JWT-SVID'), 'The content of the JWT-SVID file'));
}

export type { WatchedFiles };

function checkPair(cert: string, key: string): void {
  let isPair = false;
  try {
    isPair = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch {
    // Said below: the errors of the parser may quote what they read.
  }
  if (!isPair) throw new ConfigurationError('The certificate and its key are no pair of PEM files.');
}
