// The control thread's own copy, and what it warns of.
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock/clock.js';
import { ConfigFault } from '../../../src/base/config/fault.js';
import { readSources } from '../../../src/jobs/read-sources.js';
import { compileInForce, warningsOf } from '../../../src/threads/in-force.js';
import { configOf } from '../chain/contexts.js';

const sources = readSources(process.cwd(), configOf('policy: {dirs: [policies], timeout_ms: 2000}'), 1);

const AROUND = { traces: { state: 'off' as const }, root: process.cwd(), unresolved: 0, secrets: undefined, openFilesMax: undefined, untimelyCertificate: undefined, variable: () => undefined };

describe('what is in force', () => {
  it('is the registry, the identities and the policies of the same sources', () => {
    const inForce = compileInForce(sources, systemClock);
    expect([inForce.registry.tools.has('bash'), inForce.identities.defaultIdentity !== undefined, inForce.policy.packages.length > 0, inForce.policyFiles]).toEqual([true, true, true, sources.policies.length]);
  });

  it('plans the policies once: for the gateway threads, and for a reload that leaves them as they are', () => {
    const { planned, policy } = compileInForce(sources, systemClock);
    expect(planned.policyPlan?.digest).toBe(policy.digest);
    expect(compileInForce({ ...planned, version: 2 }, systemClock).planned.policyPlan).toBe(planned.policyPlan);
    const others = compileInForce({ ...planned, policies: [{ file: 'a.rego', text: 'package precinct.authz\nimport rego.v1\nallow if false' }] }, systemClock);
    expect(others.planned.policyPlan?.digest).toBe(others.policy.digest);
    expect(others.policy.digest).not.toBe(policy.digest);
  });

  it('is nothing when one of them is wrong', () => {
    expect(() => compileInForce({ ...sources, registry: { file: 'r.yaml', text: 'tools: 7' } }, systemClock)).toThrow(ConfigFault);
  });
});

describe('the warnings', () => {
  const inForce = compileInForce(sources, systemClock);
  it('name what an operator of the dev profile should know', () => {
    const text = warningsOf(inForce, sources, { ...AROUND, unresolved: 2 }).join('\n');
    for (const part of ['profile dev', 'my-agent/dev', 'guard', '2 call']) expect(text).toContain(part);
  });

  it('name a policy folder that is not there, policies that decide nothing, and secrets that can\'t be had', () => {
    const idle = { ...sources, config: { ...sources.config, policy: { ...sources.config.policy, dirs: ['policies', 'nowhere'] } }, policies: [{ file: 'p.rego', text: 'package elsewhere\nimport rego.v1\nallow if true\n' }] };
    const text = warningsOf(compileInForce(idle, systemClock), idle, { ...AROUND, secrets: { message: 'damaged.', remedy: 'Restore it.' } }).join('\n');
    for (const part of ['nowhere', 'p.rego:1', 'elsewhere', 'damaged. Restore it.']) expect(text).toContain(part);
    expect(text).not.toContain('no folder policies;');
  });

  it('name a category of detection that no rule file has any more', () => {
    const { planned } = compileInForce({ ...sources, rules: sources.rules.filter(({ file }) => !file.endsWith('injection.yaml')) }, systemClock);
    const text = warningsOf(inForce, planned, AROUND).join('\n');
    expect(text).toContain('config/dlp holds no rule of the category injection');
    expect(text).not.toContain('category pii');
  });

  it('name the variable of the guard\'s key that is not set', () => {
    const asking = (url: string) => ({ ...sources, config: { ...sources.config, guard: { ...sources.config.guard, url, api_key_env: 'GUARD_KEY' } } });
    expect(warningsOf(inForce, asking('http://127.0.0.1:1/'), AROUND).join('\n')).toContain('guard.api_key_env: the gateway has no variable GUARD_KEY');
    const around = { ...AROUND, variable: (name: string) => (name === 'GUARD_KEY' ? 'x' : undefined) };
    expect([...warningsOf(inForce, asking('http://127.0.0.1:1/'), around), ...warningsOf(inForce, asking(''), AROUND)].join('\n')).not.toContain('api_key_env');
  });

  it('name a limit of open files that the connections do not fit into', () => {
    const warned = (openFilesMax: number): string => warningsOf(inForce, sources, { ...AROUND, openFilesMax }).join('\n');
    expect(warned(4096)).toContain('front.connections_max: 10000 connections may come, and this process may have 4096 files open');
    expect(warned(20_000)).not.toContain('connections_max');
  });

  it('are fewer in the strict profile with a guard', () => {
    const strict = { ...sources, config: { ...sources.config, profile: 'strict' as const, guard: { ...sources.config.guard, url: 'http://127.0.0.1:1/' } } };
    expect(warningsOf(inForce, strict, AROUND).length).toBeLessThan(warningsOf(inForce, sources, AROUND).length);
  });
});
