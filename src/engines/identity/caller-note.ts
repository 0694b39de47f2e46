// Why layer 3 refuses a caller whom a question is about, whatever the policies say: for agw policy eval, with a gateway and without.
import { trustDomainOf } from './spiffe-id.js';
import type { IdentityTable, SpiffeId } from './types.js';

export function callerNotes(caller: SpiffeId, identities: Pick<IdentityTable, 'has' | 'trustDomain'>, profile: 'dev' | 'strict'): string[] {
  if (trustDomainOf(caller) !== identities.trustDomain) return [`${caller} is of another trust domain than ${identities.trustDomain}; layer 3 refuses it`];
  return profile === 'dev' && !identities.has(caller) ? [`${caller} is not registered; layer 3 refuses it: agw identity add`] : [];
}
