// What kind of caller an identity is: its level among 0 system … 5 anonymous, read from its path.
import { pathOf, trustDomainOf } from './spiffe-id.js';
import type { Principal, SpiffeId } from './types.js';

const READ = ['read'] as const;
const WORK = ['read', 'write', 'execute'] as const;
const DELEGATE = ['read', 'write', 'execute', 'delegate'] as const;
const ADMIN = ['admin', 'read', 'write', 'execute', 'delegate'] as const;

const SYSTEM = principal(0, 'system', ADMIN);
const OWNER = principal(1, 'owner', ADMIN);
const DELEGATED_ADMIN = principal(2, 'delegated_admin', DELEGATE);
const AGENT = principal(3, 'agent', WORK);
const EXTERNAL_USER = principal(4, 'external_user', READ);
const ANONYMOUS = principal(5, 'anonymous', []);

const BY_FIRST_SEGMENT: ReadonlyMap<string, Principal> = new Map([
  ['system', SYSTEM],
  ['gateways', SYSTEM],
  ['owner', OWNER],
  ['delegated', DELEGATED_ADMIN],
  ['agents', AGENT],
  ['external', EXTERNAL_USER],
]);

/** Kubernetes service accounts the gateway itself runs as. */
const SYSTEM_SERVICE_ACCOUNTS: ReadonlySet<string> = new Set(['/ns/gateway/sa/precinct-gateway', '/ns/gateway/sa/precinct-control']);

/** An identity of another trust domain is anonymous, whatever its path says. */
export function principalOf(id: SpiffeId, trustDomain: string): Principal {
  if (trustDomainOf(id) !== trustDomain) return ANONYMOUS;
  const path = pathOf(id);
  if (SYSTEM_SERVICE_ACCOUNTS.has(path)) return SYSTEM;
  const [, first = '', second, third, fourth, ...more] = path.split('/');
  if (first === 'ns') return third === 'sa' && fourth !== undefined && more.length === 0 ? AGENT : ANONYMOUS;
  return second === undefined ? ANONYMOUS : (BY_FIRST_SEGMENT.get(first) ?? ANONYMOUS);
}

function principal(level: Principal['level'], role: string, capabilities: readonly string[]): Principal {
  return Object.freeze({ level, role, capabilities: Object.freeze([...capabilities]) });
}
