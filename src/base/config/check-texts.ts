// Texts that any text would pass for, and that then decide nothing, or refuse everything: each must be what its key is for.
import type { TogetherFault } from './check-together.js';
import type { GatewayConfig } from './schema.js';
import { parseTrustedPeers } from './trusted-peers.js';
import type { KeyPath } from './yaml-lines.js';

const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/; // SPIFFE-ID section 2.1
const HTTP_URL = /^https?:\/\/[^\s"<>]+$/;
const HOST = /^(?:\[[0-9a-f:.]+\]|[^\s:/@?#\\[\]*]+)(?::\d{1,5})?$/i;
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#*]+\/?$|^null$/i; // null: RFC 6454 section 6.1

export function checkTexts({ state_dir: stateDir, identity, front, dev, guard, telemetry, docs }: GatewayConfig): TogetherFault[] {
  const faults: TogetherFault[] = [];
  const refuse = (path: KeyPath, value: string, what: string, remedy: string): void => {
    faults.push({ path, message: `${path.filter((step) => typeof step === 'string').join('.')}: ${value === '' ? 'an empty text' : value} is ${what}.`, remedy });
  };
  if (stateDir.trim() === '') refuse(['state_dir'], stateDir.trim(), 'no folder', 'Name one of its own, such as .precinct.'); // it would be the project's
  if (!TRUST_DOMAIN.test(identity.trust_domain)) refuse(['identity', 'trust_domain'], identity.trust_domain, 'not a SPIFFE trust domain', 'Write its name alone: lower-case letters, digits, dots, dashes and underscores.');
  if (guard.url !== '' && !isUrl(guard.url)) refuse(['guard', 'url'], guard.url, 'not an http: or https: URL', 'Write the whole address of the endpoint, or leave it empty.');
  const { otlp_endpoint: collector } = telemetry;
  if (collector !== '' && !isUrl(collector)) refuse(['telemetry', 'otlp_endpoint'], collector, 'not an http: or https: URL', 'Write that of the collector\'s OTLP port for HTTP, such as http://127.0.0.1:4318, or leave it empty.');
  if (docs.base_url !== '' && !HTTP_URL.test(docs.base_url)) refuse(['docs', 'base_url'], docs.base_url, 'not an http: or https: URL', 'Write where the folder docs/ is served, or leave it empty.');
  for (const [i, host] of front.allowed_hosts.entries()) if (!HOST.test(host)) refuse(['front', 'allowed_hosts', i], host, 'not a host name', 'Write host or host:port, each name whole, without a scheme or wildcard.');
  for (const [i, origin] of front.allowed_origins.entries()) if (!ORIGIN.test(origin)) refuse(['front', 'allowed_origins', i], origin, 'not an origin', 'Write scheme://host or scheme://host:port, each one whole, without a path or wildcard.');
  for (const [i, peer] of dev.trusted_peers.entries()) if (!isPeer(peer)) refuse(['dev', 'trusted_peers', i], peer, 'neither an IP address nor a CIDR block', 'Write one, such as 10.0.0.0/8.');
  return faults;
}

function isUrl(text: string): boolean {
  return HTTP_URL.test(text) && URL.canParse(text);
}

function isPeer(entry: string): boolean {
  try {
    parseTrustedPeers([entry]);
    return true;
  } catch {
    return false;
  }
}
