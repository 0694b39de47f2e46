// Layer 3: what the authenticator says becomes the caller or the refusal, at once or late.
import { describe, expect, it } from 'vitest';
import { PASS } from '../../../src/chain/verdict.js';
import type { Authenticator, IdentityResult } from '../../../src/engines/identity/types.js';
import { spiffeAuth } from '../../../src/layers/03-spiffe-auth.js';
import { callerOf, contextOf } from '../chain/contexts.js';

const answering = (result: IdentityResult | Promise<IdentityResult>): Authenticator => ({ authenticate: () => result, forget: () => undefined });
const decide = async (result: IdentityResult | Promise<IdentityResult>) => {
  const ctx = contextOf('{}');
  ctx.caller = undefined;
  return { verdict: await spiffeAuth(answering(result)).decide(ctx as never), caller: () => ctx.caller };
};

describe('the identity layer', () => {
  it.each([['at once', (one: IdentityResult) => one], ['late', (one: IdentityResult) => Promise.resolve(one)]])('adds the caller %s', async (_when, as) => {
    const caller = callerOf();
    const decided = await decide(as({ ok: true, caller }));
    expect([decided.verdict, decided.caller()]).toEqual([PASS, caller]);
  });

  it.each(['auth_missing_identity', 'auth_invalid_identity', 'auth_invalid_bearer_token'] as const)('refuses with %s and adds nobody', async (code) => {
    for (const result of [{ ok: false, code, reasonCode: 'r', remediation: 'do this' } as const, Promise.resolve({ ok: false, code, reasonCode: 'r', remediation: 'do this' } as const)]) {
      const decided = await decide(result);
      expect(decided.verdict).toMatchObject({ code, reasonCode: 'r', remediation: 'do this' });
      expect(decided.caller()).toBeUndefined();
    }
  });

  it('passes on that the connection ends', async () => {
    const refusal = { ok: false, code: 'auth_invalid_identity', reasonCode: 'r' } as const;
    expect((await decide({ ...refusal, endsConnection: true })).verdict).toMatchObject({ endsConnection: true });
    expect((await decide(refusal)).verdict).not.toMatchObject({ endsConnection: true });
  });
});
