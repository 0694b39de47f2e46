// Layer 13: references become secrets only in what goes upstream.
import { describe, expect, it } from 'vitest';
import { createMessageReader } from '../../../src/base/workers/message-reader.js';
import { PASS } from '../../../src/chain/verdict.js';
import type { SecretStore, SubstituteResult } from '../../../src/engines/secrets/types.js';
import { tokenSubstitution } from '../../../src/layers/13-token-substitution.js';
import { awaitedReader } from './awaited-reader.js';
import { AGENT_ID, callOf, contextOf, NOW_MS, toolOf } from '../chain/contexts.js';

function decide(result: SubstituteResult, ctx = contextOf('{"token":"$SPIKE{ref:abc}"}'), reader = createMessageReader(undefined)) {
  const asked: unknown[] = [];
  const store: SecretStore = { list: () => [], substitute: (_bytes, places, caller, scope, nowMs) => {
    asked.push(['kind' in places ? places.reasonCode : places.map(({ text }) => text), caller, scope, nowMs]);
    return result;
  } };
  return { verdict: tokenSubstitution(store, reader).decide(ctx as never), ctx, asked };
}

const inThePool = awaitedReader((asked) => Promise.resolve([{ from: 9, to: 26, text: `read at ${JSON.stringify(asked)}`, references: [] }]));

describe('token substitution', () => {
  it.each([['{"a":"$SPIKE{ref:abc}","b":"\\u0041"}', ['$SPIKE{ref:abc}']], ['{"a":"\\u0041"}', []], ['{"a":"$SPIKE{"}', 'malformed_reference']])('asks with what the arguments %s hold, the caller and the tool\'s scope', (args, places) => {
    const ctx = contextOf(args);
    ctx.tool = { registered: toolOf({ requiredScope: 'github' }), hashAlg: 'seed' };
    const { verdict, asked } = decide({ kind: 'none' }, ctx);
    expect([verdict, asked]).toEqual([PASS, [[places, AGENT_ID, 'github', NOW_MS]]]);
    expect(ctx.outboundBytes()).toBe(ctx.inbound.body);
  });

  it('awaits the places in a large message, and asks with no fewer', async () => {
    const bytes = Buffer.from('{"token":"s3cr3t"}');
    const { verdict, ctx, asked } = decide({ kind: 'substituted', bytes, values: ['s3cr3t'], refs: ['abc'] }, undefined, inThePool);
    expect([verdict instanceof Promise, asked, ctx.outbound]).toEqual([true, [], undefined]);
    const { argumentsFrom: from, argumentsTo: to } = ctx.call ?? callOf();
    expect([await verdict, asked, ctx.outboundBytes()]).toEqual([PASS, [[[`read at ${JSON.stringify({ from, to })}`], AGENT_ID, undefined, NOW_MS]], bytes]);
  });

  it.each(['{"a":1}', '{"a":"$5"}', '{"a":"\\n"}'])('reads nothing in a pool of what can hold no reference: %s', (args) => {
    expect(decide({ kind: 'none' }, contextOf(args), inThePool)).toMatchObject({ verdict: PASS, asked: [] });
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
