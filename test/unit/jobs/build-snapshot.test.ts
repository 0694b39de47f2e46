// A snapshot is whole or not at all; what did not change is taken over.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock/clock.js';
import { ConfigFault } from '../../../src/base/config/fault.js';
import { PolicyError } from '../../../src/engines/policy/types.js';
import { buildSnapshot, type SnapshotTools } from '../../../src/jobs/build-snapshot.js';
import { readPolicies, readSources, type SnapshotSources } from '../../../src/jobs/read-sources.js';
import { configOf } from '../chain/contexts.js';
import { shippedScanner } from '../engines/dlp/shipped-rules.js';

const dir = mkdtempSync(join(tmpdir(), 'snapshot-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const config = configOf('policy: {dirs: [policies], timeout_ms: 2000}');
const sources = readSources(process.cwd(), config, 1);
const tools: SnapshotTools = { clock: systemClock, scannerFor: (rules, actions) => shippedScanner({ rules, actions }) };
const with_ = (changes: Partial<SnapshotSources>): SnapshotSources => ({ ...sources, version: 2, ...changes });
const first = buildSnapshot(sources, undefined, tools);

describe('a snapshot', () => {
  it('is frozen, with the digests of its parts', () => {
    expect([Object.isFrozen(first), Object.isFrozen(first.digests), first.version]).toEqual([true, true, 1]);
    for (const digest of Object.values(first.digests)) expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect(first.digests).toMatchObject({ policy: first.policy.digest, registry: first.registry.digest, identities: first.identities.digest });
    expect(first.requestRules.digest).not.toBe(first.responseRules.digest);
  });

  it('of the same sources has the same digests', () => {
    expect(buildSnapshot(with_({}), undefined, tools).digests).toEqual(first.digests);
  });

  it.each<readonly [string, Partial<SnapshotSources>, readonly string[]]>([
    ['a policy', { policies: [...sources.policies, { file: 'policies/x.rego', text: 'package precinct.authz\n\nimport rego.v1\n\nallow if input.tool_name == "x"\n' }] }, ['policy']],
    ['a tool\'s risk', { registry: { ...sources.registry, text: sources.registry.text.replace('risk_level: medium', 'risk_level: high') } }, ['registry']],
    ['an identity', { identities: { ...sources.identities, text: `${sources.identities.text}  - spiffe_id: spiffe://poc.local/agents/mcp-client/x/dev\n    description: x\n` } }, ['identities']],
    ['a threshold', { thresholds: { ...sources.thresholds, text: sources.thresholds.text.replace('pass: 3', 'pass: 2') } }, ['thresholds']],
    ['a destination', { destinations: { ...sources.destinations, text: `${sources.destinations.text}  - partner.example\n` } }, ['thresholds']],
    ['a chain', { chains: { ...sources.chains, text: sources.chains.text.replace('[sensitive]', '[sensitive, confidential]') } }, ['thresholds']],
    ['a rule', { rules: sources.rules.slice(1) }, ['rules']],
  ])('changes only the digest that %s belongs to', (_what, changes, expected) => {
    const next = buildSnapshot(with_(changes), first, tools);
    expect(Object.keys(next.digests).filter((name) => next.digests[name as keyof typeof next.digests] !== first.digests[name as keyof typeof first.digests])).toEqual(expected);
  });

  it('takes a warm policy set over when its text did not change, even from a config that was copied', () => {
    expect(buildSnapshot(with_({ config: structuredClone(config) }), first, tools).policy).toBe(first.policy);
  });

  it('compiles anew when the policy\'s own limits changed', () => {
    expect(buildSnapshot(with_({ config: { ...config, policy: { ...config.policy, timeout_ms: 1 } } }), first, tools).policy).not.toBe(first.policy);
  });

  it.each<readonly [string, Partial<SnapshotSources>, abstract new (...args: never[]) => Error]>([
    ['policy', { policies: [{ file: 'policies/bad.rego', text: 'package precinct.authz\n\nallow if {' }] }, PolicyError], ['registry', { registry: { file: 'r.yaml', text: 'version: v2\ntools:\n  - name: x\n    hash: zz\n' } }, ConfigFault],
    ['identities', { identities: { file: 'i.yaml', text: 'identities: 7' } }, ConfigFault], ['thresholds', { thresholds: { file: 't.yaml', text: 'thresholds: {pass: high}' } }, ConfigFault],
    ['destinations', { destinations: { file: 'd.yaml', text: 'allowed: [' } }, ConfigFault], ['rules', { rules: [{ file: 'x.yaml', text: 'rules:\n  - id: x\n    pattern: "("\n' }] }, ConfigFault],
  ])('is not made at all when its %s are wrong, and the file and line are named', (_what, changes, kind) => {
    let fault: unknown;
    try {
      buildSnapshot(with_(changes), first, tools);
    } catch (thrown) {
      fault = thrown;
    }
    expect(fault).toBeInstanceOf(kind);
    expect(fault).toMatchObject({ file: expect.stringMatching(/\.(yaml|rego)$/) as string, line: expect.any(Number) as number });
    expect(first.policy.decide).toBeTypeOf('function');
  });
});

describe('sources', () => {
  it('that can not be read are named', () => {
    for (const changes of [{ registry: { ...config.registry, file: 'nowhere.yaml' } }, { dlp: { ...config.dlp, dir: 'nowhere' } }]) {
      expect(() => readSources(dir, { ...config, ...changes }, 1)).toThrow(ConfigFault);
    }
  });

  it('hold the policies that decide, and a folder that is not there holds none', () => {
    expect(readPolicies(process.cwd(), config).length).toBeGreaterThan(0);
    expect(readPolicies(dir, config)).toEqual([]);
  });
});
