// Layer 13: references become secrets only in what goes upstream.
import { describe, expect, it } from 'vitest';
import { PASS } from '../../../src/chain/verdict.js';
import type { SecretStore, SubstituteResult } from '../../../src/engines/secrets/types.js';
import { tokenSubstitution } from '../../../src/layers/13-token-substitution.js';
import { AGENT_ID, callOf, contextOf, NOW_MS, toolOf } from '../chain/contexts.js';

function decide(result: SubstituteResult, ctx = contextOf('{"token":"$SPIKE{ref:abc}"}')) {
  const asked: unknown[] = [];
  const store: SecretStore = { list: () => [], substitute: (bytes, from, to, caller, scope, nowMs) => {
    asked.push([Buffer.from(bytes).subarray(from, to).toString(), caller, scope, nowMs]);
    return result;
  } };
  return { verdict: tokenSubstitution(store).decide(ctx as never), ctx, asked };
}

describe('token substitution', () => {
  it('asks with the arguments alone, the caller and the tool\'s scope', () => {
    const ctx = contextOf('{"a":1}');
    ctx.tool = { registered: toolOf({ requiredScope: 'github' }), hashAlg: 'seed' };
    const { verdict, asked } = decide({ kind: 'none' }, ctx);
    expect([verdict, asked]).toEqual([PASS, [['{"a":1}', AGENT_ID, 'github', NOW_MS]]]);
    expect(ctx.outboundBytes()).toBe(ctx.inbound.body);
  });

  it('puts the new message beside the old one and keeps values out of the notes', () => {
    const bytes = Buffer.from('{"token":"s3cr3t"}');
    const { ctx } = decide({ kind: 'substituted', bytes, values: ['s3cr3t'], refs: ['abc'] });
    expect([ctx.outboundBytes(), ctx.outbound?.secretValues, ctx.outbound?.secretRefs]).toEqual([bytes, ['s3cr3t'], ['abc']]);
    expect(Buffer.from(ctx.inbound.body).toString()).not.toContain('s3cr3t');
    expect(ctx.notes.join()).not.toContain('s3cr3t');
  });

  it.each(['invalid_spike_token', 'token_scope_failed', 'token_ownership_failed', 'token_expired', 'token_redemption_failed'] as const)('refuses with %s', (code) => {
    const { verdict, ctx } = decide({ kind: 'refused', code, reasonCode: 'r' });
    expect(verdict).toMatchObject({ code, reasonCode: 'r' });
    expect(ctx.outbound).toBeUndefined();
  });

  it('passes the scopes on that do not agree', () => {
    const scopes = { required_scope: 'a:read', issued_scope: 'a:write' };
    expect(decide({ kind: 'refused', code: 'token_scope_failed', reasonCode: 'r', scopes }).verdict).toMatchObject({ details: { tool: 'my_tool', ...scopes } });
  });

  it('asks nothing without a tool or without arguments', () => {
    const noTool = contextOf('{}');
    noTool.tool = 'none';
    const noArguments = contextOf('{}');
    noArguments.call = callOf();
    for (const ctx of [noTool, noArguments]) expect([decide({ kind: 'none' }, ctx).verdict, decide({ kind: 'none' }, ctx).asked]).toEqual([PASS, []]);
  });
});
