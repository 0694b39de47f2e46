// Declared identities of the dev profile: X-SPIFFE-ID, /as/<agent>/<env>, or the default; from near peers and for registered identities only.
import type { TrustedPeers } from '../../base/config/trusted-peers.js';
import { principalOf } from './principal.js';
import { invalid, missing } from './refuse.js';
import { isPathSegment, parseWorkloadId, trustDomainOf } from './spiffe-id.js';
import type { AuthMethod, IdentityResult, IdentityTable, PeerEvidence, SpiffeId } from './types.js';

type Declaration = { readonly text: string; readonly method: 'header_declared' | 'path_declared' };

/** Never called for a TLS listener or in the strict profile. */
export function judgeDeclared(evidence: PeerEvidence, table: IdentityTable, isTrusted: TrustedPeers): IdentityResult {
  const declared = declarationOf(evidence, table);
  const near = evidence.loopback || isTrusted(evidence.ip);
  if (!near) return declared === undefined ? missing('no_proof') : invalid('declared_identity_not_allowed');
  if (declared === undefined) return judgeDefault(table);
  if (declared === 'conflict') return invalid('conflicting_declarations', 'X-SPIFFE-ID and the path name different identities.');
  return judgeText(declared, table);
}

/** The header goes before the path; two that disagree are nobody's identity. */
function declarationOf(evidence: PeerEvidence, table: IdentityTable): Declaration | 'conflict' | undefined {
  const fromPath = pathDeclaration(evidence, table.trustDomain);
  if (evidence.declaredSpiffeId === '') return fromPath;
  if (fromPath !== undefined && fromPath.text !== evidence.declaredSpiffeId) return 'conflict';
  return { text: evidence.declaredSpiffeId, method: 'header_declared' };
}

function pathDeclaration(evidence: PeerEvidence, trustDomain: string): Declaration | undefined {
  const { declaredAgent: agent, declaredEnv: env } = evidence;
  if (agent === '' && env === '') return undefined;
  // A slash smuggled into a segment would name another identity than the path shows.
  const text = isPathSegment(agent) && isPathSegment(env) ? `spiffe://${trustDomain}/agents/mcp-client/${agent}/${env}` : '';
  return { text, method: 'path_declared' };
}

/** Callers that were found registered, by table: as many as identities and ways to declare one, and gone with their table. */
const known = new WeakMap<IdentityTable, Readonly<Record<Declaration['method'], Map<string, IdentityResult>>>>();

function knownIn(table: IdentityTable, method: Declaration['method']): Map<string, IdentityResult> {
  let ofTable = known.get(table);
  if (ofTable === undefined) {
    ofTable = { header_declared: new Map(), path_declared: new Map() };
    known.set(table, ofTable);
  }
  return ofTable[method];
}

function judgeText(declared: Declaration, table: IdentityTable): IdentityResult {
  const callers = knownIn(table, declared.method);
  const before = callers.get(declared.text);
  if (before !== undefined) return before;
  const result = judgeAnew(declared, table);
  if (result.ok) callers.set(declared.text, result);
  return result;
}

function judgeAnew(declared: Declaration, table: IdentityTable): IdentityResult {
  const id = parseWorkloadId(declared.text);
  if (id === undefined) return invalid('malformed_spiffe_id');
  if (trustDomainOf(id) !== table.trustDomain) return invalid('wrong_trust_domain');
  if (!table.has(id)) return invalid('not_registered', 'The declared identity is not registered.', 'Register it: agw identity add SPIFFE_ID. agw identity list shows who is registered.');
  return callerOf(id, declared.method, table);
}

function judgeDefault(table: IdentityTable): IdentityResult {
  const id = table.defaultIdentity;
  return id === undefined ? missing('no_default_identity') : callerOf(id, 'default_identity', table);
}

function callerOf(spiffeId: SpiffeId, authMethod: AuthMethod, table: IdentityTable): IdentityResult {
  return { ok: true, caller: Object.freeze({ spiffeId, authMethod, principal: principalOf(spiffeId, table.trustDomain), expiresMs: Infinity }) };
}
