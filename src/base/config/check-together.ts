// What no single key can say: combinations that would start a gateway that is open, or that refuses everything.
import type { GatewayConfig } from './schema.js';
import type { KeyPath } from './yaml-lines.js';

export interface TogetherFault {
  readonly path: KeyPath;
  readonly message: string;
  readonly remedy: string;
}

type Rule = (config: GatewayConfig) => TogetherFault | undefined;

export function checkTogether(config: GatewayConfig): TogetherFault[] {
  return RULES.map((rule) => rule(config)).filter((fault) => fault !== undefined);
}

const RULES: readonly Rule[] = [
  devStaysOnLoopback,
  tlsHasItsFile('certificate_file'),
  tlsHasItsFile('private_key_file'),
  tlsHasItsFile('trust_bundle_file'),
  somethingListens,
  jwtHasAudience,
  strictHasGuard,
  grantHasOneKey,
  sessionsHaveRoom,
];

const SESSION_BYTES = 160; // and 12 an action: what one place in the table of sessions takes
const ACTION_BYTES = 12;
const GIB = 1024 ** 3;
const SESSION_TABLE_GIB_MAX = 16; // it is reserved at the start; more than this was meant otherwise

/** Or says who beyond it is believed: in a container even the machine's own callers come from elsewhere. */
function devStaysOnLoopback({ profile, front, dev }: GatewayConfig): TogetherFault | undefined {
  if (profile !== 'dev' || !front.plain || isLoopbackHost(front.host) || dev.trusted_peers.length > 0) return undefined;
  return {
    path: ['front', 'host'],
    message: `front.host: ${front.host} is not a loopback address, and the dev profile believes declared identities.`,
    remedy: 'Use 127.0.0.1, or profile: strict; or name in dev.trusted_peers whose declarations are believed.',
  };
}

export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

function tlsHasItsFile(key: 'certificate_file' | 'private_key_file' | 'trust_bundle_file'): Rule {
  return ({ tls }) =>
    tls.enabled && tls[key] === ''
      ? { path: ['tls', key], message: `tls.${key}: empty, while tls.enabled is true.`, remedy: 'Name the PEM file, or set tls.enabled: false.' }
      : undefined;
}

function somethingListens({ front, tls }: GatewayConfig): TogetherFault | undefined {
  if (front.plain || tls.enabled) return undefined;
  return { path: ['front', 'plain'], message: 'front.plain: false, while tls.enabled is false: nothing would listen.', remedy: 'Enable one of them.' };
}

function jwtHasAudience({ identity }: GatewayConfig): TogetherFault | undefined {
  if (identity.jwt_bundle_file === '' || identity.jwt_audience.length > 0) return undefined;
  return {
    path: ['identity', 'jwt_audience'],
    message: 'identity.jwt_audience: empty, while identity.jwt_bundle_file is set: a token for any other service would pass.',
    remedy: 'Name the audience this gateway is addressed by.',
  };
}

function strictHasGuard({ profile, guard }: GatewayConfig): TogetherFault | undefined {
  if (profile !== 'strict' || guard.url !== '') return undefined;
  return { path: ['guard', 'url'], message: 'guard.url: empty, and the strict profile does not start without a guard.', remedy: 'Set guard.url, or profile: dev on a loopback address.' };
}

function sessionsHaveRoom({ session }: GatewayConfig): TogetherFault | undefined {
  const gib = (session.sessions_max * (SESSION_BYTES + ACTION_BYTES * session.actions_kept)) / GIB;
  if (gib <= SESSION_TABLE_GIB_MAX) return undefined;
  return {
    path: ['session', 'actions_kept'], message: `session.actions_kept: with session.sessions_max the table of sessions would take ${Math.ceil(gib)} GiB; at most ${SESSION_TABLE_GIB_MAX}.`,
    remedy: 'Keep fewer actions or fewer sessions.',
  };
}

function grantHasOneKey({ secrets }: GatewayConfig): TogetherFault | undefined {
  if (secrets.key_file === '' || secrets.key_env === '') return undefined;
  return { path: ['secrets', 'key_env'], message: 'secrets.key_env and secrets.key_file are both set.', remedy: 'Keep one of them.' };
}
