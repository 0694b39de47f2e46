// Layer 5: registered, seen lately, unchanged.
import { describe, expect, it } from 'vitest';
import { FLAGGED, type Context } from '../../../src/chain/context.js';
import { PASS } from '../../../src/chain/verdict.js';
import { findRegistered } from '../../../src/engines/registry/find-registered.js';
import { parseRegistry } from '../../../src/engines/registry/registry-file.js';
import type { ServedTool, ToolRegistry, ToolState } from '../../../src/engines/registry/types.js';
import { toolRegistryVerify } from '../../../src/layers/05-tool-registry-verify.js';
import { callOf, configOf, contextOf, NOW_MS, toolOf } from '../chain/contexts.js';

const MAX_AGE_MS = 300_000;
const verified = (ageMs: number, changedMembers: string[] = []): ToolState => ({ kind: 'verified', alg: 'jcs', verifiedMs: NOW_MS - ageMs, changedMembers });
const mismatch: ToolState = { kind: 'mismatch', served: { hashes: { seed: 'x' } } as ServedTool, sinceMs: 1 };
const registry: ToolRegistry = { ...parseRegistry('tools: []', 'registry.yaml'), tools: new Map([['my_tool', toolOf()]]), upstreams: [toolOf().upstream] };

async function decide(before: ToolState, after: ToolState = before, call = callOf()) {
  const ctx = contextOf('{}', { snapshot: { registry } });
  ctx.call = call;
  ctx.tool = undefined;
  let state = before;
  const refreshed: string[] = [];
  const verifier = { stateOf: () => state, refresh: (url: string) => {
    refreshed.push(url);
    state = after;
    return Promise.resolve();
  } };
  return { verdict: await toolRegistryVerify(verifier).decide(ctx as never), ctx, refreshed };
}

describe('the registry layer', () => {
  it('adds a tool that was verified lately, without asking its server', async () => {
    const { verdict, ctx, refreshed } = await decide(verified(MAX_AGE_MS));
    expect([verdict, ctx.tool, refreshed]).toEqual([PASS, { registered: toolOf(), hashAlg: 'jcs' }, []]);
  });

  it.each(['other', '__proto__', 'constructor', 'MY_TOOL', 'my_tool '])('does not know %j', async (name) => {
    expect((await decide(verified(0), verified(0), callOf({ name }))).verdict).toMatchObject({ code: 'registry_tool_unknown' });
  });

  it('asks again when the verification is too old, and judges by the answer', async () => {
    const good = await decide(verified(MAX_AGE_MS + 1), verified(0));
    expect([good.verdict, good.refreshed]).toEqual([PASS, [toolOf().upstream]]);
    expect((await decide(verified(MAX_AGE_MS + 1), mismatch)).verdict).toMatchObject({ code: 'registry_hash_mismatch' });
    expect((await decide({ kind: 'unknown' }, { kind: 'absent', sinceMs: NOW_MS })).verdict).toMatchObject({ code: 'registry_tool_unverified', reasonCode: 'not_served' });
  });

  it('refuses when the server could not be listed: an old verification is none', async () => {
    for (const state of [verified(MAX_AGE_MS + 1), { kind: 'unknown' } as const]) {
      expect((await decide(state)).verdict).toMatchObject({ code: 'registry_tool_unverified', reasonCode: 'upstream_not_listed', retryAfterSeconds: 1 });
    }
  });

  it('refuses a changed definition at once: no listing can heal it', async () => {
    const { verdict, refreshed, ctx } = await decide(mismatch, verified(0));
    expect([verdict, refreshed, ctx.tool]).toMatchObject([{ code: 'registry_hash_mismatch' }, [], undefined]);
    expect(ctx.server).toBe(toolOf().upstream);
  });

  it('flags a change outside the hashed members and lets the call go', async () => {
    const { verdict, ctx } = await decide(verified(0, ['annotations']));
    expect([verdict, ctx.verdicts[4], ctx.notes[4]]).toEqual([PASS, FLAGGED, expect.stringContaining('annotations')]);
  });

  describe('of prompts and resources', () => {
    const others = parseRegistry([
      'tools: []', 'prompts: [{name: greet, upstream: http://p/mcp, risk_level: high}]',
      'resources: [{uri: "file:///one", upstream: http://r/mcp, risk_level: low}, {uri_prefix: "file:///many/", upstream: http://r/mcp, risk_level: critical}]',
    ].join('\n'), 'registry.yaml');
    const judged = (call: Parameters<typeof callOf>[0], config = configOf()) => {
      const ctx = contextOf('{}', { snapshot: { registry: others, config } });
      ctx.call = callOf({ name: '', uri: '', ...call });
      ctx.tool = undefined;
      const verdict = toolRegistryVerify({ stateOf: () => mismatch, refresh: () => Promise.reject(new Error('nothing of these is listed')) }).decide(ctx as never);
      return { verdict, tool: ctx.tool as Context['tool'] };
    };
    const refusing = configOf('registry: {unregistered: refuse}');

    it.each([[{ method: 'prompts/get', name: 'greet' }, 'high'], [{ method: 'resources/read', uri: 'file:///one' }, 'low'], [{ method: 'resources/read', uri: 'file:///many/x' }, 'critical']] as const)('adds the entry of %j', (call, riskLevel) => {
      for (const config of [configOf(), refusing]) expect(judged(call, config)).toMatchObject({ verdict: PASS, tool: { registered: { riskLevel } } });
    });

    it.each([{ method: 'resources/subscribe', uri: 'file:///one' }, { method: 'resources/unsubscribe', uri: 'file:///many/x' }, { method: 'completion/complete', name: 'greet' }, { method: 'completion/complete', uri: 'file:///many/{x}' }])('lets %j pass, which yields nothing of it', (call) => {
      for (const config of [configOf(), refusing]) expect(judged(call, config)).toEqual({ verdict: PASS, tool: 'none' });
    });

    it.each([{ method: 'prompts/get', name: 'other' }, { method: 'resources/read', uri: 'file:///two' }, { method: 'resources/subscribe', uri: 'file:///two' }, { method: 'completion/complete', name: 'other' }])('leaves %j to the policies, or refuses it where the registry has the last word', (call) => {
      expect(judged(call)).toEqual({ verdict: PASS, tool: 'none' });
      expect(judged(call, refusing).verdict).toMatchObject({ code: 'registry_tool_unknown', reasonCode: 'name' in call ? 'prompt_unregistered' : 'resource_unregistered' });
    });

    it.each(['file:///many/../one', 'file:///many/%2E%2e/x', 'file:///elsewhere/..'])('refuses %s, which could be another place', (uri) => {
      for (const method of ['resources/read', 'resources/subscribe']) expect(judged({ method, uri }).verdict).toMatchObject({ code: 'mcp_invalid_request', reasonCode: 'uri_dot_segments', protocol: { rpcCode: -32602 } });
    });

    it.each(['file:///many/.\t./one', 'file:///many/a\u0000', ' file:///many/x', 'file:///one ', 'file:///many/%70rivate/x', 'file:///%6Fne', 'file:///many/%0Ax', 'file:///many/a\\b', 'file:///many%2Fx', 'file:////many/x', 'file:///other//../x\r'])('refuses %j, which some read as another', (uri) => {
      for (const method of ['resources/read', 'resources/subscribe', 'resources/unsubscribe', 'completion/complete']) expect(judged({ method, uri }).verdict).toMatchObject({ code: 'mcp_invalid_request', protocol: { rpcCode: -32602 } });
      expect(judged({ method: 'resources/read', uri }).verdict).toMatchObject({ reasonCode: uri.includes('..') ? 'uri_dot_segments' : 'uri_ambiguous' });
    });

    it('reads a divider that is a value\'s own, and the very spelling of an entry', () => {
      const odd = parseRegistry('tools: []\nresources: [{uri: "file:///%6Fdd\\\\x", upstream: http://r/mcp, risk_level: low}, {uri_template: "db://{name}", upstream: http://r/mcp, risk_level: low}, {uri_prefix: "db://t/in/", upstream: http://s/mcp, risk_level: high}]', 'registry.yaml');
      const found = (uri: string) => findRegistered(odd, { method: 'resources/read', name: '', uri });
      expect([found('file:///%6Fdd\\x'), found('db://a%2Fb')]).toMatchObject([{ kind: 'registered' }, { kind: 'registered', registered: { name: 'db://{name}' } }]);
      expect([found('db://t%2Fin%2Fx'), found('db://t%5cin/x'), found('db://t/in//x')]).toMatchObject([{ kind: 'ambiguous' }, { kind: 'ambiguous' }, { kind: 'registered', registered: { name: 'db://t/in/' } }]);
    });
  });

  it('asks nothing of methods that name no tool', async () => {
    const { verdict, ctx } = await decide(mismatch, mismatch, callOf({ method: 'tools/list', name: '' }));
    expect([verdict, ctx.tool]).toEqual([PASS, 'none']);
  });
});
