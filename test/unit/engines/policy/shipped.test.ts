// The shipped policies alone, as a fresh checkout has them: the demo's tools for the demo's agent, and nothing else for anybody.
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { loadPolicySet } from '../../../../src/engines/policy/policy-set.js';
import { readPolicyDirs } from '../../../../src/engines/policy/sources.js';
import { facts } from './facts.js';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const AGENT = 'spiffe://poc.local/agents/mcp-client/my-agent/dev';
const policies = loadPolicySet(readPolicyDirs(ROOT, ['policies']), { cacheEntries: 0, timeoutMs: 1000, sourceBytesMax: 1 << 20, clock: { nowMs: () => 0, monotonicMs: () => 0 } });
afterAll(() => policies.close());

const decided = (callerSpiffeId: string, toolName: string, method: string): string => policies.decide(facts({ callerSpiffeId, toolName, method })).kind;

describe('the shipped policies', () => {
  it.each([['', 'tools/list'], ['get_time', 'tools/call'], ['echo', 'tools/call'], ['read_customer', 'tools/call'], ['send_message', 'tools/call']])('let the demo agent: %j by %s', (tool, method) => {
    expect(decided(AGENT, tool, method)).toBe('allow');
  });

  it.each([
    ...['my_tool', 'bash', '', 'GET_TIME', 'get_time '].map((tool) => [AGENT, tool, 'tools/call']),
    ...['resources/read', 'prompts/get', 'TOOLS/CALL', ''].map((method) => [AGENT, 'get_time', method]),
    ...['spiffe://poc.local/agents/mcp-client/my-agent/prod', 'spiffe://evil.local/agents/mcp-client/my-agent/dev', `${AGENT}/`].flatMap((caller) => [[caller, 'get_time', 'tools/call'], [caller, '', 'tools/list']]),
  ])('deny %s the tool %j by %s', (caller = '', tool = '', method = '') => {
    expect(decided(caller, tool, method)).toBe('deny');
  });

  it('give no reason for a warning', () => {
    expect(policies.warnings).toEqual([]);
  });
});
