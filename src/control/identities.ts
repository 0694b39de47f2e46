// GET /v1/identities and /v1/identity?id=: who is registered, and how one of them stands.
import { principalOf } from '../engines/identity/principal.js';
import { parseWorkloadId, trustDomainOf } from '../engines/identity/spiffe-id.js';
import type { ControlParts } from './parts.js';
import { ControlFault, type Route } from './server.js';

export function identityRoutes(parts: ControlParts): Route[] {
  return [
    { method: 'GET', path: '/v1/identities', answer: () => ({ status: 200, json: listIdentities(parts) }) },
    { method: 'GET', path: '/v1/identity', answer: async ({ query }) => ({ status: 200, json: await describe(parts, query.get('id') ?? '') }) },
  ];
}

function listIdentities(parts: ControlParts): unknown {
  const { identities } = parts.inForce();
  return {
    trust_domain: identities.trustDomain, default: identities.defaultIdentity ?? null,
    identities: identities.identities.map(({ spiffeId, description }) => ({ spiffe_id: spiffeId, description })),
  };
}

async function describe(parts: ControlParts, text: string): Promise<unknown> {
  const id = parseWorkloadId(text);
  if (id === undefined) throw new ControlFault(400, 'auth_invalid_identity', `${JSON.stringify(text)} is not the SPIFFE ID of a workload`, { remediation: 'Write spiffe://<trust-domain>/agents/mcp-client/<agent>/<env>. See: agw identity list' });
  const { identities } = parts.inForce();
  const reports = await parts.threads.identity(id);
  const worst = reports.reduce((a, b) => (b.riskScore > a.riskScore ? b : a), reports[0] ?? { riskScore: 0, flags: [], rate: { limit: 0, remaining: 0 } });
  return {
    spiffe_id: id, registered: identities.has(id), trust_domain_ok: trustDomainOf(id) === identities.trustDomain, principal: principalOf(id, identities.trustDomain),
    session: { risk_score: worst.riskScore, flags: worst.flags }, rate: { limit: worst.rate.limit, remaining: worst.rate.remaining },
  };
}
