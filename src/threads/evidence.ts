// The files that prove who calls: certificates, trust bundle, JWT bundle. A start wants all of them; while the gateway runs each is replaced for itself.
import { readFileSync } from 'node:fs';
import { ConfigFault, WHOLE_FILE } from '../base/config/fault.js';
import { resolveInProject, shownPath } from '../base/config/load.js';
import { joinFaults } from '../base/config/schema-faults.js';
import type { GatewayConfig } from '../base/config/schema.js';
import { parseJwtBundle } from '../engines/identity/jwt-bundle.js';
import { parseX509Bundle } from '../engines/identity/x509-bundle.js';
import { checkTlsFiles, FrontTlsError, tlsFilesOf } from '../front/tls-files.js';

/** Undefined = not configured, or, of what was replaced: what was in force before stays. */
export interface Evidence {
  readonly jwtBundle: string | undefined;
  readonly trustBundle: string | undefined;
}

export interface SoundEvidence {
  readonly evidence: Evidence;
  /** Whether the listener can be opened anew with the files as they stand. */
  readonly replaceTls: boolean;
  readonly faults: readonly ConfigFault[];
}

const REMEDY = 'Restore the file, or name another in the config file.';

/** The listener's files, found from wherever the gateway was started. */
export function tlsInProject(root: string, tls: GatewayConfig['tls']): GatewayConfig['tls'] {
  const found = (file: string): string => (file === '' ? '' : shownPath(resolveInProject(root, file)));
  return { ...tls, certificate_file: found(tls.certificate_file), private_key_file: found(tls.private_key_file), trust_bundle_file: found(tls.trust_bundle_file) };
}

/** Throws one ConfigFault for all that can't be read: the listener's own files are read by each thread anew, but a start names them with the others. */
export function readEvidence(root: string, config: GatewayConfig): Evidence {
  const { trustBundle, jwtBundle } = filesOf(config);
  const { enabled, certificate_file: certificate, private_key_file: privateKey } = config.tls;
  const faults: ConfigFault[] = [];
  const readable = (file: string): string | undefined => {
    try {
      return read(root, file);
    } catch (fault) {
      if (!(fault instanceof ConfigFault)) throw fault;
      faults.push(fault);
      return undefined;
    }
  };
  const evidence = { jwtBundle: readable(jwtBundle), trustBundle: readable(trustBundle) };
  for (const file of enabled ? [certificate, privateKey] : []) readable(file);
  if (faults.length > 0) throw joinFaults(faults);
  return evidence;
}

/** What may take the place of the old, each for itself: an authority that was taken out of one bundle must not stay because another file is wrong. */
export function readSoundEvidence(root: string, config: GatewayConfig): SoundEvidence {
  const faults: ConfigFault[] = [];
  const sound = (file: string, parse: (text: string, file: string) => unknown): string | undefined => {
    try {
      const text = read(root, file);
      if (text !== undefined) parse(text, file);
      return text;
    } catch (fault) {
      if (!(fault instanceof ConfigFault)) throw fault;
      faults.push(fault);
      return undefined;
    }
  };
  const files = filesOf(config);
  const jwtBundle = sound(files.jwtBundle, parseJwtBundle);
  const trustBundle = sound(files.trustBundle, parseX509Bundle);
  const unfit = trustBundle === undefined ? undefined : tlsFault(root, config);
  if (unfit !== undefined) faults.push(unfit);
  return { evidence: { jwtBundle, trustBundle }, replaceTls: trustBundle !== undefined && unfit === undefined, faults };
}

/** '' = none. */
function filesOf({ tls, identity }: GatewayConfig): { readonly jwtBundle: string; readonly trustBundle: string } {
  return { jwtBundle: identity.jwt_bundle_file, trustBundle: tls.enabled ? tls.trust_bundle_file : '' };
}

/** Why clients refuse the gateway, though it has taken its certificate up: which of the two clocks is right it can't know. Undefined = they don't, or the files are refused anyway. */
export function untimelyCertificate(root: string, { tls }: Pick<GatewayConfig, 'tls'>, nowMs: number): string | undefined {
  if (!tls.enabled) return undefined;
  let facts;
  try {
    facts = checkTlsFiles(tlsFilesOf(tlsInProject(root, tls)));
  } catch {
    return undefined;
  }
  const when = nowMs > facts.certificateEndsMs ? `ended at ${new Date(facts.certificateEndsMs).toISOString()}` : `begins at ${new Date(facts.certificateBeginsMs).toISOString()}`;
  return nowMs >= facts.certificateBeginsMs && nowMs <= facts.certificateEndsMs ? undefined : `tls.certificate_file: ${tls.certificate_file} ${when}, and clients refuse the gateway: replace it, or set the clock`;
}

function tlsFault(root: string, { tls }: GatewayConfig): ConfigFault | undefined {
  const found = tlsInProject(root, tls);
  try {
    checkTlsFiles(tlsFilesOf(found));
    return undefined;
  } catch (fault) {
    if (!(fault instanceof FrontTlsError)) throw fault;
    return new ConfigFault(fault.message.slice(fault.file.length + 2), { file: fault.file === found.private_key_file ? tls.private_key_file : tls.certificate_file, ...WHOLE_FILE, remedy: REMEDY });
  }
}

function read(root: string, file: string): string | undefined {
  if (file === '') return undefined;
  try {
    return readFileSync(resolveInProject(root, file), 'utf8');
  } catch {
    throw new ConfigFault(`${file} can't be read.`, { file, ...WHOLE_FILE, remedy: REMEDY });
  }
}
