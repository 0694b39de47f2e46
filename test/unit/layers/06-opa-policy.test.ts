// Layer 6: Rego's answer as a verdict; housekeeping needs none.
import { describe, expect, it } from 'vitest';
import { createMessageReader, type MessageReader } from '../../../src/base/workers/message-reader.js';
import { PASS } from '../../../src/chain/verdict.js';
import type { PolicyDecision, PolicyFacts } from '../../../src/engines/policy/types.js';
import { argumentsJson, opaPolicy } from '../../../src/layers/06-opa-policy.js';
import { awaitedReader } from './awaited-reader.js';
import { AGENT_ID, callOf, contextOf } from '../chain/contexts.js';
import { load, steppingClock } from '../engines/policy/facts.js';

function decide(decision: PolicyDecision | ((facts: PolicyFacts) => PolicyDecision), ctx = contextOf('{"a":1}')) {
  const asked: PolicyFacts[] = [];
  const policy = { ...load('package precinct.authz\n\nimport rego.v1\n\nallow := false\n'), decide: (facts: PolicyFacts) => {
    asked.push(facts);
    return typeof decision === 'function' ? decision(facts) : decision;
  } };
  Object.assign(ctx, { snapshot: { ...ctx.snapshot, policy }, permission: undefined });
  return { verdict: opaPolicy(createMessageReader(undefined), steppingClock()).decide(ctx as never), asked, ctx };
}
const ALLOW: PolicyDecision = { kind: 'allow', reason: 'because', cached: true };

describe('large arguments', () => {
  const ARGS = `{"path":"${'x'.repeat(70_000)}"}`;
  const large = (rules: string, args = ARGS) => {
    const ctx = contextOf(args);
    return Object.assign(ctx, { snapshot: { ...ctx.snapshot, policy: load(`package precinct.authz\n\nimport rego.v1\n\n${rules}\n`) }, permission: undefined });
  };
  const readHere = createMessageReader(undefined);
  const later: MessageReader = { read: (...asked) => Promise.resolve(readHere.read(...asked)) };

  it.each([['allow if startswith(input.arguments.path, "x")', PASS], ['allow if input.arguments.path == "y"', { code: 'authz_policy_denied' }], ['allow if startswith(input.arguments, "x")', { code: 'authz_evaluation_error' }], ['allow if count(input.arguments) == 1', PASS, `{"path":"${'x'.repeat(20_000)}"}`]])('are read where the message is read, and decide: %s', async (rules, verdict, args = ARGS) => {
    for (const reader of [readHere, later]) {
      const ctx = large(rules, args);
      const decided = opaPolicy(reader, steppingClock()).decide(ctx as never);
      expect(decided instanceof Promise).toBe(reader === later);
      const awaited = await decided;
      expect(awaited).toEqual(verdict === PASS ? PASS : expect.objectContaining(verdict));
      expect(ctx.permission).toEqual(verdict === PASS ? { reason: undefined, cached: false, needed: true } : undefined);
    }
  });

  it.each([['no policy reads them', 'allow if input.tool_name == "my_tool"', ARGS], ['little of them is read', 'allow if input.arguments.to', `{"path":"${'x'.repeat(60_000)}","to":"y"}`], ['they are small', 'allow if input.arguments.path', '{"path":"x"}']])('are decided about here where %s', (_, rules, args) => {
    expect(opaPolicy({ read: () => { throw new Error('was asked'); } }, steppingClock()).decide(large(rules, args) as never)).toBe(PASS);
  });

  it('whose reading rejects are the layer\'s fault', async () => {
    await expect(opaPolicy(awaitedReader(() => Promise.reject(new Error('no thread'))), steppingClock()).decide(large('allow if input.arguments.path') as never)).rejects.toThrow('no thread');
  });
});

describe('the policy layer', () => {
  it('asks with what is known of the call, and remembers the answer', () => {
    const { verdict, asked, ctx } = decide(ALLOW);
    expect([verdict, ctx.permission]).toEqual([PASS, { reason: 'because', cached: true, needed: true }]);
    expect(asked[0]).toMatchObject({ callerSpiffeId: AGENT_ID, toolName: 'my_tool', method: 'tools/call', server: 'http://127.0.0.1:9/mcp', riskLevel: 'low', authMethod: 'header_declared' });
    expect(asked[0]?.timeNs()).toBe(1_700_000_000_000_000_000n);
    expect(asked[0]?.argumentsJson()).toBe('{"a":1}');
    expect(asked[0]?.session()).toEqual({ id: 'caller', risk_score: 0, previous_actions: [], flags: [] });
  });

  it('names what the caller did before as the other members are named', () => {
    const ctx = contextOf('{}');
    ctx.session = { id: 's', riskScore: 0.2, flags: [], tainted: false, previousActions: [{ tool: 'mail', classification: 'internal', external: true, riskLevel: 'high', destination: 'example.com', atMs: 7 }] };
    expect(JSON.parse(JSON.stringify(decide(ALLOW, ctx).asked[0]?.session()))).toEqual({
      id: 's', risk_score: 0.2, flags: [], previous_actions: [{ tool: 'mail', classification: 'internal', external: true, risk_level: 'high', destination: 'example.com', at_ms: 7 }],
    });
  });

  it('names a resource by its URI', () => {
    const ctx = contextOf('{}');
    ctx.call = callOf({ method: 'resources/read', name: '', uri: 'file:///x' });
    expect(decide(ALLOW, ctx).asked[0]?.toolName).toBe('file:///x');
  });

  it('refuses what no policy permits, and what could not be evaluated', () => {
    expect(decide({ kind: 'deny', reason: undefined, cached: false }).verdict).toMatchObject({ code: 'authz_policy_denied', details: { reason: 'no policy permits this combination' } });
    expect(decide({ kind: 'fault', message: 'timeout' }).verdict).toMatchObject({ code: 'authz_evaluation_error' });
  });

  it.each([
    ['initialize', 'request'], ['ping', 'request'], ['server/discover', 'request'], ['notifications/cancelled', 'notification'], ['', 'response'],
  ] as const)('needs no rule for %s', (method, kind) => {
    const ctx = contextOf('{}');
    ctx.call = callOf({ method, kind, name: '' });
    const { verdict, asked } = decide({ kind: 'deny', reason: undefined, cached: false }, ctx);
    expect([verdict, asked]).toEqual([PASS, []]);
  });

  it.each([['tools/call', 'notification'], ['custom', 'notification'], ['tools/list', 'request'], ['unknown/method', 'request'], ['sampling/createMessage', 'request']] as const)('needs a rule for %s as a %s', (method, kind) => {
    const ctx = contextOf('{}');
    ctx.call = callOf({ method, kind, name: '' });
    expect(decide({ kind: 'deny', reason: undefined, cached: false }, ctx).verdict).toMatchObject({ code: 'authz_policy_denied' });
  });

  it.each([['tools/cal', /is it spelled right/], ['tools/list', undefined], ['sampling/createMessage', undefined]])('asks of %s whether it is spelled right where MCP has no such method, and else adds nothing', (method, says) => {
    const ctx = contextOf('{}');
    ctx.call = callOf({ method, name: '' });
    const { verdict } = decide({ kind: 'deny', reason: undefined, cached: false }, ctx);
    expect('remediation' in verdict).toBe(says !== undefined);
    if (says !== undefined) expect(verdict).toMatchObject({ code: 'authz_policy_denied', remediation: expect.stringMatching(says) as unknown });
  });

  it('refuses a principal of the lowest level without asking', () => {
    const ctx = contextOf('{}');
    Object.assign(ctx, { caller: { ...ctx.caller, principal: { level: 5, role: 'anonymous', capabilities: [] } } });
    const { verdict, asked } = decide(ALLOW, ctx);
    expect([verdict, asked]).toMatchObject([{ code: 'principal_level_insufficient' }, []]);
  });

  it('reads absent arguments as an empty object', () => {
    expect(argumentsJson(Object.assign(contextOf('{}'), { call: callOf() }))).toBe('{}');
  });
});
