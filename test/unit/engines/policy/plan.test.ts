// A plan made by one thread, used by another: the same decisions, no second check.
import { describe, expect, it } from 'vitest';
import { digestPolicies, loadPolicySet, planPolicySet } from '../../../../src/engines/policy/policy-set.js';
import { refuseExhaustion } from '../../../../src/engines/policy/plan.js';
import { RegoInstance, RegoTrap } from '../../../../src/engines/policy/rego-instance.js';
import { compileRegoModule } from '../../../../src/engines/policy/rego-module.js';
import { PolicyError } from '../../../../src/engines/policy/types.js';
import { BASE, facts, sourcesOf, steppingClock } from './facts.js';

const options = { cacheEntries: 10, timeoutMs: 1000, sourceBytesMax: 1 << 20, clock: steppingClock() };
const many = `${BASE}default allow := false\n${Array.from({ length: 50 }, (_, i) => `allow if {\n  input.caller_spiffe_id == "c${i}"\n  input.arguments.n == ${i}\n}`).join('\n')}`;

describe('a plan', () => {
  it.each([
    ['many guarded rules', many],
    ['one rule', `${BASE}allow if input.arguments.n == 7`],
    ['allow as a package', 'package precinct.authz.allow\nallow := true'],
    ['no rule at all', 'package other'],
  ])('survives the way to another thread, and a set loaded with it decides alike: %s', (_name, text) => {
    const sources = sourcesOf('package a\nx := 1', text);
    const plan = structuredClone(planPolicySet(sources, options));
    const planned = loadPolicySet([...sources].reverse(), { ...options, plan });
    const plain = loadPolicySet(sources, options);
    expect(planned).toMatchObject({ digest: plain.digest, packages: plain.packages, reads: plain.reads });
    expect(digestPolicies(sources)).toBe(plan.digest);
    for (const callerSpiffeId of ['c7', 'c8', 'x']) {
      for (let i = 0; i < 2; i++) {
        const asked = facts({ callerSpiffeId, arguments: '{"n":7}' });
        expect(planned.decide(asked)).toEqual(plain.decide(asked));
      }
    }
  });

  it('of other sources is refused', () => {
    const plan = planPolicySet(sourcesOf(many), options);
    expect(() => loadPolicySet(sourcesOf(`${many}\n`), { ...options, plan })).toThrow(PolicyError);
  });

  it('is not made where the engine gave up, and the cause is said', () => {
    const trapped = (message: string) => (): unknown => refuseExhaustion('a.rego', () => { throw new RegoTrap(message); });
    expect(trapped('memory allocation of 67108864 bytes failed')).toThrow(/more memory than the engine may have \(256 MiB\)/);
    expect(trapped('memory access out of bounds')).toThrow(/too deep/);
  });

  it('names memory, and no environment to set, where it was memory that ran out', () => {
    const instance = new RegoInstance(compileRegoModule(), { monotonicMs: () => 0, nowNs: () => 0n });
    const engine = instance.newEngine(true);
    instance.addPolicy(engine, 'a.rego', 'package a\nx := count([bits.lsh(1, 1000000000), bits.lsh(3, 1000000000), bits.lsh(5, 1000000000)])');
    expect(() => instance.evalRule(engine, 'data.a.x', '{}', 1000)).toThrow(/^memory allocation of \d+ bytes failed$/);
  });

  it('is not made of sources that are wrong', () => {
    expect(() => planPolicySet(sourcesOf(`${BASE}allow if {`), options)).toThrow(PolicyError);
  });
});
