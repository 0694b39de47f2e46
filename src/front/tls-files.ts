// Checks certificate, key and trust bundle before uWebSockets.js gets them: its own error says nothing.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { GatewayConfig } from '../base/config/schema.js';

export interface TlsFiles {
  /** PEM, the leaf first. */
  readonly certificateFile: string;
  readonly privateKeyFile: string;
  /** PEM; who may call. */
  readonly trustBundleFile: string;
}

export function tlsFilesOf(tls: GatewayConfig['tls']): TlsFiles {
  return { certificateFile: tls.certificate_file, privateKeyFile: tls.private_key_file, trustBundleFile: tls.trust_bundle_file };
}

export class FrontTlsError extends Error {
  override readonly name = 'FrontTlsError';
  readonly file: string;

  constructor(file: string, cause: string) {
    super(`${file}: ${cause}`);
    this.file = file;
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

function read(file: string, key: string): string {
  if (file === '') throw new FrontTlsError('config/gateway.yaml', `tls.${key} is empty; mTLS needs it`);
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new FrontTlsError(file, `cannot be read (tls.${key}): ${error instanceof Error && 'code' in error ? String(error.code) : 'unknown cause'}`);
  }
}

function checkCertificates(file: string, pem: string): X509Certificate[] {
  const found = pem.match(CERTIFICATE) ?? [];
  // An empty bundle would make uWebSockets.js ask no client for a certificate at all.
  if (found.length === 0) throw new FrontTlsError(file, 'holds no PEM certificate');
  return found.map((text, at) => {
    try {
      return new X509Certificate(text);
    } catch {
      throw new FrontTlsError(file, `certificate ${at + 1} of ${found.length} cannot be parsed`);
    }
  });
}

/** What the files hold. */
export interface TlsFacts {
  /** Fingerprints of the trust bundle's. */
  readonly authorities: ReadonlySet<string>;
  /** From when on all of the certificate and its chain hold, and when the first of them ends, since the epoch. */
  readonly certificateBeginsMs: number;
  readonly certificateEndsMs: number;
}

/** Throws FrontTlsError: a file is missing or not PEM, or the key is not the certificate's. */
export function checkTlsFiles(files: TlsFiles): TlsFacts {
  const certificate = read(files.certificateFile, 'certificate_file');
  const key = read(files.privateKeyFile, 'private_key_file');
  const chain = checkCertificates(files.certificateFile, certificate);
  const authorities = checkCertificates(files.trustBundleFile, read(files.trustBundleFile, 'trust_bundle_file'));
  try {
    createSecureContext({ cert: certificate, key });
  } catch {
    throw new FrontTlsError(files.privateKeyFile, `is not the private key of ${files.certificateFile}`);
  }
  return {
    authorities: new Set(authorities.map(({ fingerprint256 }) => fingerprint256)),
    certificateBeginsMs: Math.max(...chain.map(({ validFrom }) => Date.parse(validFrom))), certificateEndsMs: Math.min(...chain.map(({ validTo }) => Date.parse(validTo))),
  };
}
