// Checks of certificates and bundles: readable, and not about to expire.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ConfigFault } from '../../base/config/fault.js';
import type { GatewayConfig } from '../../base/config/schema.js';
import { parseJwtBundle } from '../../engines/identity/jwt-bundle.js';
import { checkTlsFiles, FrontTlsError } from '../../front/tls-files.js';
import { plural } from '../printing.js';
import type { Project } from '../project.js';
import { bad, note, ok, type CheckResult } from './check.js';

const DAY_MS = 86_400_000;
const EXPIRES_SOON_DAYS = 7;
const BUNDLE = 'trust bundle';
const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

export function checkCertificates(project: Project, config: GatewayConfig, nowMs: number): CheckResult[] {
  const { tls, identity } = config;
  const pem = tls.enabled ? [['certificate', tls.certificate_file], [BUNDLE, tls.trust_bundle_file]] as const : [];
  const results = pem.map(([what, file]) => checkPem(what, project.path(file), nowMs));
  if (tls.enabled && results.every(({ state }) => state !== 'bad')) results.push(...checkKey(project, tls));
  if (identity.jwt_bundle_file !== '') results.push(checkKeySet(project.path(identity.jwt_bundle_file)));
  return results.length > 0 ? results : [ok('certificates', 'none configured (no mTLS, no JWT-SVID)')];
}

/** Nothing, where the gateway would take the files up. */
function checkKey(project: Project, tls: GatewayConfig['tls']): CheckResult[] {
  try {
    checkTlsFiles({ certificateFile: project.path(tls.certificate_file), privateKeyFile: project.path(tls.private_key_file), trustBundleFile: project.path(tls.trust_bundle_file) });
    return [];
  } catch (error) {
    if (!(error instanceof FrontTlsError)) throw error;
    return [bad('private key', error.message, 'Put the key of tls.certificate_file there, readable for the gateway\'s user.')];
  }
}

function checkPem(what: string, file: string, nowMs: number): CheckResult {
  let certificates: X509Certificate[];
  try {
    certificates = (readFileSync(file, 'utf8').match(PEM) ?? []).map((text) => new X509Certificate(text));
  } catch (error) {
    return bad(what, `${file}: ${error instanceof Error ? error.message : 'unreadable'}`, 'Put a PEM file there.');
  }
  if (certificates.length === 0) return bad(what, `${file} holds no certificate`, 'Put a PEM file there.');
  const begin = Math.max(...certificates.map(({ validFrom }) => Date.parse(validFrom)));
  // A bundle may hold the next authority before its time.
  if (what !== BUNDLE && nowMs < begin) return bad(what, `${file} is not valid before ${new Date(begin).toISOString()}`, 'Set this machine\'s clock, or replace the file; it is taken up without a restart.');
  const left = certificates.map((certificate) => Math.floor((Date.parse(certificate.validTo) - nowMs) / DAY_MS));
  const live = left.filter((days) => days >= 0);
  // Of a chain each must hold; of a bundle's authorities one may have had its time.
  if (live.length === 0 || (what !== BUNDLE && live.length < left.length)) return bad(what, `${file} has expired`, 'Replace it; it is taken up without a restart.');
  if (live.length < left.length) return note(what, `${file}: ${left.length - live.length} of ${left.length} authorities expired`, 'Leave out what has expired: it vouches for nobody.');
  const days = Math.min(...live);
  return days < EXPIRES_SOON_DAYS ? note(what, `${file} expires in ${days} d`, 'Replace it; it is taken up without a restart.') : ok(what, `good for ${days} d`);
}

/** As the gateway reads it: of a key set only what is for JWT-SVIDs counts. */
function checkKeySet(file: string): CheckResult {
  try {
    return ok('JWT bundle', plural(parseJwtBundle(readFileSync(file, 'utf8'), file).size, 'key'));
  } catch (error) {
    if (error instanceof ConfigFault) return bad('JWT bundle', `${file}: ${error.message}`, error.remedy ?? 'Fetch the bundle of the trust domain again.');
    return bad('JWT bundle', `${file}: ${error instanceof Error ? error.message : 'unreadable'}`, 'Put a JWK set there.');
  }
}
